package sync_test

import (
	"os"
	"slices"
	"sync"
	"testing"

	"satchel/maildir"
	"satchel/maildir/faultfs"
	"satchel/state"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// What a run that died had told the base, or had not.

// everyStep has a world prepared, stops a run of it dead at each step, and
// hands it to after. In the short form it is stopped at each commit.
func everyStep(t *testing.T, caps imaptest.Caps, prepare, after func(*world)) {
	t.Helper()
	for k := 1; ; k++ {
		w := newBroken(t, caps).world
		prepare(w)
		stop := &stopper{at: k, only: "commit"}
		if *crashLong {
			stop.only = ""
		}
		_, _ = w.under(stop)
		if stop.last == "" {
			return // it came to its end
		}
		after(w)
		if t.Failed() {
			t.Fatalf("died at step %d (%s)", k, stop.last)
		}
	}
}

// A run makes a mailbox again on the server and dies before its messages are
// there. Their files have no rows then, in a folder in which nothing changed
// since it was compared.
func TestResumeMadeAgainUnchanged(t *testing.T) { lostUnchanged(t, func(*world) {}) }

// The same where UIDVALIDITY changed, and the server lost the message with it.
func TestResumeDetachedUnchanged(t *testing.T) {
	lostUnchanged(t, func(w *world) { serverSide{w}.create("Archive") })
}

func lostUnchanged(t *testing.T, then func(*world)) {
	t.Helper()
	everyStep(t, 0, func(w *world) {
		server, _ := w.hands()
		server.create("Archive")
		server.deliver("Archive", w.message(), nil)
		w.sync()
		w.dateFolders(true)
		must(w, w.srv.DeleteMailbox("Archive"))
		then(w)
	}, func(w *world) { w.resume("Archive 1@test") })
}

// A run makes a mailbox again whose messages went elsewhere on the server, and
// dies. Then that one goes the same way.
func TestResumeMadeAgainTwice(t *testing.T) {
	everyStep(t, 0, func(w *world) {
		server, disk := w.hands()
		server.create("Archive")
		for range 4 {
			server.deliver("Archive", w.message(), nil)
		}
		w.sync()
		w.mvServer("Archive", "First")
		disk.deliver("Archive", w.message(), nil)
	}, func(w *world) {
		for _, name := range w.mailboxes() {
			if name == "Archive" {
				w.mvServer("Archive", "Second")
			}
		}
		if msg := w.finish(nil, nil); msg != "" {
			w.t.Error(msg)
		}
		have := where(w.remoteSnapshot())
		for _, id := range []string{"1@test", "2@test", "3@test", "4@test", "5@test"} {
			if len(have[id]) != 1 {
				w.t.Errorf("%s is in %q", id, have[id])
			}
		}
	})
}

// A file takes a flag along when it is moved. A run that dies behind that did
// not set it for the user, who clears it on the server.
func TestResumeMovedFlags(t *testing.T) {
	everyStep(t, 0, func(w *world) {
		server, _ := w.hands()
		server.create("Work")
		server.deliver("INBOX", w.message(), nil)
		w.sync()
		server.move(server.list("INBOX")[0], "Work")
		server.flag(server.list("Work")[0], []string{`\Answered`}, nil)
	}, func(w *world) {
		server, _ := w.hands()
		server.flag(server.list("Work")[0], nil, []string{`\Answered`})
		w.resume("Work 1@test")
		if h := server.list("Work"); len(h) != 1 || len(h[0].flags) > 0 {
			w.t.Errorf("the server has %v", h)
		}
	})
}

// A file was moved after its message, and the run dies before the base knows.
// Then the message goes from where both are.
func TestResumeMovedGone(t *testing.T) {
	for name, caps := range map[string]imaptest.Caps{
		"QRESYNC":   imaptest.DefaultCaps,
		"CONDSTORE": imaptest.DefaultCaps.Without(imaptest.CapQResync),
		"neither":   imaptest.DefaultCaps.Without(imaptest.CapQResync, imaptest.CapCondstore),
	} {
		t.Run(name, func(t *testing.T) {
			everyStep(t, caps, func(w *world) {
				server, _ := w.hands()
				server.create("Work")
				server.deliver("INBOX", w.message(), nil)
				server.deliver("Work", w.message(), nil)
				w.sync()
				server.move(server.list("INBOX")[0], "Work")
			}, func(w *world) {
				server, _ := w.hands()
				server.remove(server.list("Work")[1])
				if rep := w.sync(); len(rep.Notices) > 0 {
					w.t.Errorf("the server is blamed: %q", rep.Notices)
				}
				w.resume("Work 2@test")
			})
		})
	}
}

// The same where the mailbox gets a new UIDVALIDITY instead: what the journal
// says of UIDs is void.
func TestResumeMovedDetached(t *testing.T) {
	everyStep(t, 0, func(w *world) {
		server, _ := w.hands()
		server.create("Work")
		server.deliver("INBOX", w.message(), nil)
		server.deliver("Work", w.message(), nil)
		w.sync()
		server.move(server.list("INBOX")[0], "Work")
	}, func(w *world) {
		w.mvServer("Work", "old")
		server, _ := w.hands()
		server.create("Work")
		for _, h := range server.list("old") {
			server.move(h, "Work")
		}
		must(w, w.srv.DeleteMailbox("old"))
		w.resume("Work 1@test", "Work 2@test")
		w.agree()
	})
}

// The user moves a file under another name and copies it, and the server has
// the message in a third place. The file that satchel then was moving there is
// that one, whatever name the base knows, and the copy, which has reached the
// server, stays where it is.
func TestResumeMoveOfRenamed(t *testing.T) {
	w := newBroken(t, 0)
	server, disk := w.hands()
	for _, box := range []string{"Archive", "Other", "Work"} {
		server.create(box)
	}
	server.deliver("Work", w.message(), []string{`\Seen`})
	w.sync()
	from := w.path(disk.list("Work")[0].key.(maildir.File))
	b, err := os.ReadFile(from)
	must(w.world, err)
	f := maildir.File{Folder: "Archive", Name: "1.other.elsewhere:2,S"}
	must(w.world, os.Rename(from, w.path(f)))
	f.Folder = "INBOX"
	must(w.world, os.WriteFile(w.path(f), b, 0o600))
	server.move(server.list("Work")[0], "Other")
	// It dies with both the copy on the server and the move on disk done, and
	// neither noted.
	copied := make(chan struct{})
	isCopied := sync.OnceFunc(func() { close(copied) })
	dead := func() error {
		select {
		case <-copied:
			return errDead
		default:
			return nil
		}
	}
	w.opts = mailsync.Options{State: state.Options{BeforeCommit: dead}, FS: &faultfs.FS{Before: func(op faultfs.Op, _ string) error {
		if op == faultfs.Rename {
			<-copied
		}
		return nil
	}}}
	w.lines.through(func(_ bool, n int) (int, error) {
		if len(server.list("INBOX")) > 0 {
			isCopied()
		}
		return n, dead()
	}, dead)
	_, _ = w.trySync(mailsync.Request{})
	w.lines.idle()
	w.opts = mailsync.Options{}
	w.lines.through(nil, nil)
	w.resume("INBOX 1@test", "Other 1@test")
}

// A mailbox is made by a run that dies before it puts the first message there;
// the next one puts it there and dies. It is not made again since, so the
// message is no new one, also when its file is gone.
func TestResumeIntoNewMailbox(t *testing.T) {
	for at := range 13 {
		w := newBroken(t, 0)
		_, disk := w.hands()
		w.sync()
		disk.create("New")
		disk.deliver("New", w.message(), nil)
		w.fail("APPEND", imaptest.Action{Fault: imaptest.DropBefore})
		w.again(at)
		disk.remove(disk.list("New")[0])
		if msg := w.finish(nil, nil); msg != "" {
			t.Errorf("after %d commits: %s", at, msg)
		}
	}
}

// A message that the user removed went elsewhere on the server, where a run
// delivers it as a new one and dies. Then the user moves that file, under
// another name, to where the removed one had been.
func TestResumeDeliveredMovedBack(t *testing.T) {
	for name, then := range map[string]func(*world){
		"moved": func(w *world) { s, _ := w.hands(); s.create("New"); s.move(s.list("Archive")[0], "New") },
		// The mailbox takes it along.
		"renamed": func(w *world) { w.mvServer("Archive", "New") },
	} {
		for level, caps := range levels() {
			t.Run(name+" "+level, func(t *testing.T) {
				everyStep(t, caps, func(w *world) {
					server, disk := w.hands()
					server.create("Archive")
					server.deliver("Archive", w.message(), nil)
					server.deliver("INBOX", w.message(), nil)
					w.sync()
					then(w)
					disk.remove(disk.list("Archive")[0])
				}, func(w *world) {
					_, disk := w.hands()
					want := "New 1@test"
					if slices.Contains(w.folders(), "New") && len(disk.list("New")) > 0 {
						disk.create("Archive")
						f := disk.list("New")[0].key.(maildir.File)
						must(w, os.Rename(w.path(f), w.path(maildir.File{Folder: "Archive", New: f.New, Name: "1.other.elsewhere"})))
						want = "Archive 1@test"
					}
					w.resume(want, "INBOX 2@test")
				})
			})
		}
	}
}
