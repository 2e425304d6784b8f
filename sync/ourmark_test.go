package sync_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satchel/conflict"
	"satchel/maildir"
	"satchel/sync/imaptest"
)

// halfRemoved has a run that removes a message from INBOX die when it is marked
// and not expunged.
func halfRemoved(t *testing.T, caps imaptest.Caps, flags ...string) *broken {
	t.Helper()
	w := newBroken(t, caps)
	server, disk := w.hands()
	server.create("Work")
	server.deliver("INBOX", w.message(), flags)
	w.sync()
	disk.remove(disk.list("INBOX")[0])
	verb := "UID EXPUNGE"
	if caps != 0 && !caps.Has(imaptest.CapUIDPlus) {
		verb = "EXPUNGE"
	}
	w.fail(verb, imaptest.Action{Fault: imaptest.DropBefore})
	if h := server.list("INBOX"); len(h) != 1 || !strings.Contains(strings.Join(h[0].flags, " "), `\Deleted`) {
		t.Fatalf("it did not die between mark and removal: %v", h)
	}
	return w
}

// marked lists what is marked \Deleted on either side.
func (w *world) marked() (list []string) {
	for _, s := range []snapshot{w.localSnapshot(), w.remoteSnapshot()} {
		for box, l := range s {
			for _, m := range l {
				if strings.Contains(m[strings.LastIndex(m, " | "):], `\Deleted`) {
					list = append(list, box+" "+contentID(m))
				}
			}
		}
	}
	return list
}

// Another client wants a message that a run was removing: it stays, and is not
// marked for the next EXPUNGE of whoever.
func TestMarkOfKept(t *testing.T) {
	for name, caps := range map[string]imaptest.Caps{
		"":                     imaptest.DefaultCaps,
		"objectid":             imaptest.DefaultCaps.With(imaptest.CapObjectID),
		"no mod-sequences":     imaptest.DefaultCaps.Without(imaptest.CapQResync, imaptest.CapCondstore),
		"no UIDPLUS":           imaptest.DefaultCaps.Without(imaptest.CapUIDPlus),
		"no UIDPLUS, no MOVE ": imaptest.DefaultCaps.Without(imaptest.CapUIDPlus, imaptest.CapMove),
	} {
		for edit, change := range map[string]func(serverSide, handle) string{
			"flagged": func(server serverSide, h handle) string {
				server.flag(h, []string{`\Flagged`}, nil)
				return "INBOX 1@test"
			},
			"moved": func(server serverSide, h handle) string {
				server.move(h, "Work")
				return "Work 1@test"
			},
		} {
			t.Run(name+" "+edit, func(t *testing.T) {
				for _, at := range deaths(9) {
					w := halfRemoved(t, caps)
					server, _ := w.hands()
					want := change(server, server.list("INBOX")[0])
					if at > 0 {
						w.again(at - 1)
					}
					w.resume(want)
					if l := w.marked(); len(l) > 0 {
						t.Errorf("after %d more commits: marked are %q", at-1, l)
					}
				}
			})
		}
	}
}

// A mark that the user set before stays with a message that is kept.
func TestMarkOfUsers(t *testing.T) {
	w := halfRemoved(t, 0, `\Deleted`)
	server, _ := w.hands()
	server.flag(server.list("INBOX")[0], []string{`\Flagged`}, nil)
	w.resume("INBOX 1@test")
	if l := w.marked(); len(l) != 2 {
		t.Errorf("marked are %q", l)
	}
}

// Nobody wants it: it goes, however often a run dies.
func TestMarkOfRemoved(t *testing.T) {
	for _, at := range deaths(9) {
		w := halfRemoved(t, 0)
		w.again(at)
		w.resume()
		w = halfRemoved(t, 0)
		w.acct.Policy.EditVsDelete = conflict.Delete
		server, _ := w.hands()
		server.flag(server.list("INBOX")[0], []string{`\Flagged`}, nil)
		w.again(at)
		w.resume()
	}
}

