package imaptest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// follower is a session that believes what the server tells it.
type follower struct {
	*client
	view []uint32 // UIDs by sequence number, 0 where not known yet
}

// run sends a command and follows the responses up to the tagged one. It reports what contradicts what was said before.
func (f *follower) run(tag, command string) {
	f.send(tag + " " + command)
	for {
		line := f.line()
		if strings.HasPrefix(line, tag+" ") {
			if strings.HasPrefix(line, tag+" BAD") && !strings.Contains(line, "beyond") {
				f.t.Errorf("%s: %s", command, line)
			}
			return
		}
		if err := f.follow(line); err != nil {
			f.t.Errorf("%s: %q: %v", command, line, err)
		}
	}
}

func (f *follower) follow(line string) error {
	var n int
	var uid uint32
	word := ""
	if k, _ := fmt.Sscanf(line, "* %d %s", &n, &word); k == 2 && word != "RECENT" {
		switch {
		case word == "EXISTS" && n < len(f.view):
			return fmt.Errorf("shrinks from %d", len(f.view))
		case word == "EXISTS":
			f.view = append(f.view, make([]uint32, n-len(f.view))...)
			return nil
		case n < 1 || n > len(f.view):
			return fmt.Errorf("there are %d messages", len(f.view))
		case word == "EXPUNGE":
			f.view = slices.Delete(f.view, n-1, n)
			return nil
		}
		if i := strings.Index(line, "UID "); i >= 0 {
			_, _ = fmt.Sscanf(line[i:], "UID %d", &uid)
			if was := f.view[n-1]; was != 0 && was != uid {
				return fmt.Errorf("was UID %d", was)
			}
			f.view[n-1] = uid
		}
		return nil
	}
	set, vanished := strings.CutPrefix(line, "* VANISHED ")
	if !vanished || strings.HasPrefix(set, "(EARLIER)") {
		return nil
	}
	p := parser{buf: []byte(set)}
	for _, r := range p.plainSet() {
		for uid := r.lo; uid <= r.hi; uid++ {
			// Either the UID is known, or it belongs to the gap before the next higher one.
			i := slices.Index(f.view, uid)
			if i < 0 {
				if i = slices.IndexFunc(f.view, func(u uint32) bool { return u > uid }); i < 0 {
					i = len(f.view)
				}
				if i--; i < 0 || f.view[i] != 0 {
					return fmt.Errorf("UID %d was never there", uid)
				}
			}
			f.view = slices.Delete(f.view, i, i+1)
		}
	}
	return p.err
}

// Several sessions and the test itself work on the same mailboxes. What each session believes in the end is what the server holds.
func TestSessions(t *testing.T) {
	s := start(t, Options{})
	fill(s, "INBOX", 30)
	_ = s.CreateMailbox("A")
	var group sync.WaitGroup
	sessions := make([]*follower, 4)
	for id := range sessions {
		f := &follower{client: login(t, s)}
		sessions[id] = f
		group.Go(func() {
			if id%2 == 0 {
				f.run("q", "ENABLE QRESYNC")
			}
			f.run("s", "SELECT INBOX")
			rng := rand.New(rand.NewPCG(1, uint64(id)))
			for i := range 100 {
				uid := 1 + rng.IntN(60)
				commands := []string{
					fmt.Sprintf("UID STORE %d +FLAGS (\\Seen k%d)", uid, id),
					fmt.Sprintf("UID STORE %d (UNCHANGEDSINCE 40) -FLAGS (\\Seen)", uid),
					fmt.Sprintf("STORE %d +FLAGS (\\Deleted)", 1+rng.IntN(5)),
					fmt.Sprintf("UID EXPUNGE %d:%d", uid, uid+10),
					fmt.Sprintf("UID MOVE %d A", uid),
					fmt.Sprintf("UID COPY %d INBOX", uid),
					"APPEND INBOX {5+}\r\nhello",
					"FETCH 1:* (UID FLAGS)",
					"UID SEARCH RETURN (ALL) UNSEEN",
					`LIST "" * RETURN (STATUS (MESSAGES UIDNEXT))`,
					"NOOP",
				}
				f.run(fmt.Sprintf("t%d", i), commands[rng.IntN(len(commands))])
			}
		})
	}
	group.Go(func() {
		for i := range 60 {
			s.Expunge("INBOX", uint32(i))
			s.StoreFlags("INBOX", uint32(i+5), []string{"$T"}, nil)
			s.Append("INBOX", nil, time.Time{}, []byte("x"))
			_, _ = s.Messages("A"), s.Stats()
		}
	})
	group.Wait()

	var want []uint32
	for _, m := range s.Messages("INBOX") {
		want = append(want, m.UID)
	}
	for id, f := range sessions {
		f.run("n", "NOOP")
		f.run("f", "UID FETCH 1:* UID")
		if !slices.Equal(f.view, want) {
			t.Errorf("session %d believes in %v, there are %v", id, f.view, want)
		}
	}
}

// Whatever a client sends, the server survives it and lets go of the connection.
func FuzzInput(f *testing.F) {
	for _, seed := range []string{
		"a FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (a b)]<0.5>) (CHANGEDSINCE 1)",
		"a SELECT INBOX (QRESYNC (1 2 1:3 (1,2 1,2)))",
		"a UID SEARCH RETURN (ALL) OR (NOT UID 1:*) HEADER x {1+}\r\ny",
		`a LIST (SUBSCRIBED) "" (% *) RETURN (STATUS (MESSAGES))`,
		"a APPEND INBOX (\\Seen) \" 1-Mar-2026 10:00:00 +0100\" ~{2+}\r\nab {1+}\r\nx",
		"a UID STORE 1:4294967295 (UNCHANGEDSINCE 9) +FLAGS.SILENT (a b)",
		"a RENAME INBOX &AP8-", "a IDLE\r\nDONE", "a AUTHENTICATE PLAIN\r\n*",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		s := NewServer(Options{NoListen: true, Caps: DefaultCaps.With(CapObjectID)})
		defer s.Close()
		fill(s, "INBOX", 3)
		c := login(t, s)
		_ = c.conn.SetDeadline(time.Now().Add(5 * time.Second))
		c.send("e ENABLE QRESYNC\r\ns SELECT INBOX\r\n" + input)
		up := c.conn.(*pipeEnd).out
		up.closeEnd(&up.writerClosed)
		for {
			if _, err := c.r.ReadByte(); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the connection does not end")
			} else if err != nil {
				return
			}
		}
	})
}
