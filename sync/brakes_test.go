package sync_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// bothHands are the sides on which mail may be removed.
func bothHands(w *world) map[string]side {
	return map[string]side{"server": serverSide{w}, "disk": diskSide{w, rand.New(rand.NewPCG(1, 1))}}
}

// take removes n messages of a mailbox.
func take(s side, mailbox string, n int) {
	for _, h := range s.list(mailbox)[:n] {
		s.remove(h)
	}
}

// brakes syncs and fails the test unless a brake stops the run; it returns what
// the brake says.
func (w *world) brakes() (text, hint string) {
	w.t.Helper()
	l, r := w.localSnapshot(), w.remoteSnapshot()
	_, err := w.trySync(mailsync.Request{})
	if mail.KindOf(err) != mail.KindBrake {
		w.t.Fatalf("no brake, but %v", err)
	}
	if d := diff(l, w.localSnapshot()) + diff(r, w.remoteSnapshot()); d != "" {
		w.t.Fatalf("the brake let this happen:\n%s", d)
	}
	return err.Error(), mail.HintOf(err)
}

// command returns the way out of a hint that has a word in it, and fails the
// test unless there are two, the one that brings mail back first.
func (w *world) ways(hint string) (back, through string) {
	w.t.Helper()
	back, through, ok := strings.Cut(hint, "; ")
	if !ok || !strings.Contains(back, "mv "+w.statePath()+" "+w.statePath()+".old && satchel sync test") ||
		!strings.HasSuffix(through, "satchel sync --allow-mass-delete test") {
		w.t.Fatalf("hint %q", hint)
	}
	return back, through
}

func (w *world) statePath() string { return filepath.Join(w.acct.StateDir, "test.db") }

// forget is what the first way of a brake on removals does.
func (w *world) forget() { must(w, os.Rename(w.statePath(), w.statePath()+".old")) }

func manyWorld(t *testing.T, boxes, each int) (*world, []string) {
	t.Helper()
	w := newWorld(t, imaptest.Options{})
	w.acct.NoFsync = true
	names := []string{"INBOX"}
	for i := 1; i < boxes; i++ {
		names = append(names, fmt.Sprintf("Box%d", i))
		must(w, w.srv.CreateMailbox(names[i]))
	}
	for _, n := range names {
		for range each {
			w.srv.Append(n, nil, time.Unix(1_700_000_000, 0), w.message())
		}
	}
	w.sync()
	return w, names
}

// TestBrakeOnAccount: many small mailboxes that are emptied at once are the
// account. Both ways out of the brake do what they say.
func TestBrakeOnAccount(t *testing.T) {
	for _, where := range []string{"server", "disk"} {
		for _, way := range []string{"back", "through"} {
			t.Run(where+"/"+way, func(t *testing.T) {
				w, names := manyWorld(t, 10, 20)
				before := w.agree()
				for _, n := range names {
					take(bothHands(w)[where], n, 20)
				}
				text, hint := w.brakes()
				for _, part := range []string{"200 of 200", "Box1 20 of 20", "and 6 more mailboxes"} {
					if !strings.Contains(text, part) {
						t.Errorf("%q is not in %q", part, text)
					}
				}
				w.ways(hint)
				if text, _ := w.brakes(); !strings.Contains(text, "200 of 200") {
					t.Errorf("the second time: %q", text)
				}
				if way == "back" {
					w.forget()
					w.sync()
					if d := diff(before, w.agree()); d != "" {
						t.Errorf("not all of it is back:\n%s", d)
					}
				} else {
					_, err := w.trySync(mailsync.Request{AllowMassDelete: true})
					must(w, err)
					for name, list := range w.agree() {
						if len(list) > 0 {
							t.Errorf("%s holds %d", name, len(list))
						}
					}
				}
				w.quiet()
			})
		}
	}
}

// TestBrakeStepByStep: what one run may remove, several may not within a day. A
// day later, or behind a run that was allowed to, the count begins anew.
func TestBrakeStepByStep(t *testing.T) {
	for _, where := range []string{"server", "disk"} {
		for _, boxes := range []int{1, 5} {
			t.Run(fmt.Sprint(where, boxes), func(t *testing.T) {
				w, names := manyWorld(t, boxes, 100/boxes)
				now := time.Now()
				w.opts.Now = func() time.Time { return now }
				some := func(n int) {
					for _, name := range names {
						take(bothHands(w)[where], name, n/boxes)
					}
				}
				some(50)
				w.sync()
				now = now.Add(time.Hour)
				some(25)
				text, hint := w.brakes()
				if !strings.Contains(text, "25 more of 100 messages, after 50 within a day") {
					t.Error(text)
				}
				w.ways(hint)
				now = now.Add(24 * time.Hour)
				w.sync()
				now = now.Add(time.Hour)
				some(10)
				if text, _ := w.brakes(); !strings.Contains(text, "10 more of 50 messages, after 25 within a day") {
					t.Error(text)
				}
				_, err := w.trySync(mailsync.Request{AllowMassDelete: true})
				must(w, err)
				some(5)
				w.sync()
				w.agree()
			})
		}
	}
}

// TestBrakeIsForRemovals: moves are none, mail that comes and goes is no loss,
// and a small account may be emptied.
func TestBrakeIsForRemovals(t *testing.T) {
	for _, where := range []string{"server", "disk"} {
		t.Run(where+"/moves", func(t *testing.T) {
			w, _ := manyWorld(t, 2, 30)
			s := bothHands(w)[where]
			for range 2 {
				for _, h := range s.list("INBOX")[:15] {
					s.move(h, "Box1")
				}
				w.sync()
			}
			take(s, "Box1", 10)
			w.sync()
			w.agree()
		})
		t.Run(where+"/comes and goes", func(t *testing.T) {
			w, _ := manyWorld(t, 1, 25)
			s := bothHands(w)[where]
			old := s.list("INBOX")
			for range 4 {
				for range 10 {
					s.deliver("INBOX", w.message(), nil)
				}
				w.sync()
				gone := 0
				for _, h := range s.list("INBOX") {
					if !slices.ContainsFunc(old, func(o handle) bool { return o.id == h.id }) {
						s.remove(h)
						gone++
					}
				}
				if gone != 10 {
					t.Fatalf("removed %d", gone)
				}
				w.sync()
			}
			w.agree()
		})
		t.Run(where+"/small", func(t *testing.T) {
			w, names := manyWorld(t, 2, 10)
			s := bothHands(w)[where]
			for _, n := range names {
				take(s, n, 5)
				w.sync()
				take(s, n, 5)
				w.sync()
			}
			w.agree()
		})
	}
}
