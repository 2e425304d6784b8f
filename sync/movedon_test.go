package sync_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"satchel/sync/imaptest"
)

// What a run put on the server, and could not note, is moved on by others before
// the next one.

// deaths returns at how many commits the run that resumes dies as well, 0 for
// none: at each in the long form.
func deaths(n int) (at []int) {
	step := 3
	if *crashLong {
		step = 1
	}
	for k := 0; k < n; k += step {
		at = append(at, k)
	}
	return at
}

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

// timesInDst is [world.times] for what fromSrc made: 2@test is there so often, and
// 1@test once, if it was made.
func (w *world) timesInDst(n int, dst bool) {
	w.t.Helper()
	want := map[string]int{"2@test": n}
	if dst {
		want["1@test"] = 1
	}
	w.times(want)
}

// fromSrc makes the mailboxes Src, with the message 2@test, Other, and Dst: which
// both sides have, with 1@test, or only the disk, just made.
func fromSrc(t *testing.T, caps imaptest.Caps, dst bool) (*broken, diskSide) {
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
	return w, disk
}

// halfCopied has a run that copies a message from Src to Dst on the server die at a
// point of the copy.
func halfCopied(t *testing.T, caps imaptest.Caps, fault imaptest.Fault, dst bool) *broken {
	t.Helper()
	w, disk := fromSrc(t, caps, dst)
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
			d.move(d.named("Dst", "2@test"), "INBOX")
		},
		"renamed": func(w *broken) { must(w.world, w.srv.RenameMailbox("Dst", "Dst2")) },
	} {
		for level, caps := range levels() {
			for _, old := range []bool{true, false} {
				t.Run(fmt.Sprint(name, " ", level, " ", old), func(t *testing.T) {
					t.Parallel()
					for _, at := range deaths(9) {
						w := halfCopied(t, caps, imaptest.DropAfter, old)
						then(w)
						if at > 0 {
							w.again(at - 1)
						}
						w.timesInDst(2, old)
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

// halfMoved has a run that moves a message from Src to Dst on a server without
// MOVE die at a command.
func halfMoved(t *testing.T, caps imaptest.Caps, verb string, fault imaptest.Fault, dst bool) *broken {
	t.Helper()
	w, disk := fromSrc(t, caps.Without(imaptest.CapMove), dst)
	disk.move(disk.list("Src")[0], "Dst")
	w.fail(verb, imaptest.Action{Fault: fault})
	return w
}

// The same with the first half of a move; the other half goes.
func TestHalfMovedOn(t *testing.T) {
	for name, then := range map[string]func(serverSide){
		"on":      func(s serverSide) { s.move(s.theCopy(), "Other") },
		"back":    func(s serverSide) { s.move(s.theCopy(), "Src") },
		"new":     func(s serverSide) { s.create("New"); s.move(s.theCopy(), "New") },
		"renamed": func(s serverSide) { must(s.w, s.w.srv.RenameMailbox("Dst", "Dst2")) },
	} {
		for level, caps := range levels() {
			for _, old := range []bool{true, false} {
				for verb, fault := range map[string]imaptest.Fault{"UID COPY": imaptest.DropAfter, "UID EXPUNGE": imaptest.DropBefore} {
					t.Run(fmt.Sprint(name, " ", level, " ", verb, " ", old), func(t *testing.T) {
						t.Parallel()
						for _, at := range deaths(9) {
							w := halfMoved(t, caps, verb, fault, old)
							server, _ := w.hands()
							then(server)
							if at > 0 {
								w.again(at - 1)
							}
							w.timesInDst(1, old)
							if l := w.marked(); len(l) > 0 {
								t.Errorf("marked are %q", l)
							}
							if t.Failed() {
								t.Fatalf("after %d more commits", at-1)
							}
						}
					})
				}
			}
		}
	}
}

// A copy that another client made elsewhere is its own, also while a run moved
// the message by halves.
func TestHalfMoveBesideServersCopyElsewhere(t *testing.T) {
	for level, caps := range levels() {
		for verb, fault := range map[string]imaptest.Fault{"UID COPY": imaptest.DropBefore, "UID COPY ": imaptest.DropAfter, "UID EXPUNGE": imaptest.DropBefore} {
			t.Run(level+" "+verb, func(t *testing.T) {
				w := halfMoved(t, caps, strings.TrimSpace(verb), fault, true)
				server, _ := w.hands()
				server.copy(server.list("Src")[0], "Other")
				server.deliver("Dst", w.message(), nil)
				w.times(map[string]int{"1@test": 1, "2@test": 2, "3@test": 1})
			})
		}
	}
}

// bare is a server that has nothing but what IMAP4rev1 demands.
const bare = imaptest.CapIMAP4rev1 | imaptest.CapAuthPlain

// The user moves a file whose upload was not noted, or renames the folder that
// it is in.
func TestUploadMovedOnDisk(t *testing.T) {
	for name, then := range map[string]func(*broken){
		"on":      func(w *broken) { _, d := w.hands(); d.move(last(d.list("Dst")), "Other") },
		"back":    func(w *broken) { _, d := w.hands(); d.move(last(d.list("Dst")), "Src") },
		"renamed": func(w *broken) { w.mv("Dst", "Dst2") },
	} {
		caps := levels()
		caps["bare"] = bare
		for level, caps := range caps {
			for _, old := range []bool{true, false} {
				t.Run(fmt.Sprint(name, " ", level, " ", old), func(t *testing.T) {
					t.Parallel()
					for _, at := range deaths(9) {
						w := newBroken(t, caps)
						server, disk := w.hands()
						server.create("Src")
						server.create("Other")
						want := map[string]int{"2@test": 1}
						if old {
							server.create("Dst")
							server.deliver("Dst", w.message(), nil)
							want["1@test"] = 1
						} else {
							w.message()
						}
						w.sync()
						if !old {
							disk.create("Dst")
						}
						disk.deliver("Dst", w.message(), []string{`\Seen`})
						w.fail("APPEND", imaptest.Action{Fault: imaptest.DropAfter})
						then(w)
						if at > 0 {
							w.again(at - 1)
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

func last(list []handle) handle { return list[len(list)-1] }

// A mailbox that a run made gets its first rows by an upload whose UID the server
// did not tell, and the run dies. Then the file goes.
func TestResumeAdoptedInNewMailbox(t *testing.T) {
	for name, copies := range map[string]int{"one": 1, "two": 2} {
		t.Run(name, func(t *testing.T) {
			everyStep(t, bare, func(w *world) {
				_, disk := w.hands()
				w.sync()
				disk.create("New")
				content := w.message()
				for range copies {
					disk.deliver("New", content, nil)
				}
			}, func(w *world) {
				_, disk := w.hands()
				if l := disk.list("New"); len(l) > 0 {
					disk.remove(l[0])
				}
				if msg := w.finish(nil, nil); msg != "" {
					w.t.Error(msg)
				}
			})
		})
	}
}

// remake deletes a mailbox and makes it again with the same messages, as a server
// does that is restored from a backup, or a migration tool.
func (s serverSide) remake(mailbox string) {
	s.w.t.Helper()
	list := s.w.srv.Messages(mailbox)
	must(s.w, s.w.srv.DeleteMailbox(mailbox))
	must(s.w, s.w.srv.CreateMailbox(mailbox))
	for _, m := range list {
		s.w.srv.Append(mailbox, m.Flags, m.Date, m.Content)
	}
}

// The mailbox to which something was put is made anew before the base knew.
func TestMadeAnewBeforeNoted(t *testing.T) {
	put := map[string]struct {
		verb   string
		fault  imaptest.Fault
		do     func(diskSide)
		copies int
	}{
		"upload": {"APPEND", imaptest.DropAfter, func(d diskSide) { d.deliver("Dst", d.w.message(), []string{`\Seen`}) }, 1},
		"copy":   {"UID COPY", imaptest.DropAfter, func(d diskSide) { d.copy(d.list("Src")[0], "Dst") }, 2},
		"move":   {"UID MOVE", imaptest.DropAfter, func(d diskSide) { d.move(d.list("Src")[0], "Dst") }, 1},
		"half":   {"UID COPY", imaptest.DropAfter, func(d diskSide) { d.move(d.list("Src")[0], "Dst") }, 1},
		"marked": {"UID EXPUNGE", imaptest.DropBefore, func(d diskSide) { d.move(d.list("Src")[0], "Dst") }, 1},
	}
	for name, p := range put {
		all := levels()
		all["objectid"] = imaptest.DefaultCaps.With(imaptest.CapObjectID)
		for level, caps := range all {
			if name == "half" || name == "marked" {
				caps = caps.Without(imaptest.CapMove)
			}
			for _, on := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " ", level, " ", on), func(t *testing.T) {
					t.Parallel()
					for _, at := range deaths(10) {
						w := newBroken(t, caps)
						server, disk := w.hands()
						server.create("Src")
						server.create("Dst")
						server.deliver("Src", w.message(), []string{`\Seen`})
						server.deliver("Src", w.message(), []string{`\Seen`})
						server.deliver("Dst", w.message(), []string{`\Flagged`})
						server.deliver("Dst", w.message(), []string{`\Seen`})
						w.sync()
						p.do(disk)
						w.fail(p.verb, imaptest.Action{Fault: p.fault})
						want := map[string]int{"1@test": p.copies, "2@test": 1, "3@test": 1, "4@test": 1}
						id := "1@test"
						if name == "upload" {
							id = "5@test"
							want[id] = 1
						}
						server.remake("Dst")
						if on { // and the user moves the file on
							disk.move(disk.named("Dst", id), "INBOX")
						}
						if at > 0 {
							w.again(at - 1)
						}
						w.times(want)
						if got := w.remoteSnapshot()["Dst"]; !slices.ContainsFunc(got, func(m string) bool { return strings.Contains(m, "3@test") && strings.HasSuffix(m, `| \Flagged`) }) {
							t.Errorf("flags are lost: %q", got)
						}
						if l := w.marked(); len(l) > 0 {
							t.Errorf("marked are %q", l)
						}
						if t.Failed() {
							t.Fatalf("after %d more commits", at-1)
						}
					}
				})
			}
		}
	}
}

// named finds a message on disk.
func (d diskSide) named(folder, id string) handle {
	l := d.list(folder)
	return l[slices.IndexFunc(l, func(h handle) bool { return h.id == id })]
}
