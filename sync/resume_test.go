package sync_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"satchel/conflict"
	"satchel/maildir"
	"satchel/maildir/faultfs"
	"satchel/state"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// What the harnesses found, as small as it gets.

// broken is a world whose server does something to the next command of a
// kind, once it is armed.
type broken struct {
	*world
	mu   sync.Mutex
	verb string
	act  imaptest.Action
}

func newBroken(t *testing.T, caps imaptest.Caps) *broken {
	b := &broken{}
	b.world = newWorld(t, imaptest.Options{Caps: caps, Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		b.mu.Lock()
		defer b.mu.Unlock()
		if verb != b.verb {
			return imaptest.Action{}
		}
		b.verb = ""
		return b.act
	}})
	b.acct.NoFsync = true
	b.acct.MaxDeletePct = 100
	return b
}

// fail runs once with the next command verb answered by act.
func (b *broken) fail(verb string, act imaptest.Action) {
	b.t.Helper()
	b.mu.Lock()
	b.verb, b.act = verb, act
	b.mu.Unlock()
	_, _ = b.trySync(mailsync.Request{})
	b.lines.idle()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.verb != "" {
		b.t.Fatalf("%s was never sent", verb)
	}
}

// dieAt runs once and dies at the nth call of a kind.
func (w *world) dieAt(op faultfs.Op, n int) {
	w.t.Helper()
	f := &failing{n: n, err: errDead, matches: func(o faultfs.Op) bool { return o == op }}
	dead := func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.reached {
			return errDead
		}
		return nil
	}
	w.opts = mailsync.Options{
		FS: &faultfs.FS{Before: func(o faultfs.Op, name string) error {
			if err := f.before(o, name); err != nil {
				return err
			}
			return dead()
		}},
		State: state.Options{BeforeCommit: dead},
	}
	w.lines.through(func(_ bool, n int) (int, error) {
		if err := dead(); err != nil {
			return 0, err
		}
		return n, nil
	}, dead)
	_, _ = w.trySync(mailsync.Request{})
	w.lines.idle()
	w.opts = mailsync.Options{}
	w.lines.through(nil, nil)
	if !f.reached {
		w.t.Fatalf("%s was never called", op)
	}
}

