package sync_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"satchel/conflict"
	"satchel/maildir/faultfs"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// half has a run move a message from INBOX to Work on a server without MOVE,
// and die with both halves there.
func half(t *testing.T, boxes ...string) *broken {
	t.Helper()
	w := newBroken(t, imaptest.DefaultCaps.Without(imaptest.CapMove))
	server, disk := w.hands()
	for _, name := range append(boxes, "Work") {
		server.create(name)
	}
	server.deliver("INBOX", w.message(), nil)
	w.sync()
	disk.move(disk.list("INBOX")[0], "Work")
	w.fail("UID EXPUNGE", imaptest.Action{Fault: imaptest.DropBefore})
	if len(w.srv.Messages("INBOX")) != 1 || len(w.srv.Messages("Work")) != 1 {
		t.Fatal("it did not die between the halves")
	}
	return w
}

// The mailbox that it was moved to gets another name.
func TestHalfMoveRenamed(t *testing.T) {
	w := half(t)
	must(w.world, w.srv.RenameMailbox("Work", "Renamed"))
	w.resume("Work 1@test") // the file is there
}

// Another client moves the copy on; what it did last counts.
func TestHalfMoveMovedOn(t *testing.T) {
	w := half(t, "Archive")
	server, _ := w.hands()
	server.move(server.list("Work")[0], "Archive")
	if msg := w.finish(nil, nil); msg != "" {
		t.Error(msg)
	}
	if n := len(where(w.remoteSnapshot())["1@test"]); n != 1 {
		t.Errorf("it is there %d times", n)
	}
}

// again has a run die at a commit, the nth but one.
func (w *world) again(n int) {
	w.t.Helper()
	w.opts.State.BeforeCommit = func() error {
		if n--; n < 0 {
			return errDead
		}
		return nil
	}
	_, _ = w.trySync(mailsync.Request{})
	w.opts = mailsync.Options{}
	w.lines.idle()
}

// The run that takes it up dies too, at one commit after the other.
func TestHalfMoveDiesAgain(t *testing.T) {
	for at := 1; at <= 12; at++ {
		w := half(t)
		w.again(at)
		w.resume("Work 1@test")
	}
}

// Another client had changed the flags of the original, which the copy has as
// well; the base did not know of it yet, since the file could not be renamed.
// That is no edit for which to keep the original.
func TestHalfMoveOfFlagged(t *testing.T) {
	for _, change := range []func(server serverSide, h handle){
		func(server serverSide, h handle) { server.flag(h, []string{`\Flagged`}, nil) },
		func(server serverSide, h handle) { server.flag(h, nil, []string{`\Deleted`}) },
	} {
		for at := range 13 {
			w := newBroken(t, imaptest.DefaultCaps.Without(imaptest.CapMove))
			server, disk := w.hands()
			server.create("Work")
			server.deliver("INBOX", w.message(), []string{`\Deleted`})
			w.sync()
			disk.move(disk.list("INBOX")[0], "Work")
			change(server, server.list("INBOX")[0])
			w.opts.FS = &faultfs.FS{Before: func(op faultfs.Op, _ string) error {
				if op == faultfs.Rename {
					return syscall.EBUSY
				}
				return nil
			}}
			w.fail("UID EXPUNGE", imaptest.Action{Fault: imaptest.DropBefore})
			w.opts = mailsync.Options{}
			w.again(at)
			w.resume("Work 1@test")
		}
	}
}

// Another client changes the flags of the original when the copy is made. The copy
// gets them.
func TestHalfMoveFlagged(t *testing.T) {
	for verb, fault := range map[string]imaptest.Fault{"UID COPY": imaptest.DropAfter, "UID EXPUNGE": imaptest.DropBefore} {
		for level, caps := range levels() {
			t.Run(verb+" "+level, func(t *testing.T) {
				for _, at := range deaths(13) {
					w := halfMoved(t, caps, verb, fault, true)
					server, _ := w.hands()
					server.flag(server.list("Src")[0], []string{`\Flagged`}, []string{`\Seen`})
					if at > 0 {
						w.again(at - 1)
					}
					w.times(map[string]int{"1@test": 1, "2@test": 1})
					if got := w.remoteSnapshot()["Dst"][1]; !strings.HasSuffix(got, `| \Flagged`) {
						t.Errorf("after %d more commits: the server has %q", at-1, got)
					}
				}
			})
		}
	}
}

