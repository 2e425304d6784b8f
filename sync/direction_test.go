package sync_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// verbs notes what a server is asked to do.
type verbs struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (v *verbs) hook(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen == nil {
		v.seen = map[string]bool{}
	}
	v.seen[verb] = true
	return imaptest.Action{}
}

// has reports whether the server was asked to do something; a connection that
// was closed may still be telling.
func (v *verbs) has(verb string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seen[verb]
}

// anyChange does something to one side, as a person would.
func anyChange(w *world, s side, rng *rand.Rand) {
	boxes := []string{"INBOX", "Work", "New"}
	box, other := boxes[rng.IntN(2)], boxes[rng.IntN(3)]
	s.create(other)
	list := s.list(box)
	if len(list) == 0 || rng.IntN(4) == 0 {
		s.deliver(box, w.message(), [][]string{nil, {`\Seen`}, {"work"}}[rng.IntN(3)])
		return
	}
	h := list[rng.IntN(len(list))]
	switch rng.IntN(4) {
	case 0:
		s.flag(h, []string{`\Flagged`}, []string{`\Seen`})
	case 1:
		s.move(h, other)
	case 2:
		s.copy(h, other)
	case 3:
		s.remove(h)
	}
}

// TestDirectionPull: an account that pulls changes nothing on the server, not
// even \Recent, whatever happens on disk, and still takes what happens there.
func TestDirectionPull(t *testing.T) {
	for name, caps := range levels() {
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				v := &verbs{}
				w := newWorld(t, imaptest.Options{Caps: caps, Hook: v.hook})
				w.acct.Direction, w.acct.MaxDeletePct = mailsync.Pull, 100
				server, disk := w.hands()
				server.create("Work")
				for range 6 {
					server.deliver("INBOX", w.message(), nil)
					server.deliver("Work", w.message(), []string{`\Seen`})
				}
				w.sync()
				rng := rand.New(rand.NewPCG(seed, 1))
				for range 8 {
					anyChange(w, disk, rng)
					anyChange(w, server, rng)
					before := w.remoteSnapshot()
					if _, err := w.trySync(mailsync.Request{AllowMassDelete: true, Full: rng.IntN(4) == 0}); err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(before, w.remoteSnapshot()); diff != "" {
						t.Fatal(diff)
					}
				}
				server.deliver("INBOX", w.message(), nil)
				rep := w.sync()
				if rep.Counts["download"] == 0 {
					t.Errorf("a new message did not come: %v", rep.Counts)
				}
				for _, verb := range []string{"SELECT", "STORE", "UID STORE", "COPY", "UID COPY", "UID MOVE", "APPEND", "EXPUNGE", "UID EXPUNGE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "CLOSE"} {
					if v.has(verb) {
						t.Errorf("the server was told to %s", verb)
					}
				}
				_, err := w.trySync(mailsync.Request{Push: true})
				if mail.KindOf(err) != mail.KindConfig || !strings.Contains(fmt.Sprint(err), `direction = "pull"`) {
					t.Errorf("--push: %v", err)
				}
			})
		}
	}
}

// TestDirectionPush: an account that pushes changes nothing in the Maildir.
func TestDirectionPush(t *testing.T) {
	for seed := range uint64(6) {
		w := newWorld(t, imaptest.Options{})
		w.sync() // makes the Maildir
		w.acct.Direction, w.acct.MaxDeletePct = mailsync.Push, 100
		server, disk := w.hands()
		disk.create("Work")
		for range 6 {
			disk.deliver("INBOX", w.message(), nil)
			disk.deliver("Work", w.message(), []string{`\Seen`})
		}
		w.sync()
		if n := len(server.list("INBOX")) + len(server.list("Work")); n != 12 {
			t.Fatalf("%d messages went up", n)
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		for range 8 {
			anyChange(w, disk, rng)
			anyChange(w, server, rng)
			before := w.localSnapshot()
			if _, err := w.trySync(mailsync.Request{AllowMassDelete: true}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, w.localSnapshot()); diff != "" {
				t.Fatal(diff)
			}
		}
		_, err := w.trySync(mailsync.Request{Pull: true})
		if mail.KindOf(err) != mail.KindConfig || !strings.Contains(fmt.Sprint(err), `direction = "push"`) {
			t.Errorf("--pull: %v", err)
		}
	}
}

// TestDirectionChanged: what waited while an account pulled goes up once it may.
func TestDirectionChanged(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.acct.Direction = mailsync.Pull
	server, disk := w.hands()
	server.create("Work")
	for range 4 {
		server.deliver("INBOX", w.message(), nil)
	}
	w.sync()
	list := disk.list("INBOX")
	disk.flag(list[0], []string{`\Flagged`, "todo"}, nil)
	disk.move(list[1], "Work")
	disk.remove(list[2])
	disk.deliver("Work", w.message(), nil)
	w.sync()
	w.acct.Direction = mailsync.Both
	w.sync()
	w.agree()
	var have []string
	for box, list := range w.remoteSnapshot() {
		for _, m := range list {
			content, flags, _ := strings.Cut(m, " | ")
			have = append(have, box+" "+contentID(content)+" "+flags)
		}
	}
	slices.Sort(have)
	want := []string{"INBOX 1@test \\Flagged todo", "INBOX 4@test ", "Work 2@test ", "Work 5@test "}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
	w.acct.Direction = "sideways"
	if _, err := mailsync.New(w.acct, w.opts); mail.KindOf(err) != mail.KindConfig {
		t.Error(err)
	}
}
