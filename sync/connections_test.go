package sync_test

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// TestConnectionsRefused: the work is done over the connections that there
// are.
func TestConnectionsRefused(t *testing.T) {
	for name, refusal := range map[string]string{
		"at login":       "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded",
		"by BYE":         "* BYE [ALERT] Too many simultaneous connections",
		"without a word": "",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{MaxConnections: 1, TooMany: refusal})
			waits := w.waits()
			w.acct.NoFsync = true
			w.large("INBOX", 40)
			if rep := w.sync(); rep.Counts["download"] != 40 {
				t.Errorf("did %v", rep.Counts)
			}
			w.agree()
			if st := w.srv.Stats(); st.Connections < 2 {
				t.Error("no second connection was tried, so nothing was refused")
			}
			if len(*waits) > 0 {
				t.Errorf("waited %v for connections that are not needed", *waits)
			}
		})
	}
}

// TestFirstConnectionRefused: somebody else's connections go away after a
// while, or do not.
func TestFirstConnectionRefused(t *testing.T) {
	for name, refusal := range map[string]string{
		"at login":       "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded",
		"by BYE":         "* BYE Too many connections",
		"without a word": "",
	} {
		for _, passes := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%t", name, passes), func(t *testing.T) {
				w := newWorld(t, imaptest.Options{MaxConnections: 1, TooMany: refusal})
				w.acct.Timeout = time.Minute
				w.srv.Append("INBOX", nil, time.Now(), w.message())
				other, err := w.srv.Dial()
				if err != nil {
					t.Fatal(err)
				}
				defer other.Close()
				var waits []time.Duration
				w.opts.Sleep = func(ctx context.Context, d time.Duration) error {
					if waits = append(waits, d); passes && len(waits) == 2 {
						leave(t, other)
					}
					return ctx.Err()
				}
				rep, err := w.trySync(mailsync.Request{})
				if passes {
					if err != nil || len(rep.Problems) > 0 || !slices.Equal(waits, []time.Duration{time.Second, 2 * time.Second}) {
						t.Errorf("%v, %v, waited %v", err, texts(rep), waits)
					}
					w.agree()
					return
				}
				if mail.KindOf(err) != mail.KindConnection || mail.HintOf(err) == "" || len(waits) == 0 || len(waits) > 5 {
					t.Errorf("%v (hint %q), waited %v", err, mail.HintOf(err), waits)
				}
			})
		}
	}
}

// leave logs a connection out and waits until the server has let go of it.
func leave(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := c.Write([]byte("a LOGOUT\r\n")); err != nil {
		t.Error(err)
	}
	buf := make([]byte, 4096)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// TestConnectionBreaksAtWork breaks the connection in the middle of each kind
// of work. The run goes on over another one when only something was read, or
// when the server broke it because it asks for patience; else it ends with that.
// Either way all ends as if nothing had happened.
func TestConnectionBreaksAtWork(t *testing.T) {
	for _, verb := range []string{"LIST", "SELECT", "UID FETCH", "APPEND", "UID MOVE", "UID STORE", "UID EXPUNGE", "CREATE"} {
		for name, act := range map[string]imaptest.Action{
			"before": {Fault: imaptest.DropBefore},
			"after":  {Fault: imaptest.DropAfter},
			"bye":    {Before: "* BYE Session invalidated - AccessTokenExpired\r\n", Fault: imaptest.DropBefore},
			"busy":   {Before: "* BYE [UNAVAILABLE] Come back in a moment\r\n", Fault: imaptest.DropBefore},
		} {
			t.Run(verb+"/"+name, func(t *testing.T) {
				r := &refusing{}
				s := everything()
				s.srv.Hook = r.hook
				w, _ := s.open(t)
				defer w.close()
				w.large("INBOX", 10)
				hit, main, first := false, 0, true
				r.arm(func(c *imaptest.Conn, v, _ string) imaptest.Action {
					main = cmp.Or(main, c.ID())
					if v == verb && !hit {
						hit, first = true, c.ID() == main
						return act
					}
					return imaptest.Action{}
				})
				_, err := w.trySync(mailsync.Request{})
				if !hit {
					t.Skip("not a command of this scenario")
				}
				reads := verb == "LIST" || verb == "SELECT" || verb == "UID FETCH"
				switch {
				case (name == "busy" || !first || reads) && err != nil:
					t.Fatalf("did not go on: %v", err)
				case name != "busy" && first && !reads && mail.KindOf(err) != mail.KindConnection:
					t.Fatalf("ended with %v", err)
				case err != nil:
					w.sync()
				}
				w.agree()
				w.quiet()
			})
		}
	}
}

// TestOneOfFourBreaks: what one connection was at is done by the others.
func TestOneOfFourBreaks(t *testing.T) {
	r := &refusing{}
	w := newWorld(t, imaptest.Options{Hook: r.hook})
	w.acct.NoFsync = true
	w.large("INBOX", 80)
	broken := 0
	r.arm(func(c *imaptest.Conn, verb, _ string) imaptest.Action {
		if verb == "UID FETCH" && c.ID() == 2 {
			broken++
			return imaptest.Action{Fault: imaptest.DropBefore}
		}
		return imaptest.Action{}
	})
	rep := w.sync()
	if broken != 1 || rep.Counts["download"] != 80 {
		t.Errorf("%d connections broke, did %v", broken, rep.Counts)
	}
	w.agree()
	w.quiet()
}

// TestConnectionAlwaysBreaks: a message at which the server ends every
// connection does not keep a run going for ever, nor the other messages back.
func TestConnectionAlwaysBreaks(t *testing.T) {
	r := &refusing{}
	w := newWorld(t, imaptest.Options{Hook: r.hook})
	must(w, w.srv.CreateMailbox("Poison"))
	w.srv.Append("INBOX", nil, time.Now(), w.message())
	w.sync()
	w.srv.Append("Poison", nil, time.Now(), w.message())
	r.arm(func(c *imaptest.Conn, verb, line string) imaptest.Action {
		if verb == "UID FETCH" && strings.Contains(line, "BODY") && c.Mailbox() == "Poison" {
			return imaptest.Action{Fault: imaptest.DropBefore}
		}
		return imaptest.Action{}
	})
	rep, err := w.trySync(mailsync.Request{})
	if err != nil || len(rep.Problems) != 1 || rep.Problems[0].Mailbox != "Poison" || mail.KindOf(rep.Problems[0].Err()) != mail.KindMessage {
		t.Errorf("ended with %v, %v", err, texts(rep))
	}
	if st := w.srv.Stats(); st.Connections > 10 {
		t.Errorf("%d connections", st.Connections)
	}
	r.arm(nil)
	w.sync()
	w.agree()
}
