package remote

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
)

// TestMailboxNamedLikeALimit: a mailbox may be called like what a server says
// when it throttles. That it is not there ends no connection.
func TestMailboxNamedLikeALimit(t *testing.T) {
	const name = "Too many requests/Throttled"
	for _, how := range []string{`NO Mailbox "%" does not exist`, `NO Mailbox % does not exist`, `BAD %: no`} {
		t.Run(how, func(t *testing.T) {
			var refuse atomic.Bool
			srv := newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
				if refuse.Load() && (verb == "SELECT" || verb == "UID FETCH") {
					return imaptest.Action{Reply: strings.Replace(how, "%", name, 1)}
				}
				return imaptest.Action{}
			}})
			if err := srv.CreateMailbox(name); err != nil {
				t.Fatal(err)
			}
			fill(srv, name, 1)
			_, c := connect(t, dialOptions(srv.Dial))
			if _, err := c.ListMailboxes(t.Context()); err != nil {
				t.Fatal(err)
			}
			refuse.Store(true)
			if _, err := c.Select(t.Context(), name, 0); mail.KindOf(err) != mail.KindMailbox {
				t.Errorf("%s: select: %v", how, err)
			}
			if _, failed := bodies(t, c, BodyRequest{Mailbox: name, UIDs: []mail.UID{1}}); failed[name] == nil {
				t.Errorf("%s: fetch was not refused", how)
			}
			if err := c.Noop(t.Context()); err != nil {
				t.Errorf("%s: the connection has ended: %v", how, err)
			}
		})
	}
}

// TestAbsurdAppendLimit: a limit that no message would keep is none; the
// server decides.
func TestAbsurdAppendLimit(t *testing.T) {
	for _, caps := range []string{"APPENDLIMIT=-1", "APPENDLIMIT=0", "APPENDLIMIT=1", "APPENDLIMIT=99999999999999999999", "APPENDLIMIT=x"} {
		t.Run(caps, func(t *testing.T) {
			sent := make(chan bool, 1)
			_, c := connect(t, dialOptions(script(t, func(s *scripted) {
				s.login("IMAP4rev1 " + caps)
				tag := s.command("APPEND")
				s.send("+ go")
				line, _ := s.br.ReadString('\n')
				rest, _ := s.br.ReadString('\n')
				sent <- line+rest == "a\r\n\r\n"
				s.send(tag + " OK done")
				s.logout()
			})))
			if err := c.Append(t.Context(), "INBOX", []AppendRequest{request([]byte("a\r\n"))},
				func(_ int, _ mail.UID, _ mail.UIDValidity, err error) {
					if err != nil {
						t.Errorf("%s: %v", caps, err)
					}
				}); err != nil || !<-sent {
				t.Errorf("%s: not sent, or %v", caps, err)
			}
		})
	}
}

// TestSubscribedAlready: a NO that only says that nothing is to be done is no
// failure; one that is true is.
func TestSubscribedAlready(t *testing.T) {
	for _, without := range [][]string{nil, {"LIST-EXTENDED"}} {
		t.Run(fmt.Sprint(without), func(t *testing.T) {
			srv := newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
				if verb == "SUBSCRIBE" || verb == "UNSUBSCRIBE" {
					return imaptest.Action{Reply: "NO already so"}
				}
				return imaptest.Action{}
			}})
			for _, name := range []string{"On", "Off"} {
				if err := srv.CreateMailbox(name); err != nil {
					t.Fatal(err)
				}
			}
			srv.Subscribe("On", true)
			o := dialOptions(srv.Dial)
			o.Without = without
			_, c := connect(t, o)
			for _, x := range []struct {
				name string
				on   bool
			}{{"On", true}, {"On", false}, {"Off", true}, {"Off", false}} {
				err := c.Subscribe(t.Context(), x.name, x.on)
				if so := (x.name == "On") == x.on; so != (err == nil) {
					t.Errorf("without %v: %s to %t: %v", without, x.name, x.on, err)
				}
				var re *refusal.ResponseError
				if err != nil && !errors.As(err, &re) {
					t.Error(err)
				}
			}
		})
	}
}

// TestAppendIntoExamined: a mailbox that was opened for reading takes messages
// over the same connection, also from a server that mixes up the two.
func TestAppendIntoExamined(t *testing.T) {
	for _, without := range [][]string{nil, {"UNSELECT"}} {
		t.Run(fmt.Sprint(without), func(t *testing.T) {
			var mu sync.Mutex
			examined := false
			srv := newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
				mu.Lock()
				defer mu.Unlock()
				switch verb {
				case "EXAMINE":
					examined = true
				case "SELECT", "UNSELECT", "CLOSE":
					examined = false
				case "APPEND":
					if examined {
						return imaptest.Action{Reply: "NO [READ-ONLY] Mailbox is read-only"}
					}
				}
				return imaptest.Action{}
			}})
			fill(srv, "INBOX", 1)
			o := dialOptions(srv.Dial)
			o.Without = without
			_, c := connect(t, o)
			add := func() {
				t.Helper()
				if err := c.Append(t.Context(), "INBOX", []AppendRequest{request(message(9))},
					func(_ int, _ mail.UID, _ mail.UIDValidity, err error) {
						if err != nil {
							t.Errorf("without %v: %v", without, err)
						}
					}); err != nil {
					t.Fatal(err)
				}
			}
			bodies(t, c, BodyRequest{Mailbox: "INBOX", UIDs: []mail.UID{1}})
			add()
			if _, err := c.Select(t.Context(), "INBOX", 0); err != nil {
				t.Fatal(err)
			}
			if err := c.Delete(t.Context(), "Nowhere"); err == nil { // leaves what is open
				t.Fatal("deleted a mailbox that is not there")
			}
			add()
			if got, _ := bodies(t, c, BodyRequest{Mailbox: "INBOX", UIDs: []mail.UID{1, 2, 3}}); len(got) != 3 {
				t.Errorf("without %v: %d messages", without, len(got))
			}
		})
	}
}
