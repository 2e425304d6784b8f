package imaptest

import (
	"strings"
	"testing"
	"testing/quick"
)

func TestLogin(t *testing.T) {
	s := start(t, Options{})
	c := dial(t, s)
	c.script(`
		S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN ...] imaptest ready
		C: a NOOP
		S: a OK Completed
		C: b SELECT INBOX
		S: b BAD Not authenticated
		C: c LOGIN ann wrong
		S: c NO [AUTHENTICATIONFAILED] ...
		C: d LOGIN "ann" {6+}|secret
		S: d OK [CAPABILITY IMAP4rev1 CHILDREN ...] Logged in
		C: e LOGIN ann secret
		S: e BAD Already authenticated
		C: f ID ("name" "x" "version" NIL)
		S: * ID ("name" "imaptest")
		S: f OK ...
		C: g NAMESPACE
		S: * NAMESPACE (("" "/")) NIL NIL
		S: g OK ...
		C: h LOGOUT
		S: * BYE ...
		S: h OK ...
	`)
	if _, err := c.r.ReadByte(); err == nil {
		t.Fatal("connection stayed open")
	}
}

func TestAuthenticate(t *testing.T) {
	c := dial(t, start(t, Options{NoGreetingCaps: true, NoLoginCaps: true}))
	c.script(`
		S: * OK imaptest ready
		C: a AUTHENTICATE PLAIN
		S: + ...
		C: *
		S: a BAD Authentication cancelled
		C: b AUTHENTICATE PLAIN
		S: + ...
		C: AGFubgBzZWNyZXQ=
		S: b OK Logged in
	`)
	c = dial(t, start(t, Options{}))
	c.line()
	c.script(`
		C: a AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=
		S: a OK [CAPABILITY ...
	`)
	c = dial(t, start(t, Options{Caps: DefaultCaps.Without(CapSASLIR).With(CapLoginDisabled)}))
	c.line()
	c.script(`
		C: a AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=
		S: a BAD Initial response not supported
	`)
}

func TestStrict(t *testing.T) {
	s := start(t, Options{Caps: DefaultCaps.Without(CapLiteralPlus).With(CapLiteralMinus)})
	fill(s, "INBOX", 2)
	c := login(t, s)
	c.script("C: a APPEND INBOX {5000+}|" + strings.Repeat("x", 5000) + `
		S: a BAD Non-synchronising literal ...
		C: b XYZZY
		S: b BAD Unknown command
		C: c NOOP now
		S: c BAD ...
		C: d SELECT  INBOX
		S: d BAD ...
		C: e SELECT INBOX (QRESYNC (1 2))
		S: e BAD QRESYNC is not enabled
		C: f SELECT INBOX
		S: ...
		S: f OK [READ-WRITE] Selected
		C: g FETCH 3 FLAGS
		S: g BAD Sequence number beyond ...
		C: h FETCH 1 (FLAGS ALL)
		S: h BAD Macro ...
		C: i UID FETCH 1:* FLAGS (VANISHED)
		S: i BAD ...
		C: j STORE 1 +FLAGS (\Recent)
		S: j BAD ...
		C: k ENABLE CONDSTORE
		S: k BAD ...
		C: l UID FETCH 0 FLAGS
		S: l BAD ...
		C: m SEARCH CHARSET KLINGON ALL
		S: m NO [BADCHARSET ...
		C: n CREATE "a//b"
		S: n NO [CANNOT] ...
		C: o CREATE "&AGE-"
		S: o NO [CANNOT] ...
		C: p APPEND INBOX "1-Mar-2026 10:00:00 +0100" {3+}|abc
		S: p BAD Invalid date-time ...
		C: q LOGIN "a\b" c
		S: q BAD ...
	`)
	c.send("r NOOP " + strings.Repeat("x", 9000))
	c.script("S: r BAD Command line is longer than 8000 bytes")
}

