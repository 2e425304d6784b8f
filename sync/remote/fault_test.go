package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/dial"
	"satchel/sync/remote/resync"
)

func readFull(r io.Reader, p []byte) (int, error) { return io.ReadFull(r, p) }

// faulty connects with a short Timeout.
func faulty(t *testing.T, open func() (net.Conn, error)) *Conn {
	t.Helper()
	o := dialOptions(open)
	o.Timeout = 150 * time.Millisecond
	_, c := connect(t, o)
	return c
}

const opened = "* 1 EXISTS\r\n* OK [UIDVALIDITY 3] x\r\n* OK [UIDNEXT 6] x\r\n"

// Wherever the server stops, the operation ends with an error, and no half
// message looks like a whole one.
func TestStallsAndTruncation(t *testing.T) {
	cuts := map[string]string{
		"silence":          "",
		"half a line":      "* 1 FETCH (UID 5 FLA",
		"half a literal":   "* 1 FETCH (UID 5 FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" BODY[] {1000}\r\nshort",
		"half, spooled":    "* 1 FETCH (BODY[] {1000}\r\nshort",
		"after a literal":  "* 1 FETCH (UID 5 FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" BODY[] {5}\r\nwhole",
		"before the reply": "* 1 FETCH (UID 5 FLAGS () BODY[] {5}\r\nwhole)\r\n",
	}
	for name, cut := range cuts {
		for _, end := range []string{"stall", "close", "bye"} {
			t.Run(name+"/"+end, func(t *testing.T) {
				open := script(t, func(s *scripted) {
					s.login("IMAP4rev1")
					tag := s.command("EXAMINE")
					s.command("UID FETCH")
					s.raw(opened + tag + " OK x\r\n")
					if end == "bye" && (cut == "" || strings.HasSuffix(cut, "\n")) {
						s.send("* BYE shutting down")
					}
					s.raw(cut)
					if end == "stall" {
						s.drain()
					}
				})
				c := faulty(t, open)
				start := time.Now()
				_, err := c.FetchBodies(t.Context(), []BodyRequest{{Mailbox: "INBOX", UIDs: []mail.UID{5}}}, func(b Body) error {
					data, err := io.ReadAll(b)
					if err == nil && string(data) != "whole" {
						t.Errorf("half a message looks whole: %q", data)
					}
					return err
				})
				if mail.KindOf(err) != mail.KindConnection || time.Since(start) > 3*time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
				if end == "stall" && !errors.Is(err, dial.ErrStalled) {
					t.Errorf("not a stall: %v", err)
				}
				if end == "bye" && name == "silence" && !strings.Contains(err.Error(), "shutting down") {
					t.Errorf("BYE text lost: %v", err)
				}
				if err := c.Noop(t.Context()); mail.KindOf(err) != mail.KindConnection {
					t.Errorf("not dead: %v", err)
				}
			})
		}
	}
}

