package remote

import (
	"errors"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/resync"
)

// TestRefusedIdentityInEachRound: a mailbox whose identity question is refused in
// a later round still has an answer; one without would count as unchanged.
func TestRefusedIdentityInEachRound(t *testing.T) {
	for name, o := range map[string]imaptest.Options{
		"plain": {},
		"condstore": {Mangle: func(_ *imaptest.Conn, line string) string {
			if strings.HasPrefix(line, "* VANISHED (EARLIER)") {
				return "* VANISHED (EARLIER) 2:x"
			}
			return line
		}},
	} {
		t.Run(name, func(t *testing.T) {
			refuse := false // read and written between commands only
			o.Caps = imaptest.DefaultCaps.With(imaptest.CapObjectID)
			o.Hook = func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
				if verb == "UID FETCH" && strings.Contains(line, "EMAILID") {
					if refuse || name == "plain" {
						return imaptest.Action{Reply: "BAD Unknown data item EMAILID"}
					}
					refuse = true // the first round passes
				}
				return imaptest.Action{}
			}
			srv := newServer(t, o)
			uids := fill(srv, "INBOX", 5)
			v, next, modSeq := srv.UIDState("INBOX")
			srv.Expunge("INBOX", uint32(uids[1]))
			srv.SetNoModSeq("INBOX", name == "plain")
			srv.Append("INBOX", nil, time.Unix(1700000000, 0), message(6))
			_, c := connect(t, dialOptions(srv.Dial))
			if _, err := c.ListMailboxes(t.Context()); err != nil {
				t.Fatal(err)
			}
			known := mail.Cursor{UIDValidity: mail.UIDValidity(v), UIDNext: mail.UID(next), HighestModSeq: mail.ModSeq(modSeq), Messages: 5}
			ch := one(t, c, resync.Request{Mailbox: "INBOX", Known: known, ListNew: true, Expunges: true})
			if len(ch.New) != 1 || ch.New[0].EmailID != "" || !ch.HasPresent || text(ch.Present) != "1,3:6" {
				t.Errorf("new %v, present %s", ch.New, text(ch.Present))
			}
		})
	}
}

// TestRefusalOfAll: a mailbox that refuses every FETCH is in the answer with its
// error, and does not cost the others their identities.
func TestRefusalOfAll(t *testing.T) {
	srv := newServer(t, imaptest.Options{
		Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID),
		Hook: func(c *imaptest.Conn, _, verb, _ string) imaptest.Action {
			if verb == "UID FETCH" && c.Mailbox() == "Broken" {
				return imaptest.Action{Reply: "NO [SERVERBUG] Internal error"}
			}
			return imaptest.Action{}
		},
	})
	if err := srv.CreateMailbox("Broken"); err != nil {
		t.Fatal(err)
	}
	fill(srv, "INBOX", 2)
	fill(srv, "Broken", 2)
	cl, c := connect(t, dialOptions(srv.Dial))
	got := changes(t, c, resync.Request{Mailbox: "Broken", ListNew: true})
	if len(got) != 1 || got[0].Err == nil || cl.identityRefused() {
		t.Errorf("%+v, identities refused %v", got, cl.identityRefused())
	}
	if ch := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true}); len(ch.New) != 2 || ch.New[0].EmailID == "" {
		t.Errorf("%+v", ch.New)
	}
}

// TestIdentityOnEachConnection: what the connection that listed found out about
// identities holds for the others.
func TestIdentityOnEachConnection(t *testing.T) {
	asked := make(chan string, 2)
	play := func(s *scripted) {
		s.login("IMAP4rev1 ID")
		s.expect(`ID ("name"`, `* ID ("name" "Dovecot")`, "OK")
		s.expect("LIST", `* LIST () "/" INBOX`, "OK")
		s.expect("LSUB", "OK")
		s.expect("LIST", "OK")
		s.expect("STATUS", "* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1)", "OK")
		s.logout()
	}
	cl, c := connect(t, dialOptions(script(t, play)))
	if _, err := c.ListMailboxes(t.Context()); err != nil {
		t.Fatal(err)
	}
	cl.opts.Dial = dialOptions(script(t, func(s *scripted) {
		s.login("IMAP4rev1 ID")
		s.expect("EXAMINE", "* 1 EXISTS", "* OK [UIDVALIDITY 1] x", "OK done")
		line, err := s.br.ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		asked <- line
		tag, _, _ := strings.Cut(line, " ")
		s.send(`* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 10 INTERNALDATE "17-Jul-1996 02:44:25 -0700" X-GUID abc)`, tag+" OK done")
		s.logout()
	})).Dial
	second, err := cl.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	list, err := second.FetchMetadata(t.Context(), "INBOX", 1, mail.UIDSetOf([]mail.UID{1}))
	if err != nil || len(list) != 1 || list[0].EmailID != "guid:abc" {
		t.Errorf("%+v %v", list, err)
	}
	if line := <-asked; !strings.Contains(line, "X-GUID") {
		t.Errorf("asked %q", line)
	}
}

// TestVanishedIsNoExcuse: what a server says to have gone meanwhile does not make
// a short list whole, whatever it names.
func TestVanishedIsNoExcuse(t *testing.T) {
	for name, line := range map[string]string{
		"range": "* VANISHED 1000:4294967295", "twice": strings.Repeat("* VANISHED 4\r\n", 97) + "* VANISHED 4",
		"expunges": strings.Repeat("* 1 EXPUNGE\r\n", 96) + "* 1 EXPUNGE",
	} {
		t.Run(name, func(t *testing.T) {
			play := func(rounds int) func(s *scripted) {
				return func(s *scripted) {
					s.login("IMAP4rev1 ESEARCH")
					for range rounds {
						s.expect("EXAMINE", "* 100 EXISTS", "* OK [UIDVALIDITY 1] x", "* OK [UIDNEXT 101] x", "OK done")
						s.expect("UID SEARCH", "* ESEARCH UID ALL 1:3", line, "OK done")
					}
					s.logout()
				}
			}
			_, c := connect(t, dialOptions(script(t, play(2))))
			set, err := c.SearchAllUIDs(t.Context(), "INBOX", 1)
			if !errors.Is(err, resync.ErrIncomplete) || text(set) != "1:3" {
				t.Errorf("%s, %v", text(set), err)
			}
		})
		t.Run(name+" of all", func(t *testing.T) {
			_, c := connect(t, dialOptions(script(t, func(s *scripted) {
				s.login("IMAP4rev1")
				s.expect("EXAMINE", "* 100 EXISTS", "* OK [UIDVALIDITY 1] x", "* OK [UIDNEXT 101] x", "OK done")
				s.expect("UID FETCH", "* 1 FETCH (UID 1 FLAGS ())", line, "OK done")
				s.logout()
			})))
			ch := one(t, c, resync.Request{Mailbox: "INBOX", ReadOnly: true, Expunges: true,
				Known: mail.Cursor{UIDValidity: 1, UIDNext: 101, Messages: 100}})
			if !ch.Short {
				t.Error("the list counts as whole")
			}
		})
	}
}
