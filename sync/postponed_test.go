package sync_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/conflict"
	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// postponed returns the messages that are marked \Deleted on the server and
// are not in the folder: without UIDPLUS a removal may have to wait so.
func (w *world) postponed() map[string]bool {
	w.t.Helper()
	ids := map[string]bool{}
	here := where(w.localSnapshot())
	for _, name := range w.srv.Mailboxes() {
		for _, m := range w.srv.Messages(name) {
			id := contentID(string(m.Content))
			if slices.Contains(m.Flags, `\Deleted`) && !slices.Contains(here[id], name) {
				ids[id] = true
			}
		}
	}
	return ids
}

// agreeVisible fails the test unless both sides hold the same but for
// removals that wait.
func (w *world) agreeVisible() snapshot {
	w.t.Helper()
	l, r := w.localSnapshot(), w.remoteSnapshot()
	for name, list := range r {
		r[name] = slices.DeleteFunc(list, func(m string) bool {
			flags := m[strings.LastIndex(m, " | "):]
			return strings.Contains(flags, `\Deleted`) && !slices.Contains(l[name], m) && !slices.Contains(where(l)[contentID(m)], name)
		})
	}
	if d := diff(l, r); d != "" {
		w.t.Fatalf("the sides differ:\n%s", d)
	}
	return r
}

// unmarkOthers takes \Deleted off all messages that are on disk, so that what
// waits for them can go.
func (w *world) unmarkOthers() {
	here := where(w.localSnapshot())
	for _, name := range w.srv.Mailboxes() {
		for _, m := range w.srv.Messages(name) {
			if slices.Contains(here[contentID(string(m.Content))], name) {
				w.srv.StoreFlags(name, m.UID, nil, []string{`\Deleted`})
			}
		}
	}
}

// noUIDPlus are the servers on which EXPUNGE takes all that is marked.
func noUIDPlus() map[string]imaptest.Caps {
	caps := map[string]imaptest.Caps{}
	for level, has := range levels() {
		caps[level] = has.Without(imaptest.CapUIDPlus)
		caps[level+" without move"] = has.Without(imaptest.CapUIDPlus, imaptest.CapMove)
	}
	return caps
}

// TestOthersDeleted: another client has marked a message. A removal and, on
// a server without MOVE, a move wait marked; the other client's message is not
// touched; all is done once nothing else is marked.
func TestOthersDeleted(t *testing.T) {
	for name, caps := range noUIDPlus() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: caps})
			w.acct.NoFsync = true
			must(w, w.srv.CreateMailbox("Work"))
			for range 5 {
				w.srv.Append("INBOX", nil, time.Now(), w.message())
			}
			w.sync()
			disk := diskSide{w, rand.New(rand.NewPCG(1, 2))}
			theirs := w.srv.Messages("INBOX")[4]
			w.srv.StoreFlags("INBOX", theirs.UID, []string{`\Deleted`}, nil)
			list := disk.list("INBOX")
			slices.SortFunc(list, func(a, b handle) int { return strings.Compare(a.id, b.id) })
			disk.remove(list[0])
			disk.move(list[1], "Work")
			if rep := w.sync(); !noticeAbout(rep.Notices, "waits") {
				t.Errorf("notices %v", rep.Notices)
			}
			for range 3 {
				if rep := w.quiet(); len(rep.Notices) > 0 {
					t.Errorf("said again: %v", rep.Notices)
				}
				w.agreeVisible()
				if n := len(w.srv.Messages("Work")); n != 1 {
					t.Fatalf("%d messages in Work", n)
				}
			}
			if n := len(w.files("INBOX")); n != 3 {
				t.Errorf("%d files in INBOX", n)
			}
			if _, there := w.srv.Message("INBOX", theirs.UID); !there {
				t.Fatal("the other client's message is gone")
			}
			// One more removal joins those that wait.
			disk.remove(list[2])
			w.sync()
			w.srv.StoreFlags("INBOX", theirs.UID, nil, []string{`\Deleted`})
			w.sync()
			w.agree()
			w.quiet()
			if n := len(w.srv.Messages("INBOX")); n != 2 {
				t.Errorf("%d messages in INBOX", n)
			}
		})
	}
}

