package imaptest

import (
	"strings"
	"testing"
)

// Each capability that is off leaves the announcement and takes its commands with it.
func TestCapsOff(t *testing.T) {
	cases := []struct {
		off    Caps
		script string
	}{
		{CapQResync, "C: a ENABLE QRESYNC\nS: * ENABLED\nS: a OK ...\nC: b SELECT INBOX (QRESYNC (1 1))\nS: b BAD ..."},
		{CapCondstore, "C: a SELECT INBOX (CONDSTORE)\nS: a BAD ...\nC: b STATUS INBOX (HIGHESTMODSEQ)\nS: b BAD ...\n" +
			"C: c SELECT INBOX\nS: ...\nS: * OK [UIDNEXT 3] ...\nS: c OK ...\nC: d FETCH 1 MODSEQ\nS: d BAD ...\n" +
			"C: e STORE 1 (UNCHANGEDSINCE 5) +FLAGS (x)\nS: e BAD ...\nC: f SEARCH MODSEQ 1\nS: f BAD ..."},
		{CapEnable, "C: a ENABLE CONDSTORE\nS: a BAD ..."},
		{CapUIDPlus, "C: a APPEND INBOX {1+}|x\nS: a OK Append completed\nC: b SELECT INBOX\nS: ...\nS: b OK ...\n" +
			"C: c UID EXPUNGE 1\nS: c BAD ...\nC: d UID COPY 1 INBOX\nS: ...\nS: d OK Copy completed"},
		{CapMove, "C: a SELECT INBOX\nS: ...\nS: a OK ...\nC: b UID MOVE 1 INBOX\nS: b BAD ..."},
		{CapListExtended, "C: a LIST (SUBSCRIBED) \"\" *\nS: a BAD ...\nC: b LIST \"\" * RETURN (CHILDREN)\nS: b BAD ..."},
		{CapListStatus, "C: a LIST \"\" * RETURN (STATUS (MESSAGES))\nS: a BAD ..."},
		{CapStatusSize, "C: a STATUS INBOX (SIZE)\nS: a BAD ..."},
		{CapSpecialUse, "C: a LIST \"\" * RETURN (SPECIAL-USE)\nS: a BAD ..."},
		{CapLiteralPlus, "C: a SUBSCRIBE {1+}|x\nS: a BAD ..."},
		{CapNamespace, "C: a NAMESPACE\nS: a BAD ..."},
		{CapIdle, "C: a IDLE\nS: a BAD ..."},
		{CapUnselect, "C: a SELECT INBOX\nS: ...\nS: a OK ...\nC: b UNSELECT\nS: b BAD ..."},
		{CapESearch, "C: a SELECT INBOX\nS: ...\nS: a OK ...\nC: b SEARCH RETURN (ALL) ALL\nS: b BAD ..."},
		{CapChildren, "C: a LIST \"\" *\nS: * LIST () \"/\" \"INBOX\"\nS: a OK ..."},
		{CapID, "C: a ID NIL\nS: a BAD ..."},
		{CapMultiAppend, "C: a APPEND INBOX {1+}|x {1+}|y\nS: a BAD ..."},
		{CapObjectID, "C: a STATUS INBOX (MAILBOXID)\nS: a BAD ...\nC: b CREATE x\nS: b OK Create completed"},
		{CapCompress, "C: a COMPRESS DEFLATE\nS: a BAD ..."},
		{CapStartTLS, "C: a STARTTLS\nS: a BAD ..."},
	}
	for _, tc := range cases {
		t.Run(tc.off.String(), func(t *testing.T) {
			s := start(t, Options{Caps: DefaultCaps.Without(tc.off)})
			fill(s, "INBOX", 2)
			c := login(t, s)
			c.script(tc.script)
			c.send("z CAPABILITY")
			if got := c.line(); strings.Contains(got+" ", " "+tc.off.String()+" ") {
				t.Errorf("still announced: %s", got)
			}
		})
	}
	none := start(t, Options{Caps: CapIMAP4rev1})
	c := dial(t, none)
	c.script("S: * OK [CAPABILITY IMAP4rev1] ...\nC: a AUTHENTICATE PLAIN\nS: a NO ...\nC: b LOGIN ann secret\nS: b OK ...")
}

func TestDefaultCaps(t *testing.T) {
	for _, off := range []Caps{CapCompress, CapLiteralMinus, CapLoginDisabled, CapObjectID, CapStartTLS} {
		if DefaultCaps.Has(off) {
			t.Errorf("%s is on", off)
		}
	}
	if got := Caps(0).Without(CapCondstore).settle(); got.Has(CapQResync) {
		t.Error("QRESYNC without CONDSTORE")
	}
	if got := DefaultCaps.Without(DefaultCaps); got != CapIMAP4rev1 {
		t.Errorf("left: %s", got)
	}
}