func TestStallEverywhere(t *testing.T) {
	ctx := t.Context()
	ops := map[string]func(c *Conn) error{
		"LIST":   func(c *Conn) error { _, err := c.ListMailboxes(ctx); return err },
		"ENABLE": func(c *Conn) error { _, err := c.ListMailboxes(ctx); return err },
		"SELECT": func(c *Conn) error { _, err := c.Select(ctx, "INBOX", 0); return err },
		"NOOP":   func(c *Conn) error { return c.Noop(ctx) },
		"CREATE": func(c *Conn) error { _, err := c.Create(ctx, "x"); return err },
		"APPEND": func(c *Conn) error {
			return c.Append(ctx, "INBOX", []AppendRequest{request([]byte("a\r\n"))}, func(int, mail.UID, mail.UIDValidity, error) {})
		},
		"UID STORE": func(c *Conn) error {
			sel, err := c.Select(ctx, "INBOX", 0)
			if err != nil {
				return err
			}
			_, err = sel.Store(ctx, []StoreRequest{{UIDs: []mail.UID{1}, Delta: mail.Delta{Add: mail.NewFlags(`\Seen`)}}})
			return err
		},
		"UID MOVE": func(c *Conn) error {
			sel, err := c.Select(ctx, "INBOX", 0)
			if err != nil {
				return err
			}
			_, err = sel.Move(ctx, []mail.UID{1}, "INBOX")
			return err
		},
		"UID FETCH": func(c *Conn) error {
			return c.Resync(ctx, []resync.Request{{Mailbox: "INBOX", ListNew: true}}, func(*resync.Changes) error { return nil })
		},
	}
	for verb, op := range ops {
		for fname, fault := range map[string]imaptest.Fault{"stall": imaptest.StallBefore, "drop": imaptest.DropBefore, "drop after": imaptest.DropAfter} {
			t.Run(verb+"/"+fname, func(t *testing.T) {
				srv := newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, v, _ string) imaptest.Action {
					if v == verb {
						return imaptest.Action{Fault: fault}
					}
					return imaptest.Action{}
				}})
				fill(srv, "INBOX", 3)
				c := faulty(t, srv.Dial)
				if err := op(c); mail.KindOf(err) != mail.KindConnection {
					t.Errorf("error %v", err)
				}
			})
		}
	}
}

func TestStallBeforeLogin(t *testing.T) {
	for name, play := range map[string]func(s *scripted){
		"no greeting":   func(s *scripted) { s.drain() },
		"half greeting": func(s *scripted) { s.raw("* OK"); s.drain() },
		"no answer":     func(s *scripted) { s.send("* OK [CAPABILITY IMAP4rev1] x"); s.drain() },
		"closed":        func(*scripted) {},
		"closed later":  func(s *scripted) { s.send("* OK [CAPABILITY IMAP4rev1] x"); s.command("LOGIN") },
		"bye":           func(s *scripted) { s.send("* BYE too many connections") },
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			o := dialOptions(script(t, play))
			o.Timeout = 150 * time.Millisecond
			cl, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = cl.Connect(t.Context())
			if mail.KindOf(err) != mail.KindConnection {
				t.Errorf("error %v", err)
			}
			if name == "bye" && !strings.Contains(err.Error(), "too many connections") {
				t.Errorf("text lost: %v", err)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	srv := newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if verb == "NOOP" {
			return imaptest.Action{Fault: imaptest.StallBefore}
		}
		return imaptest.Action{}
	}})
	_, c := connect(t, dialOptions(srv.Dial))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := c.Noop(ctx); !errors.Is(err, context.Canceled) || mail.KindOf(err) != mail.KindConnection {
		t.Error(err)
	}
	_ = c.Close()
	_ = c.Close()
}

