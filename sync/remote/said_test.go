package remote

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"satchel/sync/mail"
	"satchel/sync/remote/resync"
)

// anything is a server that puts the same bytes before each of its answers.
func (s *scripted) anything(noise string) {
	for {
		line, err := s.br.ReadString('\n')
		if err != nil {
			return
		}
		tag, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		s.raw(noise + "\r\n")
		if strings.HasSuffix(rest, "+}") {
			_, _ = s.br.ReadString('\n')
			_, _ = s.br.ReadString('\n')
		}
		s.send("* OK [UIDVALIDITY 3] x", tag+" OK x")
	}
}

// everything asks a connection for whatever it can be asked for.
func everything(ctx context.Context, c *Conn) {
	take := func(*resync.Changes) error { return nil }
	req := resync.Request{Mailbox: "INBOX", ListNew: true, Expunges: true}
	_, _ = c.ListMailboxes(ctx)
	_, _ = c.ListNames(ctx)
	for _, name := range []string{"INBOX", "ab", strings.Repeat("é", 45)} {
		_ = c.cl.Nameable(name)
		_ = c.cl.Spelling(name)
		_, _, _ = c.Lookup(ctx, []string{name})
		_, _ = c.Create(ctx, name)
		_ = c.Subscribe(ctx, name, true)
	}
	_ = c.Resync(ctx, []resync.Request{req}, take)
	req.Known = mail.Cursor{UIDValidity: 3, UIDNext: 5, Messages: 4, HighestModSeq: 7}
	req.Base = func() (*resync.FlagRuns, error) { return &resync.FlagRuns{}, nil }
	_ = c.Resync(ctx, []resync.Request{req}, take)
	_, _ = c.SearchAllUIDs(ctx, "INBOX", 3)
	if sel, err := c.Select(ctx, "INBOX", 3); err == nil {
		_, _ = sel.Store(ctx, []StoreRequest{{UIDs: []mail.UID{1, 2}, Delta: mail.Delta{Add: mail.NewFlags(`\Seen`)}, UnchangedSince: 5}})
		_, _ = sel.Move(ctx, []mail.UID{3}, "ab")
	}
	_ = c.Append(ctx, "INBOX", []AppendRequest{request([]byte("a\r\n"))}, func(int, mail.UID, mail.UIDValidity, error) {})
}

// fellingLines are lines by which clients were, or could be, brought to fall.
func fellingLines() []string {
	long := strings.Repeat("p", 3600)
	return []string{
		fmt.Sprintf(`* NAMESPACE (("%s/" "/")) NIL NIL`, long),
		fmt.Sprintf("* LIST () \"/\" \"%s\"\r\n* LIST () \"/\" \"%s/ab\"", long, long),
		`* NAMESPACE (("" NIL)) (("" "")) NIL`,
		`* LIST () NIL ""` + "\r\n" + `* LIST () "" "/"` + "\r\n" + `* LIST (\NonExistent`,
		`* STATUS "INBOX" (MESSAGES 99999999999999999999 UIDNEXT 0 UIDVALIDITY -1 APPENDLIMIT NIL)`,
		"* VANISHED (EARLIER) 0:*,5:1,4294967295:4294967296", "* VANISHED", "* ESEARCH (TAG \"X1\") UID ALL 0 COUNT", "* ESEARCH (TAG \"",
		"* SEARCH 0 -1 4294967296", "* 0 EXPUNGE\r\n* 0 EXISTS\r\n* 4294967296 EXISTS\r\n* 18446744073709551615 EXISTS",
		`* 1 FETCH (UID 0 FLAGS NIL)` + "\r\n" + `* 1 FETCH (FLAGS (`, `* 1 FETCH (BODY[]<0> NIL UID 1 RFC822.SIZE -1 MODSEQ ())`,
		"* OK [COPYUID 1 1:2 5]\r\n* OK [COPYUID 1 1:* 5:*] x\r\n* OK [APPENDUID 0 0] x\r\n* OK [", "* OK [MODIFIED 1:*", "* BAD", "* NO", "*  ", "+", "", "* ENABLED",
		"* FLAGS (", "* OK [PERMANENTFLAGS ()] x", "* CAPABILITY", "* PREAUTH", "* ID NIL", "* ID (",
	}
}

// FuzzSaid: no server's line makes anything fall, whatever it stands before.
func FuzzSaid(f *testing.F) {
	for _, line := range fellingLines() {
		for _, caps := range []byte{0, 1} {
			f.Add([]byte(line), caps)
		}
	}
	f.Fuzz(func(t *testing.T, noise []byte, caps byte) {
		if bytes.Contains(noise, []byte("}")) {
			t.Skip("literals swallow answers: FuzzSession has them")
		}
		words := []string{
			"IMAP4rev1 LITERAL+ NAMESPACE ID",
			"IMAP4rev1 LITERAL+ NAMESPACE LIST-EXTENDED LIST-STATUS ENABLE CONDSTORE QRESYNC UIDPLUS MOVE ESEARCH OBJECTID UNSELECT SPECIAL-USE APPENDLIMIT",
		}[caps%2]
		o := dialOptions(script(t, func(s *scripted) {
			s.login(words)
			s.anything(string(noise))
		}))
		cl, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		c, err := cl.Connect(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		everything(ctx, c)
		if ctx.Err() != nil {
			t.Error("did not end")
		}
	})
}
