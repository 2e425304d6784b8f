package sync_test

import (
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"satchel/conflict"
	"satchel/maildir/faultfs"
	mailsync "satchel/sync"
)

// A message goes from the server before the first sync of its mailbox was
// complete.
func TestResumeNewMailbox(t *testing.T) {
	w := newBroken(t, 0)
	w.sync()
	server, _ := w.hands()
	server.create("New")
	server.deliver("New", w.message(), nil)
	server.deliver("New", w.message(), nil)
	// The files are there and noted, and then the line breaks.
	n := 0
	w.opts.State.BeforeCommit = func() error {
		if l := w.srv.Messages("New"); len(l) == 2 {
			if n++; n >= 5 {
				return errDead
			}
		}
		return nil
	}
	_, err := w.trySync(mailsync.Request{})
	w.opts = mailsync.Options{}
	t.Logf("%d commits, %v, files %d", n, err, len(w.files("New")))
	server.remove(server.list("New")[0])
	w.resume("New 2@test")
}

// The same where the server moves it away.
func TestResumeNewMailboxMoved(t *testing.T) {
	for at := 2; at < 8; at++ {
		w := newBroken(t, 0)
		w.sync()
		server, _ := w.hands()
		server.create("New")
		server.deliver("New", w.message(), nil)
		n := 0
		w.opts.State.BeforeCommit = func() error {
			if n++; n >= at {
				return errDead
			}
			return nil
		}
		_, _ = w.trySync(mailsync.Request{})
		w.opts = mailsync.Options{}
		w.lines.idle()
		server.move(server.list("New")[0], "INBOX")
		w.resume("INBOX 1@test")
	}
}

// Removing a folder dies half-way.
func TestResumeRemoveFolder(t *testing.T) {
	for n := 1; n <= 4; n++ {
		w := newBroken(t, 0)
		server, _ := w.hands()
		server.create("Gone")
		server.deliver("INBOX", w.message(), nil)
		w.sync()
		must(w.world, w.srv.DeleteMailbox("Gone"))
		w.dieAt(faultfs.Rmdir, n)
		w.resume("INBOX 1@test")
	}
}

// A run dies while it writes a message, whose mailbox is then deleted.
func TestResumeRemoveHalfFetched(t *testing.T) {
	w := newBroken(t, 0)
	server, _ := w.hands()
	server.create("Gone")
	w.sync()
	server.deliver("Gone", w.message(), nil)
	w.dieAt(faultfs.Write, 1)
	must(w.world, w.srv.DeleteMailbox("Gone"))
	w.resume()
}

// A folder that the user removed comes back, since mailbox_delete says so, and
// the run dies, or the disk is full, before its messages are back too. They
// must not be taken for removed by the user.
func TestResumeMailboxBack(t *testing.T) {
	for name, stop := range map[string]func(*world){
		"dies": func(w *world) { w.dieAt(faultfs.Create, 1) },
		"disk full": func(w *world) {
			f := &failing{n: 1, err: syscall.ENOSPC, matches: func(o faultfs.Op) bool { return o == faultfs.Create }}
			w.opts = mailsync.Options{FS: &faultfs.FS{Before: f.before}}
			_, err := w.trySync(mailsync.Request{})
			w.opts = mailsync.Options{}
			w.t.Logf("reached %v, %v", f.reached, err)
		},
		"unreadable": func(w *world) {
			f := &failing{n: 1, err: syscall.EIO, matches: func(o faultfs.Op) bool { return o == faultfs.Create }}
			w.opts = mailsync.Options{FS: &faultfs.FS{Before: f.before}}
			_, err := w.trySync(mailsync.Request{})
			w.opts = mailsync.Options{}
			w.t.Logf("reached %v, %v", f.reached, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newBroken(t, 0)
			w.acct.Policy.MailboxDelete = conflict.Never
			server, _ := w.hands()
			server.create("Box")
			server.deliver("Box", w.message(), nil)
			server.deliver("Box", w.message(), []string{`\Seen`})
			w.sync()
			dir, err := w.disk().Dir("Box")
			must(w.world, err)
			must(w.world, os.RemoveAll(dir))
			stop(w.world)
			w.resume("Box 1@test", "Box 2@test")
		})
	}
}

// A run makes a mailbox again on the server whose messages went elsewhere
// there, with a rename that nothing proves, and dies at any step: they are
// neither doubled nor taken back.
func TestResumeMadeAgain(t *testing.T) {
	s := historyScenario(1)
	s.name = "made again"
	s.past = func(w *world) {
		must(w, w.srv.CreateMailbox("Archive"))
		for range 2 {
			serverSide{w}.deliver("Archive", w.message(), nil)
		}
		w.sync()
	}
	s.change = func(w *world) *ledger {
		w.mvServer("Archive", "Renamed")
		diskSide{w, rand.New(rand.NewPCG(1, 1))}.deliver("Archive", w.message(), nil)
		return nil
	}
	want, n := s.wantFor(t)
	for k := 1; k <= n; k++ {
		if msg := s.interrupt(t, point{k: k}, want); msg != "" {
			t.Error(msg)
		}
	}
}
