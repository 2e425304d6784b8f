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

// gmailHistory is a world that both sides edit at random.
type gmailHistory struct {
	w     *world
	disk  diskSide
	rng   *rand.Rand
	story []string
}

func gmailBoxes() []string {
	return []string{"INBOX", "Work", "Lists/go", imaptest.GmailAll, imaptest.GmailStarred}
}

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
			h := &gmailHistory{w: w, disk: disk, rng: rand.New(rand.NewPCG(uint64(seed), 9))}
			for range 6 {
				w.labelled(nil, gmailBoxes()[:3][h.rng.IntN(3)])
			}
			w.sync()
			for range 6 {
				h.round()
			}
		})
	}
}

// round edits both sides and syncs: nothing is lost or doubled.
func (h *gmailHistory) round() {
	w := h.w
	w.t.Helper()
	before := where(w.agree())
	h.story = nil
	h.edit("maildir", h.disk)
	h.edit("server", serverSide{w})
	w.t.Log(strings.Join(h.story, "\n"))
	w.sync()
	after := where(w.agree())
	for id := range before {
		if len(after[id]) == 0 {
			w.t.Errorf("lost: %s was in %v", id, before[id])
		}
	}
	for id, places := range after {
		if len(slices.Compact(slices.Clone(places))) != len(places) {
			w.t.Errorf("doubled: %s is in %v", id, places)
		}
	}
	w.quiet()
	w.agree()
}

// edit does up to five things to a side.
func (h *gmailHistory) edit(who string, sd side) {
	for range h.rng.IntN(6) {
		box, to := gmailBoxes()[h.rng.IntN(len(gmailBoxes()))], gmailBoxes()[h.rng.IntN(4)]
		list := sd.list(box)
		slices.SortFunc(list, func(a, b handle) int { return strings.Compare(a.id, b.id) })
		op, pick := h.rng.IntN(6), h.rng.IntN(1<<20)
		flag := []string{`\Seen`, `\Flagged`, `\Answered`, "$Forwarded"}[h.rng.IntN(4)]
		if op == 0 {
			h.story = append(h.story, who+" delivers")
			sd.deliver(gmailBoxes()[h.rng.IntN(3)], h.w.message(), nil)
			continue
		}
		if len(list) == 0 {
			continue
		}
		m := list[pick%len(list)]
		h.story = append(h.story, fmt.Sprintf("%s: %s in %s, %d, to %s or %s", who, m.id, box, op, to, flag))
		switch {
		case op == 1 && slices.Contains(m.flags, flag):
			sd.flag(m, nil, []string{flag})
		case op <= 2:
			sd.flag(m, []string{flag}, nil)
		case op == 3 && to != box:
			sd.move(m, to)
		case op == 4 && to != box:
			sd.copy(m, to)
		case op == 5:
			sd.remove(m)
		}
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
