package sync_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/sync/remote/imaptest"
)

// withoutKeywords is a snapshot without the keywords that Exchange does not store.
func withoutKeywords(s snapshot) snapshot {
	out := snapshot{}
	for name, list := range s {
		out[name] = []string{}
		for _, m := range list {
			i := strings.LastIndex(m, " | ")
			flags := slices.DeleteFunc(strings.Fields(m[i+3:]), func(f string) bool { return !strings.HasPrefix(f, `\`) })
			out[name] = append(out[name], describe(m[:i], flags))
		}
		slices.Sort(out[name])
	}
	return out
}

// agreeHeld fails the test unless both sides hold the same but for keywords.
func (w *world) agreeHeld() snapshot {
	w.t.Helper()
	l, r := withoutKeywords(w.localSnapshot()), withoutKeywords(w.remoteSnapshot())
	if d := diff(l, r); d != "" {
		w.t.Fatalf("the sides differ:\n%s", d)
	}
	return r
}

// TestExchangeHistories runs random histories on a server in the manner of
// Exchange Online. Keywords stay in the Maildir, through everything that happens
// to a message there.
func TestExchangeHistories(t *testing.T) {
	n := 20
	if testing.Short() {
		n = 5
	}
	for seed := range n {
		for _, off := range []int{0, 13} {
			t.Run(fmt.Sprintf("%d/%d", seed, off), func(t *testing.T) {
				t.Parallel()
				rng := rand.New(rand.NewPCG(uint64(seed), 5))
				w := newWorld(t, imaptest.ExchangeOptions(imaptest.Exchange{SizeOff: off}))
				w.acct.NoFsync, w.acct.MaxDeletePct = true, 100
				disk, server := diskSide{w, rng}, serverSide{w}
				for range 8 {
					server.deliver([]string{"INBOX", "Sent Items", "Calendar"}[rng.IntN(3)], w.message(), nil)
				}
				w.sync()
				for range 5 {
					l := newLedger(w.agreeHeld())
					boxes := []string{"INBOX", "Sent Items", "Deleted Items", "Calendar/Birthdays"}
					l.edit(w, local, disk, boxes, rng, rng.IntN(8))
					l.edit(w, onServer, server, boxes, rng, rng.IntN(8))
					w.sync()
					end := w.agreeHeld()
					w.quiet()
					for _, d := range l.by {
						delete(d.flags, "$Forwarded")
					}
					if wrong := l.check(end); len(wrong) > 0 {
						t.Fatalf("seed %d: %s\nafter\n%s", seed, strings.Join(wrong, "\n"), strings.Join(l.text, "\n"))
					}
				}
			})
		}
	}
}

// TestExchangeMailboxes: what Exchange has beside mail comes down like any
// mailbox, and a level that is none becomes no folder.
func TestExchangeMailboxes(t *testing.T) {
	w := newWorld(t, imaptest.ExchangeOptions(imaptest.Exchange{}))
	w.srv.Append("Sync Issues/Conflicts", nil, time.Now(), w.message())
	w.sync()
	s := w.agree()
	if _, ok := s["Sync Issues"]; ok || len(s["Sync Issues/Conflicts"]) != 1 {
		t.Errorf("%v", s)
	}
	w.quiet()
}

// TestExchangeAdopts: an estimate of the size keeps nothing from being paired.
func TestExchangeAdopts(t *testing.T) {
	w := newWorld(t, imaptest.ExchangeOptions(imaptest.Exchange{SizeOff: 13}))
	for range 10 {
		w.srv.Append("INBOX", []string{`\Seen`}, time.Now(), w.message())
	}
	w.sync()
	must(w, os.RemoveAll(w.acct.StateDir))
	rep := w.sync()
	if rep.Counts["download"]+rep.Counts["upload"] > 0 {
		t.Errorf("did %v", rep.Counts)
	}
	if n := len(w.agree()["INBOX"]); n != 10 {
		t.Errorf("%d messages", n)
	}
	w.quiet()
}