// What a removal moved to the trash by halves goes there once, and out of where
// it was, also when the run that takes it up dies. A file that is back by then
// stays, without the mark of its removal.
func TestHalfMoveToTrash(t *testing.T) {
	for _, verb := range []string{"UID STORE", "UID EXPUNGE"} {
		for _, back := range []bool{false, true} {
			for at := range 13 {
				w := newBroken(t, imaptest.DefaultCaps.Without(imaptest.CapMove))
				w.acct.Policy.Removal = conflict.Trash
				server, _ := w.hands()
				server.create("Trash")
				server.deliver("INBOX", w.message(), nil)
				w.sync()
				file, kept := w.path(w.files("INBOX")[0].file), filepath.Join(w.root, "kept")
				must(w.world, os.Rename(file, kept))
				w.fail(verb, imaptest.Action{Fault: imaptest.DropBefore})
				w.again(at)
				if !back {
					w.resume("Trash 1@test")
					continue
				}
				must(w.world, os.Rename(kept, file))
				w.resume("INBOX 1@test", "Trash 1@test")
				w.unmarked("INBOX")
			}
		}
	}
}

// unmarked fails the test if a message of the server has \Deleted.
func (w *world) unmarked(mailbox string) {
	w.t.Helper()
	for _, m := range w.srv.Messages(mailbox) {
		if slices.Contains(m.Flags, `\Deleted`) {
			w.t.Errorf("%s: uid %d is marked", mailbox, m.UID)
		}
	}
}

// The run that takes it up dies too, and then the user moves the file back to
// where it was, under the name that it had: it is the copy that moves.
func TestHalfMoveBack(t *testing.T) {
	for _, verb := range []string{"UID STORE", "UID EXPUNGE"} {
		for at := range 13 {
			w := newBroken(t, imaptest.DefaultCaps.Without(imaptest.CapMove))
			serverSide{w.world}.create("Work")
			serverSide{w.world}.deliver("INBOX", w.message(), nil)
			w.sync()
			from := w.files("INBOX")[0].file
			to := from
			to.Folder = "Work"
			must(w.world, os.Rename(w.path(from), w.path(to)))
			w.fail(verb, imaptest.Action{Fault: imaptest.DropBefore})
			w.again(at)
			must(w.world, os.Rename(w.path(to), w.path(from)))
			w.resume("INBOX 1@test")
			w.unmarked("INBOX")
		}
	}
}

// Another client copies the original once the journal says that the copy was
// found, and the run dies before it can note that the original is expunged.
// What is new is not the original, moved.
func TestHalfMoveCopied(t *testing.T) {
	for _, policy := range []conflict.EditVsDelete{conflict.Keep, conflict.Delete} {
		for at := 2; ; at++ {
			w := half(t, "Archive")
			w.acct.Policy.EditVsDelete = policy
			w.again(at)
			server, _ := w.hands()
			list := server.list("INBOX")
			if len(list) == 0 {
				break
			}
			server.copy(list[0], "Archive")
			server.remove(list[0])
			w.resume("Archive 1@test", "Work 1@test")
		}
	}
}

// The file was removed since: both halves go.
func TestHalfMoveRemoved(t *testing.T) {
	w := half(t)
	_, disk := w.hands()
	disk.remove(disk.list("Work")[0])
	w.resume()
}

// The folder that it came from is gone as well, and has got something new on
// the server.
func TestHalfMoveWithoutFolder(t *testing.T) {
	w := newBroken(t, imaptest.DefaultCaps.Without(imaptest.CapMove))
	w.acct.Policy = conflict.Policy{EditVsDelete: conflict.Keep}
	server, disk := w.hands()
	server.create("Work")
	server.create("Old")
	server.deliver("Old", w.message(), nil)
	w.sync()
	disk.move(disk.list("Old")[0], "Work")
	w.fail("UID COPY", imaptest.Action{Fault: imaptest.DropAfter})
	disk.remove(disk.list("Work")[0])
	w.rmdir("Old")
	server.flag(server.list("Old")[0], []string{`\Answered`}, nil)
	w.resume("Old 1@test")
}