func TestSelectFetchStore(t *testing.T) {
	s := start(t, Options{})
	fill(s, "INBOX", 3)
	c := login(t, s)
	c.script(`
		C: a SELECT inbox
		S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
		S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft \*)] ...
		S: * 3 EXISTS
		S: * 3 RECENT
		S: * OK [UNSEEN 1] ...
		S: * OK [UIDVALIDITY 1] ...
		S: * OK [UIDNEXT 4] ...
		S: * OK [HIGHESTMODSEQ 4] ...
		S: a OK [READ-WRITE] Selected
		C: b FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (subject)])
		S: * 1 FETCH (UID 1 FLAGS (\Recent) INTERNALDATE " 1-Mar-2026 10:00:00 +0100" RFC822.SIZE 52 BODY[HEADER.FIELDS (SUBJECT)] <Subject: m1||>)
		S: b OK ...
		C: c UID FETCH 2 (BODY[TEXT]<1.3>)
		S: * 2 FETCH (BODY[TEXT]<1> <ody> UID 2 FLAGS (\Seen \Recent))
		S: c OK ...
		C: d STORE 1:2 +FLAGS ($Work \Flagged)
		S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Work)
		S: * OK [PERMANENTFLAGS (... \* $Work)] ...
		S: * 1 FETCH (FLAGS (\Flagged $Work \Recent))
		S: * 2 FETCH (FLAGS (\Flagged \Seen $Work \Recent))
		S: d OK ...
		C: e STORE 1 -FLAGS.SILENT \Flagged
		S: e OK ...
		C: f FETCH 1 (FLAGS MODSEQ)
		S: * OK [HIGHESTMODSEQ 7] ...
		S: * 1 FETCH (FLAGS ($Work \Recent) MODSEQ (7))
		S: f OK ...
		C: g UID STORE 1:3 (UNCHANGEDSINCE 6) +FLAGS.SILENT (\Deleted)
		S: * 2 FETCH (UID 2 MODSEQ (8))
		S: * 3 FETCH (UID 3 MODSEQ (8))
		S: * 1 FETCH (UID 1 FLAGS ($Work \Recent) MODSEQ (7))
		S: g OK [MODIFIED 1] ...
		C: h UID EXPUNGE 3:*
		S: * 3 EXPUNGE
		S: h OK Expunge completed
		C: i FETCH 1 ENVELOPE
		S: * 1 FETCH (ENVELOPE (NIL "m1" (("Bob" NIL "bob" "example.org")) ...))
		S: i OK ...
		C: j EXAMINE INBOX
		S: ...
		S: j OK [READ-ONLY] Selected
		C: k STORE 1 FLAGS ()
		S: k NO ...
		C: l CLOSE
		S: l OK ...
	`)
	if got := s.Messages("INBOX"); len(got) != 2 || strings.Join(got[1].Flags, " ") != `$Work \Deleted \Flagged \Seen` {
		t.Fatalf("got %+v", got)
	}
}

func TestSearch(t *testing.T) {
	s := start(t, Options{})
	fill(s, "INBOX", 5)
	s.StoreFlags("INBOX", 2, []string{`\Seen`, "$A"}, nil)
	s.Expunge("INBOX", 1)
	login(t, s).script(`
		C: a SELECT INBOX
		S: ...
		S: a OK ...
		C: b SEARCH SEEN
		S: * SEARCH 1
		S: b OK ...
		C: c UID SEARCH NOT SEEN SINCE 4-Mar-2026
		S: * SEARCH 4 5
		S: c OK ...
		C: d UID SEARCH OR KEYWORD $A (HEADER Subject M5 UNKEYWORD $A)
		S: * SEARCH 2 5
		S: d OK ...
		C: e UID SEARCH RETURN (MIN MAX COUNT ALL) UID 3:100
		S: * ESEARCH (TAG "e") UID MIN 3 MAX 5 COUNT 3 ALL 3:5
		S: e OK ...
		C: f UID SEARCH MODSEQ 7
		S: * OK [HIGHESTMODSEQ 8] ...
		S: * SEARCH 2 (MODSEQ 7)
		S: f OK ...
		C: g SEARCH RETURN () 1:2 LARGER 10 BEFORE 3-Mar-2026
		S: * ESEARCH (TAG "g") ALL 1
		S: g OK ...
		C: h SEARCH TEXT nothing
		S: * SEARCH
		S: h OK ...
	`)
}

func TestNames(t *testing.T) {
	good := func(name string) bool {
		name = strings.ToValidUTF8(name, "")
		got, err := DecodeName(EncodeName(name))
		return err == nil && got == name
	}
	if err := quick.Check(good, nil); err != nil {
		t.Error(err)
	}
	if got := EncodeName("Entwürfe & 日本"); got != "Entw&APw-rfe &- &ZeVnLA-" {
		t.Error(got)
	}
	for _, bad := range []string{"&", "&AGE-", "a&b", "&AP-", "\xff", "&ZeU-&Zyw-"} {
		if name, err := DecodeName(bad); err == nil {
			t.Errorf("%q decoded to %q", bad, name)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "a/b", true}, {"%", "a/b", false}, {"%", "a", true}, {"%/%", "a/b", true}, {"a*", "a", true}, {"a%c", "abc", true},
		{"a%c", "a/c", false}, {"*c", "a/b/c", true}, {"%*", "a/b", true}, {"", "", true}, {"a", "ab", false}, {"%/b", "a/x/b", false},
		{strings.Repeat("*a", 40), strings.Repeat("a", 39), false},
	} {
		if got := matches(tc.pattern, tc.name, "/"); got != tc.want {
			t.Errorf("matches(%q, %q) = %t", tc.pattern, tc.name, got)
		}
	}
}
