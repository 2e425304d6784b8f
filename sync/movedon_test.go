package sync_test

import (
	"fmt"
	"slices"
	"testing"

	"satchel/sync/remote/imaptest"
)

// What a run put on the server, and could not note, is moved on by others before
// the next one.

// times syncs until done and wants each message as often as told.
func (w *world) times(want map[string]int) {
	w.t.Helper()
	if msg := w.finish(nil, nil); msg != "" {
		w.t.Error(msg)
	}
	have := where(w.remoteSnapshot())
	for id, n := range want {
		if len(have[id]) != n {
			w.t.Errorf("%s is in %q, want %d", id, have[id], n)
		}
	}
	for id := range have {
		if want[id] == 0 {
			w.t.Errorf("%s is in %q", id, have[id])
		}
	}
}

// halfCopied has a run that copies a message from Src to Dst on the server die at a
// point of the copy.
func halfCopied(t *testing.T, caps imaptest.Caps, fault imaptest.Fault, dst bool) *broken {
	t.Helper()
	w := newBroken(t, caps)
	server, disk := w.hands()
	server.create("Src")
	server.create("Other")
	if dst {
		server.create("Dst")
		server.deliver("Dst", w.message(), nil)
	} else {
		w.message()
	}
	server.deliver("Src", w.message(), []string{`\Seen`})
	w.sync()
	if !dst {
		disk.create("Dst")
	}
	disk.copy(disk.list("Src")[0], "Dst")
	w.fail("UID COPY", imaptest.Action{Fault: fault})
	return w
}

// theCopy finds what a run put into Dst.
func (s serverSide) theCopy() handle {
	list := s.list("Dst")
	return list[len(list)-1]
}

// Another client moves the copy on, or back, or renames the mailbox that it is
// in; the user moves the file as well.
func TestCopyMovedOn(t *testing.T) {
	for name, then := range map[string]func(*broken){
		"on":   func(w *broken) { s, _ := w.hands(); s.move(s.theCopy(), "Other") },
		"back": func(w *broken) { s, _ := w.hands(); s.move(s.theCopy(), "Src") },
		"new":  func(w *broken) { s, _ := w.hands(); s.create("New"); s.move(s.theCopy(), "New") },
		"both": func(w *broken) {
			s, d := w.hands()
			s.move(s.theCopy(), "Other")
			l := d.list("Dst")
			d.move(l[slices.IndexFunc(l, func(h handle) bool { return h.id == "2@test" })], "INBOX")
		},
		"renamed": func(w *broken) { must(w.world, w.srv.RenameMailbox("Dst", "Dst2")) },
	} {
		for level, caps := range levels() {
			for _, old := range []bool{true, false} {
				t.Run(fmt.Sprint(name, " ", level, " ", old), func(t *testing.T) {
					for at := range 9 {
						w := halfCopied(t, caps, imaptest.DropAfter, old)
						then(w)
						if at > 0 {
							w.again(at - 1)
						}
						want := map[string]int{"2@test": 2}
						if old {
							want["1@test"] = 1
						}
						w.times(want)
						if t.Failed() {
							t.Fatalf("after %d more commits", at-1)
						}
					}
				})
			}
		}
	}
}

// A copy that another client made while a run copied the message, or was about
// to, is its own.
func TestCopyBesideServersCopyElsewhere(t *testing.T) {
	for level, caps := range levels() {
		for name, fault := range map[string]imaptest.Fault{"before": imaptest.DropBefore, "after": imaptest.DropAfter} {
			for _, old := range []bool{true, false} {
				t.Run(fmt.Sprint(level, " ", name, " ", old), func(t *testing.T) {
					w := halfCopied(t, caps, fault, old)
					server, _ := w.hands()
					server.copy(server.list("Src")[0], "Other")
					server.deliver("Dst", w.message(), nil)
					want := map[string]int{"2@test": 3, "3@test": 1}
					if old {
						want["1@test"] = 1
					}
					w.times(want)
				})
			}
		}
	}
}
