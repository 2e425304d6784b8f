package sync_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// TestPlanOfWhatWaits: where EXPUNGE takes all that is marked, a plan does not name
// removals that wait for what others have marked, and says that they do.
func TestPlanOfWhatWaits(t *testing.T) {
	for name, x := range map[string]struct {
		caps        imaptest.Caps
		move, waits bool
		theirs      bool // others have marked what stays
	}{
		"removed":                      {caps: imaptest.DefaultCaps.Without(imaptest.CapUIDPlus), theirs: true, waits: true},
		"nothing else is marked":       {caps: imaptest.DefaultCaps.Without(imaptest.CapUIDPlus)},
		"moved":                        {caps: imaptest.DefaultCaps.Without(imaptest.CapUIDPlus), move: true, theirs: true},
		"moved without MOVE":           {caps: imaptest.DefaultCaps.Without(imaptest.CapUIDPlus, imaptest.CapMove), move: true, theirs: true, waits: true},
		"with UIDPLUS":                 {caps: imaptest.DefaultCaps, theirs: true},
		"without MOVE, nothing marked": {caps: imaptest.DefaultCaps.Without(imaptest.CapUIDPlus, imaptest.CapMove), move: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: x.caps})
			must(w, w.srv.CreateMailbox("Work"))
			for range 3 {
				w.srv.Append("INBOX", nil, time.Now(), w.message())
			}
			w.sync()
			disk := diskSide{w, rand.New(rand.NewPCG(1, 2))}
			list := disk.list("INBOX")
			slices.SortFunc(list, func(a, b handle) int { return strings.Compare(a.id, b.id) })
			if x.move {
				disk.move(list[0], "Work")
			} else {
				disk.remove(list[0])
			}
			for _, m := range w.srv.Messages("INBOX") {
				if x.theirs && contentID(string(m.Content)) != list[0].id {
					w.srv.StoreFlags("INBOX", m.UID, []string{`\Deleted`}, nil)
				}
			}
			plan, err := w.trySync(mailsync.Request{DryRun: true})
			must(w, err)
			rep := w.sync()
			for _, kind := range []string{"remote-remove", "remote-move"} {
				if plan.Counts[kind] != rep.Counts[kind] {
					t.Errorf("the plan named %v, the run did %v", plan.Counts, rep.Counts)
				}
			}
			if done := rep.Counts["remote-remove"]+rep.Counts["remote-move"] > 0; done == x.waits {
				t.Errorf("the run did %v", rep.Counts)
			}
			if noticeAbout(plan.Notices, "waits") != x.waits || noticeAbout(rep.Notices, "waits") != x.waits {
				t.Errorf("the plan says %v, the run %v", plan.Notices, rep.Notices)
			}
		})
	}
}

// TestPlanOfWhatComesMarked: nor does a plan name removals that wait for what the run
// itself puts there with that mark.
func TestPlanOfWhatComesMarked(t *testing.T) {
	for name, comes := range map[string]func(w *world, d diskSide, marked handle){
		"uploaded": func(w *world, d diskSide, _ handle) { d.deliver("INBOX", w.message(), []string{`\Deleted`}) },
		"copied":   func(_ *world, d diskSide, marked handle) { d.copy(marked, "INBOX") },
		"moved":    func(_ *world, d diskSide, marked handle) { d.move(marked, "INBOX") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapUIDPlus)})
			must(w, w.srv.CreateMailbox("Work"))
			w.srv.Append("INBOX", nil, time.Now(), w.message())
			w.srv.Append("Work", []string{`\Deleted`}, time.Now(), w.message())
			w.sync()
			disk := diskSide{w, rand.New(rand.NewPCG(1, 2))}
			disk.remove(disk.list("INBOX")[0])
			comes(w, disk, disk.list("Work")[0])
			plan, err := w.trySync(mailsync.Request{DryRun: true})
			must(w, err)
			rep := w.sync()
			if plan.Counts["remote-remove"] != 0 || rep.Counts["remote-remove"] != 0 || !noticeAbout(plan.Notices, "waits") {
				t.Errorf("the plan named %v and says %v, the run did %v", plan.Counts, plan.Notices, rep.Counts)
			}
		})
	}
}