// resume syncs until done and wants these messages, as "mailbox ID", on both
// sides.
func (w *world) resume(want ...string) {
	w.t.Helper()
	if msg := w.finish(nil, nil); msg != "" {
		w.t.Error(msg)
	}
	var have []string
	for id, boxes := range where(w.remoteSnapshot()) {
		for _, b := range boxes {
			have = append(have, b+" "+id)
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		w.t.Errorf("the server has %q, want %q", have, want)
	}
}

func (w *world) hands() (serverSide, diskSide) {
	return serverSide{w}, diskSide{w, rand.New(rand.NewPCG(1, 1))}
}

// A server without MOVE: the run dies between COPY and the removal of the
// original.
func TestResumeHalfMove(t *testing.T) {
	w := newBroken(t, imaptest.DefaultCaps.Without(imaptest.CapMove))
	server, disk := w.hands()
	server.create("Work")
	server.deliver("INBOX", w.message(), nil)
	w.sync()
	disk.move(disk.list("INBOX")[0], "Work")
	w.fail("UID COPY", imaptest.Action{Fault: imaptest.DropAfter})
	w.resume("Work 1@test")
}

// A row written ahead of a copy that was not made is not where the user's own
// copy came from.
func TestResumeBesideCopy(t *testing.T) {
	w := newBroken(t, 0)
	server, disk := w.hands()
	server.create("Work")
	server.create("Archive")
	server.deliver("Archive", w.message(), []string{`\Seen`})
	w.sync()
	server.copy(server.list("Archive")[0], "INBOX")
	w.dieAt(faultfs.Rename, 1)
	disk.copy(disk.list("Archive")[0], "Work")
	w.resume("Archive 1@test", "INBOX 1@test", "Work 1@test")
}

// The file that satchel was moving is known by its name, and a copy that the
// user made beside it stays where it is.
func TestResumeMoveBesideCopy(t *testing.T) {
	for n := 1; n <= 3; n++ {
		w := newBroken(t, 0)
		server, disk := w.hands()
		server.create("Work")
		server.create("Box")
		server.deliver("Box", w.message(), []string{`\Seen`})
		w.sync()
		h := disk.list("Box")[0]
		b, err := os.ReadFile(w.path(h.key.(maildir.File)))
		must(w.world, err)
		dst := maildir.File{Folder: "INBOX", Name: "1.copy.elsewhere:2,S"}
		must(w.world, os.WriteFile(w.path(dst), b, 0o600))
		server.move(server.list("Box")[0], "Work")
		w.acct.NoFsync = false
		w.dieAt(faultfs.SyncDir, n)
		w.resume("INBOX 1@test", "Work 1@test")
	}
}

// A copy that was made on the server and not noted has the flags of the user's
// copy, not those of its source.
func TestResumeCopyFlags(t *testing.T) {
	w := newBroken(t, 0)
	server, disk := w.hands()
	server.create("Work")
	server.deliver("INBOX", w.message(), nil)
	w.sync()
	disk.copy(disk.list("INBOX")[0], "Work")
	server.flag(server.list("INBOX")[0], []string{`\Flagged`}, nil)
	w.fail("UID COPY", imaptest.Action{Fault: imaptest.DropAfter})
	w.resume("INBOX 1@test", "Work 1@test")
	if got := w.remoteSnapshot()["Work"][0]; strings.Contains(got, `\Flagged`) {
		t.Errorf("the copy has %s", got[strings.LastIndex(got, "|"):])
	}
}

// A flag that the user clears on a message whose upload was not noted stays
// cleared.
func TestResumeUploadFlags(t *testing.T) {
	w := newBroken(t, 0)
	w.sync()
	_, disk := w.hands()
	disk.deliver("INBOX", w.message(), []string{`\Flagged`, `\Seen`})
	w.fail("APPEND", imaptest.Action{Fault: imaptest.DropAfter})
	w.srv.StoreFlags("INBOX", 1, nil, []string{`\Seen`})
	w.resume("INBOX 1@test")
	if got := w.remoteSnapshot()["INBOX"][0]; strings.Contains(got, `\Seen`) {
		t.Errorf("%s is back", got[strings.LastIndex(got, "|"):])
	}
}

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

// A delivery dies, and the message goes from a server that does not report
// what went.
func TestResumeDeliveryGone(t *testing.T) {
	w := newBroken(t, imaptest.DefaultCaps.Without(imaptest.CapQResync))
	server, _ := w.hands()
	server.deliver("INBOX", w.message(), nil)
	w.sync()
	server.deliver("INBOX", w.message(), nil)
	w.dieAt(faultfs.Rename, 1)
	server.remove(server.list("INBOX")[1])
	w.resume("INBOX 1@test")
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

// A message is moved on the server to or from a mailbox whose folder cannot
// be read just then.
func TestFaultWhileMoved(t *testing.T) {
	for _, from := range []string{"Archive", "Work"} {
		for _, who := range []int{local, onServer} {
			w := newBroken(t, 0)
			server, disk := w.hands()
			server.create("Archive")
			server.create("Work")
			server.deliver(from, w.message(), nil)
			server.deliver("Archive", w.message(), nil)
			w.sync()
			to := map[string]string{"Archive": "Work", "Work": "Archive"}[from]
			if who == local {
				disk.move(disk.list(from)[0], to)
			} else {
				server.move(server.list(from)[0], to)
			}
			f := &failing{n: 1, err: syscall.EIO, matches: func(o faultfs.Op) bool { return o == faultfs.ReadDir }}
			w.opts = mailsync.Options{FS: &faultfs.FS{Before: func(o faultfs.Op, name string) error {
				if strings.Contains(name, "Archive/") {
					return f.before(o, name)
				}
				return nil
			}}}
			rep, err := w.trySync(mailsync.Request{})
			w.opts = mailsync.Options{}
			t.Logf("from %s by %d: reached %v: %v %v", from, who, f.reached, err, texts(rep))
			w.resume("Archive 2@test", to+" 1@test")
		}
	}
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

// What a killed run was writing into tmp goes, also where nothing else shows
// that the folder was touched.
func TestResumeSweepsTmp(t *testing.T) {
	w := newBroken(t, imaptest.DefaultCaps)
	server, _ := w.hands()
	server.deliver("INBOX", w.message(), nil)
	w.sync()
	w.quiet()
	server.deliver("INBOX", w.message(), nil)
	w.dieAt(faultfs.Chtimes, 1)
	server.remove(server.list("INBOX")[1])
	w.opts = mailsync.Options{}
	w.sync()
	dir, err := w.disk().Dir("INBOX")
	must(w.world, err)
	left, err := os.ReadDir(filepath.Join(dir, "tmp"))
	must(w.world, err)
	if len(left) > 0 {
		t.Errorf("tmp still holds %v", left)
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

// Another client moves a message on whose flags a run had just changed; then the
// user takes the change back.
func TestResumeFlagsMovedOn(t *testing.T) {
	w := newBroken(t, 0)
	server, disk := w.hands()
	server.create("Work")
	server.deliver("INBOX", w.message(), nil)
	w.sync()
	disk.flag(disk.list("INBOX")[0], []string{`\Seen`}, nil)
	w.fail("UID STORE", imaptest.Action{Fault: imaptest.DropAfter})
	server.move(server.list("INBOX")[0], "Work")
	disk.flag(disk.list("INBOX")[0], nil, []string{`\Seen`})
	w.resume("Work 1@test")
	if got := w.remoteSnapshot()["Work"][0]; strings.Contains(got, `\Seen`) {
		t.Errorf("it has %q", got[strings.LastIndex(got, "|"):])
	}
}