// A large upload on a slow line is progress, although the server is silent.
func TestSlowUploadIsProgress(t *testing.T) {
	open := script(t, func(s *scripted) {
		_ = s.conn.(*net.TCPConn).SetReadBuffer(32 << 10)
		s.login("IMAP4rev1 LITERAL+")
		tag := s.command("APPEND")
		left := 12_000_000
		buf := make([]byte, 200_000)
		for left > 0 {
			n, err := s.br.Read(buf[:min(left, len(buf))])
			if err != nil {
				return
			}
			left -= n
			time.Sleep(time.Duration(n) * 40 * time.Nanosecond)
		}
		_, _ = s.br.ReadString('\n')
		s.send(tag + " OK [APPENDUID 3 9] done")
		s.logout()
	})
	c := faulty(t, open)
	content := []byte(strings.Repeat("0123456789\r\n", 1_000_000))
	err := c.Append(t.Context(), "INBOX", []AppendRequest{request(content)}, func(_ int, uid mail.UID, v mail.UIDValidity, err error) {
		if uid != 9 || v != 3 || err != nil {
			t.Error(uid, v, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// What a dead client had written must not reach the server later: it was not
// answered, so the next run does it again.
func TestDeadClientIsSilent(t *testing.T) {
	began, ended, reason := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	open := script(t, func(s *scripted) {
		s.login("IMAP4rev1 LITERAL+")
		s.command("APPEND")
		close(began)
		<-ended
		_, err := io.Copy(io.Discard, s.br)
		reason <- err
	})
	_, c := connect(t, dialOptions(open))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	err := c.Append(ctx, "INBOX", []AppendRequest{request(bytes.Repeat([]byte("line\r\n"), 200_000))}, func(int, mail.UID, mail.UIDValidity, error) {})
	if err == nil {
		t.Fatal("appended")
	}
	close(ended)
	_ = c.Close()
	if err := <-reason; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v", err)
	}
}

// A server that drips, a byte now and then and never to an end, is as good as
// silent.
func TestDrip(t *testing.T) {
	drip := func(s *scripted) {
		for _, err := io.WriteString(s.conn, "* "); err == nil; _, err = io.WriteString(s.conn, "x") {
			time.Sleep(30 * time.Millisecond)
		}
	}
	for name, play := range map[string]func(s *scripted){
		"greeting": drip,
		"login": func(s *scripted) {
			s.send("* OK [CAPABILITY IMAP4rev1] ready")
			s.command("LOGIN")
			drip(s)
		},
		"list": func(s *scripted) {
			s.login("IMAP4rev1")
			s.command("LIST")
			drip(s)
		},
		"body": func(s *scripted) {
			s.login("IMAP4rev1")
			s.expect("EXAMINE", strings.TrimSuffix(opened, "\r\n"), "OK")
			s.command("UID FETCH")
			s.raw("* 1 FETCH (UID 5 BODY[] {1000}\r\n")
			drip(s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := dialOptions(script(t, play))
			o.Timeout = 150 * time.Millisecond
			cl, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			c, err := cl.Connect(t.Context())
			if err == nil && name == "list" {
				_, err = c.ListMailboxes(t.Context())
			} else if err == nil {
				_, err = c.FetchBodies(t.Context(), []BodyRequest{{Mailbox: "INBOX", UIDs: []mail.UID{5}}}, func(b Body) error {
					_, err := io.Copy(io.Discard, b)
					return err
				})
			}
			if mail.KindOf(err) != mail.KindConnection {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
		})
	}
}

// Answers out of order would be attributed to the wrong mailbox.
func TestOutOfOrder(t *testing.T) {
	open := script(t, func(s *scripted) {
		s.login("IMAP4rev1")
		a, b := s.command("EXAMINE"), s.command("UID FETCH")
		s.send(b+" OK x", a+" OK x")
		s.drain()
	})
	c := faulty(t, open)
	_, err := c.FetchBodies(t.Context(), []BodyRequest{{Mailbox: "INBOX", UIDs: []mail.UID{5}}}, func(Body) error { t.Error("served"); return nil })
	if !errors.Is(err, errOutOfOrder) {
		t.Error(err)
	}
}

// A message repeated by the server must not end up in the next mailbox.
func TestRepeatedBody(t *testing.T) {
	body := func(uid, text string) string {
		return "* 1 FETCH (UID " + uid + " FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" BODY[] {1}\r\n" + text + ")\r\n"
	}
	open := script(t, func(s *scripted) {
		s.login("IMAP4rev1")
		sa, fa, sb, fb := s.command("EXAMINE"), s.command("UID FETCH"), s.command("EXAMINE"), s.command("UID FETCH")
		s.raw(opened + sa + " OK x\r\n" + body("5", "A") + body("5", "A") + body("7", "A") + fa + " OK x\r\n")
		s.raw(body("5", "A")) // between the mailboxes
		s.raw(opened + sb + " OK x\r\n" + body("5", "B") + fb + " OK x\r\n")
		s.logout()
	})
	c := faulty(t, open)
	got, _ := bodies(t, c, BodyRequest{Mailbox: "a", UIDs: []mail.UID{5}}, BodyRequest{Mailbox: "b", UIDs: []mail.UID{5}})
	if len(got) != 2 || got["a/5"] != "A" || got["b/5"] != "B" {
		t.Error(got)
	}
}

// What arrives before [CLOSED] is about the mailbox selected before.
func TestClosedSeparatesMailboxes(t *testing.T) {
	open := script(t, func(s *scripted) {
		s.login("IMAP4rev1 ENABLE CONDSTORE QRESYNC")
		s.expect("ENABLE", "* ENABLED QRESYNC", "OK x")
		a, b := s.command("SELECT"), s.command("SELECT")
		tail := "* OK [HIGHESTMODSEQ 9] x\r\n"
		s.raw(opened + tail + "* VANISHED (EARLIER) 1\r\n" + a + " OK x\r\n")
		s.raw("* VANISHED 2\r\n* 1 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (10))\r\n* OK [CLOSED] x\r\n")
		s.raw(opened + tail + "* VANISHED (EARLIER) 4\r\n* 1 FETCH (UID 5 FLAGS (\\Flagged) MODSEQ (8))\r\n" + b + " OK x\r\n")
		s.logout()
	})
	c := faulty(t, open)
	known := mail.Cursor{UIDValidity: 3, UIDNext: 6, HighestModSeq: 7}
	got := changes(t, c, resync.Request{Mailbox: "a", Known: known}, resync.Request{Mailbox: "b", Known: known})
	if text(got[0].Vanished) != "1" || len(got[0].Flags) != 0 || text(got[1].Vanished) != "4" || len(got[1].Flags) != 1 || got[1].Flags[0].UID != 5 {
		t.Errorf("%+v %+v", got[0], got[1])
	}
}

// A VANISHED that reaches to the end stays a range.
func TestHugeVanished(t *testing.T) {
	open := script(t, func(s *scripted) {
		s.login("IMAP4rev1 ENABLE CONDSTORE QRESYNC")
		s.expect("ENABLE", "* ENABLED QRESYNC", "OK x")
		a := s.command("SELECT")
		s.raw(opened + "* OK [HIGHESTMODSEQ 9] x\r\n* VANISHED (EARLIER) 12:*,1:4294967295,3\r\n" + a + " OK x\r\n")
		s.logout()
	})
	ch := one(t, faulty(t, open), resync.Request{Mailbox: "a", Known: mail.Cursor{UIDValidity: 3, UIDNext: 6, HighestModSeq: 7}})
	if text(ch.Vanished) != "1:4294967295" {
		t.Error(ch.Vanished)
	}
}

// A VANISHED that cannot be read must not be passed over: the server will not
// repeat it once the cursor has moved.
func TestGarbledVanished(t *testing.T) {
	open := script(t, func(s *scripted) {
		s.login("IMAP4rev1 ENABLE CONDSTORE QRESYNC")
		s.expect("ENABLE", "* ENABLED QRESYNC", "OK x")
		a := s.command("SELECT")
		s.raw(opened + "* OK [HIGHESTMODSEQ 9] x\r\n* VANISHED (EARLIER) 1,,x\r\n" + a + " OK x\r\n")
		a, f, u := s.command("SELECT"), s.command("UID FETCH 1:4294967295 (UID FLAGS) (CHANGEDSINCE 7)"), s.command("UID SEARCH ALL")
		s.raw("* OK [CLOSED] x\r\n" + opened + "* OK [HIGHESTMODSEQ 9] x\r\n" + a + " OK x\r\n")
		s.send(f+" OK x", "* SEARCH 4", u+" OK x")
		s.logout()
	})
	ch := one(t, faulty(t, open), resync.Request{Mailbox: "a", Known: mail.Cursor{UIDValidity: 3, UIDNext: 6, HighestModSeq: 7}})
	if text(ch.Present) != "4" || !ch.HasPresent || ch.Vanished != nil {
		t.Errorf("%+v", ch)
	}
}