// TestPostponedIsTakenBack: while a removal waits, somebody takes the mark
// off. That is a change that keeps the message.
func TestPostponedIsTakenBack(t *testing.T) {
	for name, caps := range noUIDPlus() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: caps})
			for range 2 {
				w.srv.Append("INBOX", nil, time.Now(), w.message())
			}
			w.sync()
			m := w.srv.Messages("INBOX")
			w.srv.StoreFlags("INBOX", m[1].UID, []string{`\Deleted`}, nil)
			disk := diskSide{w, rand.New(rand.NewPCG(1, 2))}
			for _, h := range disk.list("INBOX") {
				if h.id == contentID(string(m[0].Content)) {
					disk.remove(h)
				}
			}
			w.sync()
			w.srv.StoreFlags("INBOX", m[0].UID, nil, []string{`\Deleted`})
			w.sync()
			w.agree()
			w.quiet()
			if n := len(w.files("INBOX")); n != 2 {
				t.Errorf("%d files", n)
			}
		})
	}
}

// TestPostponedComesAgain: while a removal waits, the user puts the message
// back, in the same folder, also under the name that it had, or in another one.
// The mark of the removal is not for it.
func TestPostponedComesAgain(t *testing.T) {
	for name, caps := range noUIDPlus() {
		for _, folder := range []string{"INBOX", "Work", ""} {
			t.Run(name+" in "+folder, func(t *testing.T) {
				w := newWorld(t, imaptest.Options{Caps: caps})
				must(w, w.srv.CreateMailbox("Work"))
				for range 2 {
					w.srv.Append("INBOX", []string{`\Seen`}, time.Now(), w.message())
				}
				w.sync()
				m := w.srv.Messages("INBOX")
				w.srv.StoreFlags("INBOX", m[1].UID, []string{`\Deleted`}, nil)
				disk := diskSide{w, rand.New(rand.NewPCG(1, 2))}
				var file string
				kept := filepath.Join(w.root, "kept")
				for _, h := range disk.list("INBOX") {
					if h.id == contentID(string(m[0].Content)) {
						file = w.path(h.key.(maildir.File))
						must(w, os.Rename(file, kept))
					}
				}
				w.sync()
				if folder == "" {
					must(w, os.Rename(kept, file))
				} else {
					disk.deliver(folder, m[0].Content, []string{`\Seen`})
				}
				w.sync()
				w.quiet()
				if folder == "Work" { // elsewhere the two are not told apart
					w.agreeVisible()
				}
				w.srv.StoreFlags("INBOX", m[1].UID, nil, []string{`\Deleted`})
				w.sync()
				w.agree()
				w.quiet()
				if n := len(w.files("INBOX")) + len(w.files("Work")); n != 2 {
					t.Errorf("%d files", n)
				}
			})
		}
	}
}

// TestPostponedTrash: what goes to the trash goes there once, however long the
// original has to wait.
func TestPostponedTrash(t *testing.T) {
	for name, caps := range noUIDPlus() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: caps})
			w.acct.Policy.Removal = conflict.Trash
			must(w, w.srv.CreateMailbox("Trash"))
			w.srv.SetSpecialUse("Trash", `\Trash`)
			for range 3 {
				w.srv.Append("INBOX", nil, time.Now(), w.message())
			}
			w.sync()
			theirs := w.srv.Messages("INBOX")[2].UID
			w.srv.StoreFlags("INBOX", theirs, []string{`\Deleted`}, nil)
			disk := diskSide{w, rand.New(rand.NewPCG(1, 2))}
			for _, h := range disk.list("INBOX") {
				if !slices.Contains(h.flags, `\Deleted`) && h.id != contentID(string(w.srv.Messages("INBOX")[2].Content)) {
					disk.remove(h)
					break
				}
			}
			w.sync()
			for range 3 {
				w.quiet()
				w.agreeVisible()
				if n := len(w.srv.Messages("Trash")); n != 1 {
					t.Fatalf("%d messages in the trash", n)
				}
			}
			w.srv.StoreFlags("INBOX", theirs, nil, []string{`\Deleted`})
			w.sync()
			w.agree()
			w.quiet()
			if n, m := len(w.srv.Messages("INBOX")), len(w.srv.Messages("Trash")); n != 2 || m != 1 {
				t.Errorf("%d in INBOX, %d in the trash", n, m)
			}
		})
	}
}

