package sync_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"satchel/maildir"
	"satchel/maildir/faultfs"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// What the harnesses found, as small as it gets.

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