// The user takes the removal back.
func TestMarkOfFileThatIsBack(t *testing.T) {
	for _, at := range deaths(9) {
		w := newBroken(t, 0)
		server, disk := w.hands()
		server.deliver("INBOX", w.message(), []string{`\Seen`})
		w.sync()
		f := w.path(disk.list("INBOX")[0].key.(maildir.File))
		kept := filepath.Join(w.root, "kept")
		must(w.world, os.Link(f, kept))
		must(w.world, os.Remove(f))
		w.fail("UID EXPUNGE", imaptest.Action{Fault: imaptest.DropBefore})
		must(w.world, os.Rename(kept, f))
		w.again(at)
		w.resume("INBOX 1@test")
		if l := w.marked(); len(l) > 0 {
			t.Errorf("after %d more commits: marked are %q", at, l)
		}
	}
}

// A removal waits for others, and another client wants the message meanwhile.
func TestMarkOfPostponedKept(t *testing.T) {
	for name, caps := range noUIDPlus() {
		t.Run(name, func(t *testing.T) {
			w := newBroken(t, caps)
			server, disk := w.hands()
			server.deliver("INBOX", w.message(), nil)
			server.deliver("INBOX", w.message(), nil)
			w.sync()
			server.flag(server.list("INBOX")[1], []string{`\Deleted`}, nil)
			for _, h := range disk.list("INBOX") {
				if h.id == "1@test" {
					disk.remove(h)
				}
			}
			w.sync()
			if l := w.marked(); len(l) != 3 {
				t.Fatalf("it does not wait: marked are %q", l)
			}
			server.flag(server.list("INBOX")[0], []string{`\Flagged`}, nil)
			w.resume("INBOX 1@test", "INBOX 2@test")
			if l := w.marked(); len(l) != 2 {
				t.Errorf("marked are %q", l)
			}
		})
	}
}

// Another client removes the copy that a move by halves made. The original is
// moved again, without the mark.
func TestMarkOfHalfMove(t *testing.T) {
	for _, at := range deaths(9) {
		w := half(t)
		server, _ := w.hands()
		server.remove(server.list("Work")[0])
		w.again(at)
		w.resume("Work 1@test")
		if l := w.marked(); len(l) > 0 {
			t.Errorf("after %d more commits: marked are %q", at, l)
		}
	}
}

// The same with one that led to the trash, and the original is kept.
func TestMarkOfHalfTrash(t *testing.T) {
	for name, back := range map[string]bool{"edited": false, "back": true} {
		t.Run(name, func(t *testing.T) {
			for _, at := range deaths(9) {
				w := newBroken(t, imaptest.DefaultCaps.Without(imaptest.CapMove))
				w.acct.Policy.Removal = conflict.Trash
				server, disk := w.hands()
				server.create("Trash")
				server.deliver("INBOX", w.message(), nil)
				w.sync()
				f, kept := w.path(disk.list("INBOX")[0].key.(maildir.File)), filepath.Join(w.root, "kept")
				must(w.world, os.Rename(f, kept))
				w.fail("UID EXPUNGE", imaptest.Action{Fault: imaptest.DropBefore})
				server.remove(server.list("Trash")[0])
				if back {
					must(w.world, os.Rename(kept, f))
				} else {
					server.flag(server.list("INBOX")[0], []string{`\Flagged`}, nil)
				}
				w.again(at)
				w.resume("INBOX 1@test")
				if l := w.marked(); len(l) > 0 {
					t.Errorf("after %d more commits: marked are %q", at, l)
				}
			}
		})
	}
}

// A move of a server that knows MOVE marks nothing: a mark that is there after a
// death is somebody's.
func TestMarkBesideMove(t *testing.T) {
	w := newBroken(t, 0)
	server, disk := w.hands()
	server.create("Work")
	server.deliver("INBOX", w.message(), nil)
	w.sync()
	disk.move(disk.list("INBOX")[0], "Work")
	w.fail("UID MOVE", imaptest.Action{Fault: imaptest.DropBefore})
	server.flag(server.list("INBOX")[0], []string{`\Deleted`}, nil)
	w.resume("Work 1@test")
	if got := w.remoteSnapshot()["Work"][0]; !strings.Contains(got, `\Deleted`) {
		t.Errorf("it is there as %q", got)
	}
}