// postponedScenario has removals that must wait, some from the run before.
func postponedScenario(name string, caps imaptest.Caps, removal conflict.Removal) scenario {
	return scenario{
		name: "postponed " + name,
		srv:  imaptest.Options{Caps: caps},
		acct: func(a *mailsync.Account) { a.Policy.Removal = removal },
		past: func(w *world) {
			for _, b := range []string{"Work", "Trash"} {
				must(w, w.srv.CreateMailbox(b))
			}
			w.srv.SetSpecialUse("Trash", `\Trash`)
			for range 8 {
				serverSide{w}.deliver("INBOX", w.message(), nil)
			}
			w.sync()
			w.srv.StoreFlags("INBOX", 8, []string{`\Deleted`}, nil)
			disk := diskSide{w, rand.New(rand.NewPCG(3, 2))}
			disk.remove(disk.list("INBOX")[0])
			w.sync()
		},
		change: func(w *world) *ledger {
			disk := diskSide{w, rand.New(rand.NewPCG(3, 2))}
			list := slices.DeleteFunc(disk.list("INBOX"), func(h handle) bool { return slices.Contains(h.flags, `\Deleted`) })
			disk.remove(list[0])
			disk.move(list[1], "Work")
			disk.flag(list[2], []string{`\Flagged`}, nil)
			return nil
		},
	}
}

// TestInterruptPostponed stops runs on a server without UIDPLUS at every
// step, while another client's message is marked.
func TestInterruptPostponed(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(noUIDPlus())) {
		for _, removal := range []conflict.Removal{conflict.Expunge, conflict.Trash} {
			s := postponedScenario(name, noUIDPlus()[name], removal)
			count := &stopper{}
			w, _ := s.open(t)
			_, err := w.under(count)
			must(w, err)
			w.close()
			t.Run(s.name, func(t *testing.T) {
				inTurn(t, interruptions(count.n, share(10, 4), 1), func(p point) string { return s.interruptPostponed(t, p, removal) })
			})
		}
	}
}

func (s scenario) interruptPostponed(t *testing.T, p point, removal conflict.Removal) string {
	w, _ := s.open(t)
	defer w.close()
	stop := &stopper{at: p.k}
	_, _ = w.under(stop)
	if stop.last == "" && p.sure {
		return fmt.Sprintf("%v was not reached", p)
	}
	w.sync()
	seen := w.agreeVisible()
	w.quiet()
	trash := 0
	if removal == conflict.Trash {
		trash = 2
	}
	if len(seen["INBOX"]) != 5 || len(seen["Work"]) != 1 || len(seen["Trash"]) != trash {
		return fmt.Sprintf("%v (%s): %d, %d and %d messages", p, stop.last, len(seen["INBOX"]), len(seen["Work"]), len(seen["Trash"]))
	}
	if m, there := w.srv.Message("INBOX", 8); !there || !slices.Contains(m.Flags, `\Deleted`) {
		return fmt.Sprintf("%v (%s): the other client's message: %v %v", p, stop.last, there, m.Flags)
	}
	w.unmarkOthers()
	w.sync()
	w.agree()
	w.quiet()
	return ""
}

// A server that announces neither MOVE nor UIDPLUS may tell COPYUID all the same.
// That the copy is there does not make it a move.
func TestMoveWithoutUIDPlusTold(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.acct.WithoutCaps = []string{"MOVE", "UIDPLUS"}
	server, disk := w.hands()
	server.create("Work")
	for range 3 {
		server.deliver("INBOX", w.message(), nil)
	}
	w.sync()
	disk.move(disk.list("INBOX")[1], "Work")
	w.sync()
	if end := w.agree(); len(end["INBOX"]) != 2 || len(end["Work"]) != 1 {
		t.Errorf("%v", end)
	}
	w.quiet()
}
