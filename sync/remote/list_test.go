package remote

import (
	"bufio"
	"fmt"
	"testing"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/resync"
)

func TestListMailboxes(t *testing.T) {
	for name, without := range lowered() {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{Delimiter: '.', Prefix: "INBOX.", Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)})
			for _, m := range []string{"INBOX.Lists", "INBOX.Lists.go", "INBOX.Entwürfe", "INBOX.a/b", "INBOX.100%"} {
				if err := srv.CreateMailbox(m); err != nil {
					t.Fatal(err)
				}
			}
			srv.Subscribe("INBOX.Lists.go", true)
			srv.SetSpecialUse("INBOX.Entwürfe", `\Drafts`)
			fill(srv, "INBOX.Lists.go", 3)
			o := dialOptions(srv.Dial)
			o.Without = without
			cl, c := connect(t, o)
			boxes, err := c.ListMailboxes(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			byName := map[string]Mailbox{}
			for _, m := range boxes {
				byName[m.Name] = m
			}
			for _, want := range []string{"INBOX", "Lists", "Lists/go", "Entwürfe", "a%2Fb", "100%"} {
				if name == "bare" && want != "INBOX" {
					want = "INBOX/" + want // nothing tells the prefix
				}
				if m, ok := byName[want]; !ok || !m.Selectable {
					t.Errorf("no %s in %v", want, boxes)
				}
			}
			if name == "bare" {
				return
			}
			got := byName["Lists/go"]
			v, next, modseq := srv.UIDState("INBOX.Lists.go")
			if !got.Subscribed || got.Status.Messages != 3 || uint32(got.Status.UIDNext) != next || uint32(got.Status.UIDValidity) != v {
				t.Errorf("Lists/go is %+v", got)
			}
			if name == "qresync" && (uint64(got.Status.HighestModSeq) != modseq || got.MailboxID != srv.MailboxID("INBOX.Lists.go")) {
				t.Errorf("Lists/go is %+v, want modseq %d", got, modseq)
			}
			if byName["Entwürfe"].SpecialUse != `\Drafts` {
				t.Errorf("Entwürfe is %+v", byName["Entwürfe"])
			}
			if s := cl.Stats(); name == "qresync" && s.RoundTrips != 2 {
				t.Errorf("login and overview took %d turns, want 2", s.RoundTrips)
			}
			if name == "qresync" && srv.Stats().RoundTrips != 2 {
				t.Errorf("the server counted %d turns", srv.Stats().RoundTrips)
			}
		})
	}
}

func TestLevel(t *testing.T) {
	for name, want := range map[string]resync.Level{"qresync": resync.QResync, "condstore": resync.Condstore, "plain": resync.Plain, "bare": resync.Plain} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{})
			o := dialOptions(srv.Dial)
			o.Without = lowered()[name]
			_, c := connect(t, o)
			if _, err := c.ListMailboxes(t.Context()); err != nil {
				t.Fatal(err)
			}
			if c.Abilities().Level != want {
				t.Errorf("level %v", c.Abilities().Level)
			}
		})
	}
}

// A server that offers QRESYNC and does not confirm it is not believed.
func TestEnabledMissing(t *testing.T) {
	srv := newServer(t, imaptest.Options{Mangle: func(_ *imaptest.Conn, line string) string {
		if len(line) > 9 && line[:9] == "* ENABLED" {
			return ""
		}
		return line
	}})
	_, c := connect(t, dialOptions(srv.Dial))
	if _, err := c.ListMailboxes(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.Abilities().Level != resync.Condstore {
		t.Errorf("level %v", c.Abilities().Level)
	}
}

// The list that is asked for behind questions may be answered while they are
// being answered: Dovecot does so when FETCH has much to say.
func TestListBesideFetch(t *testing.T) {
	const caps = "IMAP4rev1 ENABLE CONDSTORE QRESYNC LIST-EXTENDED LIST-STATUS NAMESPACE"
	dial := script(t, func(s *scripted) {
		s.login(caps)
		s.expect("ENABLE QRESYNC", "* ENABLED QRESYNC", "OK")
		sel, fetch := s.command("SELECT"), s.command("UID FETCH")
		names, list := s.command("NAMESPACE"), s.command("LIST")
		s.send("* 3 EXISTS", "* OK [UIDVALIDITY 7] v", "* OK [UIDNEXT 13] n", "* OK [HIGHESTMODSEQ 90] h", "* VANISHED (EARLIER) 4", sel+" OK [READ-WRITE] selected",
			"* 2 FETCH (UID 11 FLAGS () MODSEQ (88) RFC822.SIZE 10)",
			`* NAMESPACE (("" "/")) NIL NIL`, names+" OK", `* LIST () "/" INBOX`, `* LIST () "/" Work`,
			"* 3 FETCH (UID 12 FLAGS () MODSEQ (89) RFC822.SIZE 10)",
			`* STATUS Work (MESSAGES 5 UIDNEXT 9 UIDVALIDITY 3 HIGHESTMODSEQ 4)`,
			fetch+" OK fetched", list+" OK listed")
		s.logout()
	})
	c := faulty(t, dial)
	var got *resync.Changes
	boxes, err := c.ResyncThenList(t.Context(), []resync.Request{{Mailbox: "INBOX", ListNew: true,
		Known: mail.Cursor{UIDValidity: 7, UIDNext: 11, HighestModSeq: 80, Messages: 2}}}, func(ch *resync.Changes) error { got = ch; return nil })
	if err != nil || got == nil || got.Err != nil {
		t.Fatal(got, err)
	}
	if len(got.New) != 2 || !got.Vanished.Contains(4) {
		t.Errorf("changes: %+v", got)
	}
	if len(boxes) != 2 || boxes[1].Name != "Work" || boxes[1].Status.UIDNext != 9 {
		t.Errorf("mailboxes: %+v", boxes)
	}
}

// However long the list is, it is not held without bound.
func TestListFlood(t *testing.T) {
	for name, x := range map[string]struct {
		line func(i int) string
		bad  bool
	}{
		"one name":   {func(int) string { return `* LIST () "/" Again` }, false},
		"many names": {func(i int) string { return fmt.Sprintf(`* LIST () "/" box%d`, i) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			dial := script(t, func(s *scripted) {
				s.login("IMAP4rev1 LIST-EXTENDED LIST-STATUS")
				list := s.command("LIST")
				w := bufio.NewWriter(s.conn)
				for i := range maxMailboxes + 10 {
					_, _ = w.WriteString(x.line(i) + "\r\n")
				}
				_, _ = w.WriteString(list + " OK\r\n")
				_ = w.Flush()
				s.drain()
			})
			c := faulty(t, dial)
			boxes, err := c.ListMailboxes(t.Context())
			if x.bad != (err != nil) || !x.bad && len(boxes) != 1 {
				t.Errorf("%d mailboxes, %v", len(boxes), err)
			}
		})
	}
}
