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

	gocmp "github.com/google/go-cmp/cmp"

	"satchel/conflict"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
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
				w.acct.Policy.Removal = conflict.Expunge // the ledger knows of no trash
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

// TestScenariosOnExchange: every scenario of the planner ends as it does on
// any other server, but for what is about keywords, which Exchange refuses, and about
// the trash, which it has under another name.
func TestScenariosOnExchange(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "plan", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	ran := 0
	for _, f := range files {
		s, ok, err := planned(f)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if !ok || strings.Contains(f, "keyword") || strings.Contains(f, "unheld") || strings.Contains(f, "trash") {
			continue
		}
		ran++
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			end := func(s scenario) (local, rem snapshot) {
				w, _ := s.open(t)
				defer w.close()
				if _, err := w.trySync(mailsync.Request{}); err != nil {
					t.Fatal(err)
				}
				if rep := w.sync(); rep.Changed() {
					t.Errorf("a second run did %v", rep.Counts)
				}
				return w.localSnapshot(), w.remoteSnapshot()
			}
			local, rem := end(s)
			there := s
			there.srv = imaptest.ExchangeOptions(imaptest.Exchange{SizeOff: 7})
			own := map[string]bool{} // the mailboxes that it has from the start
			for _, name := range imaptest.NewServer(imaptest.Options{NoListen: true, Exchange: &imaptest.Exchange{}}).Mailboxes() {
				own[name] = name != "INBOX"
			}
			l, r := end(there)
			for name := range own {
				if own[name] {
					delete(l, name)
					delete(r, name)
				}
			}
			if d := gocmp.Diff(withoutKeywords(local), withoutKeywords(l)) + gocmp.Diff(withoutKeywords(rem), withoutKeywords(r)); d != "" {
				t.Errorf("ends otherwise:\n%s", d)
			}
		})
	}
	if ran < 30 {
		t.Errorf("only %d scenarios", ran)
	}
}

// TestExchangeThrottles: it asks in its own words to be left alone for five
// minutes, and is slow besides. The run says when to come back; the next one
// completes what was begun.
func TestExchangeThrottles(t *testing.T) {
	r := &refusing{}
	o := imaptest.ExchangeOptions(imaptest.Exchange{})
	o.Hook = r.hook
	w := newWorld(t, o)
	waits := w.waits()
	for range 20 {
		w.srv.Append("INBOX", []string{`\Seen`}, time.Unix(1700000000, 0), w.message())
	}
	throttled := 0
	r.arm(func(_ *imaptest.Conn, verb, line string) imaptest.Action {
		if throttled == 0 && verb == "UID FETCH" && strings.Contains(line, "BODY") {
			throttled++
			return imaptest.Action{Reply: imaptest.ThrottleReply}
		}
		return imaptest.Action{Delay: time.Millisecond}
	})
	_, err := w.trySync(mailsync.Request{})
	if throttled == 0 || mail.KindOf(err) != mail.KindConnection || !strings.Contains(mail.HintOf(err), "5m0s") || len(*waits) > 0 {
		t.Errorf("%v (hint %q), throttled %d times, waited %v", err, mail.HintOf(err), throttled, *waits)
	}
	w.sync()
	w.agree()
	w.quiet()
}
