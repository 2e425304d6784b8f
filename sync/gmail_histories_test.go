package sync_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"satchel/conflict"
	"satchel/sync/imaptest"
)

// TestGmailHistories changes labels at random on both sides. What must hold:
// both sides agree, a second run does nothing, every message is on the server
// as long as nobody removed it from the trash, and has each label once.
func TestGmailHistories(t *testing.T) {
	n := 20
	switch {
	case testing.Short():
		n = 6
	case *crashLong:
		n = 300
	}
	for seed := range n {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w, disk := gmailWorld(t, imaptest.Gmail{})
			if seed%3 == 1 {
				w.acct.Policy.Removal = conflict.Trash
			}
			rng := rand.New(rand.NewPCG(uint64(seed), 9))
			boxes := []string{"INBOX", "Work", "Lists/go", imaptest.GmailAll, imaptest.GmailStarred}
			var ids []string
			downloads := 0
			for range 6 {
				w.labelled(nil, boxes[:3][rng.IntN(3)])
			}
			w.sync()
			for range 6 {
				before := where(w.agree())
				ids = ids[:0]
				for id := range before {
					ids = append(ids, id)
				}
				slices.Sort(ids)
				var story []string
				edit := func(who string, sd side) {
					for range rng.IntN(6) {
						box, to := boxes[rng.IntN(len(boxes))], boxes[rng.IntN(4)]
						list := sd.list(box)
						slices.SortFunc(list, func(a, b handle) int { return strings.Compare(a.id, b.id) })
						op, pick := rng.IntN(6), rng.IntN(1<<20)
						flag := []string{`\Seen`, `\Flagged`, `\Answered`, "$Forwarded"}[rng.IntN(4)]
						if op == 0 {
							story = append(story, who+" delivers")
							sd.deliver(boxes[rng.IntN(3)], w.message(), nil)
							continue
						}
						if len(list) == 0 {
							continue
						}
						h := list[pick%len(list)]
						story = append(story, fmt.Sprintf("%s: %s in %s, %d, to %s or %s", who, h.id, box, op, to, flag))
						switch {
						case op == 1 && slices.Contains(h.flags, flag):
							sd.flag(h, nil, []string{flag})
						case op <= 2:
							sd.flag(h, []string{flag}, nil)
						case op == 3 && to != box:
							sd.move(h, to)
						case op == 4 && to != box:
							sd.copy(h, to)
						case op == 5:
							sd.remove(h)
						}
					}
				}
				edit("maildir", disk)
				edit("server", serverSide{w})
				t.Logf("%s", strings.Join(story, "\n"))
				rep := w.sync()
				downloads += rep.Counts["download"]
				now := w.agree()
				after := where(now)
				for _, id := range ids {
					if len(after[id]) == 0 {
						t.Errorf("lost: %s was in %v", id, before[id])
					}
				}
				for id, places := range after {
					if len(slices.Compact(slices.Clone(places))) != len(places) {
						t.Errorf("doubled: %s is in %v", id, places)
					}
				}
				w.quiet()
				w.agree()
			}
		})
	}
}

// gmailScenario has every change of labels on both sides.
func gmailScenario() scenario {
	const all = imaptest.GmailAll
	var ids []string
	return scenario{
		name: "gmail",
		srv:  imaptest.GmailOptions(imaptest.Gmail{}),
		past: func(w *world) {
			ids = nil
			for _, b := range []string{"Work", "Lists/go"} {
				must(w, w.srv.CreateMailbox(b))
			}
			for range 12 {
				ids = append(ids, w.labelled(nil, "INBOX", "Work"))
			}
			w.sync()
		},
		change: func(w *world) *ledger {
			disk, server := diskSide{w, rand.New(rand.NewPCG(3, 2))}, serverSide{w}
			disk.remove(on(disk, "Work", ids[0]))
			disk.move(on(disk, "INBOX", ids[1]), "Work")
			disk.move(on(disk, "INBOX", ids[2]), all)
			disk.move(on(disk, all, ids[3]), "Lists/go")
			disk.copy(on(disk, "INBOX", ids[4]), "Work")
			disk.copy(on(disk, "INBOX", ids[4]), "Lists/go")
			disk.remove(on(disk, all, ids[5]))
			disk.flag(on(disk, "INBOX", ids[6]), []string{`\Flagged`, `\Seen`}, nil)
			disk.flag(on(disk, "Work", ids[6]), []string{`\Answered`}, nil)
			c := w.message()
			disk.deliver("Work", c, []string{`\Seen`})
			disk.deliver("Lists/go", c, []string{`\Seen`})
			server.move(on(server, "INBOX", ids[7]), "Lists/go")
			server.remove(on(server, "Work", ids[8]))
			server.move(on(server, "Work", ids[9]), imaptest.GmailTrash)
			server.flag(on(server, all, ids[10]), []string{`\Flagged`}, nil)
			w.labelled([]string{`\Seen`}, "INBOX", "Work", "Lists/go")
			return nil
		},
	}
}

// TestInterruptGmail stops such a run at every step and resumes.
func TestInterruptGmail(t *testing.T) {
	s := gmailScenario()
	want, n := s.wantFor(t)
	each(t, interruptions(n, share(40, 16), 1), func(p point) string { return gmailScenario().interrupt(t, p, want) })
}