// A copy that another client made there before is its own.
func TestMoveBesideServersCopy(t *testing.T) {
	for name, caps := range map[string]imaptest.Caps{"move": imaptest.DefaultCaps, "copy": imaptest.DefaultCaps.Without(imaptest.CapMove)} {
		for verb, reply := range map[string]imaptest.Fault{"before": imaptest.DropBefore, "after": imaptest.DropAfter} {
			t.Run(name+"/"+verb, func(t *testing.T) {
				w := newBroken(t, caps)
				server, disk := w.hands()
				server.create("Work")
				server.deliver("INBOX", w.message(), nil)
				w.sync()
				disk.move(disk.list("INBOX")[0], "Work")
				server.copy(server.list("INBOX")[0], "Work")
				w.fail(map[string]string{"move": "UID MOVE", "copy": "UID COPY"}[name], imaptest.Action{Fault: reply})
				w.resume("Work 1@test", "Work 1@test")
			})
		}
	}
}

// A copy made in another mailbox, while the run moved the message, is a copy.
func TestMoveBesideServersCopyElsewhere(t *testing.T) {
	w := newBroken(t, 0)
	server, disk := w.hands()
	server.create("Work")
	server.create("Archive")
	server.deliver("INBOX", w.message(), nil)
	w.sync()
	disk.move(disk.list("INBOX")[0], "Work")
	server.copy(server.list("INBOX")[0], "Archive")
	w.fail("UID MOVE", imaptest.Action{Fault: imaptest.DropAfter})
	w.resume("Archive 1@test", "Work 1@test")
}

// The flags of a message are changed on the server and then it is copied
// there; what the copy got from that is not the user's doing.
func TestResumeCopyOfFlagged(t *testing.T) {
	for _, deaths := range []int{0, 1, 2, 3} {
		w := newBroken(t, 0)
		server, disk := w.hands()
		server.create("Work")
		server.deliver("INBOX", w.message(), []string{`\Seen`})
		w.sync()
		disk.copy(disk.list("INBOX")[0], "Work")
		for _, h := range disk.list("INBOX") {
			disk.flag(h, []string{`\Flagged`}, nil)
		}
		w.fail("UID COPY", imaptest.Action{Fault: imaptest.DropAfter})
		if deaths > 0 { // and again, at one commit after the other
			n := 0
			w.opts.State.BeforeCommit = func() error {
				if n++; n > 2*deaths {
					return errDead
				}
				return nil
			}
			_, _ = w.trySync(mailsync.Request{})
			w.opts = mailsync.Options{}
			w.lines.idle()
		}
		w.resume("INBOX 1@test", "Work 1@test")
		if got := w.remoteSnapshot()["Work"][0]; strings.Contains(got, `\Flagged`) {
			t.Errorf("after %d more: the copy has %s", deaths, got[strings.LastIndex(got, "|"):])
		}
	}
}

// TestHalfMoveFlaggedPull: a run that may not change the server leaves the flag for
// one that may.
func TestHalfMoveFlaggedPull(t *testing.T) {
	for level, caps := range levels() {
		t.Run(level, func(t *testing.T) {
			w := halfMoved(t, caps, "UID EXPUNGE", imaptest.DropBefore, true)
			server, _ := w.hands()
			server.flag(server.list("Src")[0], []string{`\Flagged`}, nil)
			before := w.remoteSnapshot()
			if _, err := w.trySync(mailsync.Request{Pull: true}); err != nil {
				t.Fatal(err)
			}
			if got := w.remoteSnapshot(); !reflect.DeepEqual(got, before) {
				t.Errorf("the server has %v, before %v", got, before)
			}
			w.again(0)
			w.times(map[string]int{"1@test": 1, "2@test": 1})
			if got := w.remoteSnapshot()["Dst"][1]; !strings.Contains(got, `\Flagged`) {
				t.Errorf("the server has %q", got)
			}
		})
	}
}
