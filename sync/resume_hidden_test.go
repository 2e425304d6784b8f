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

// A run dies in an upload, and the file, which is shorter on disk than what was
// sent, goes to where it cannot be read: what the upload left on the server is not
// taken for a new message.
func TestResumeUploadOfHiddenFile(t *testing.T) {
	w := newBroken(t, imaptest.DefaultCaps)
	server, disk := w.hands()
	server.create("Work")
	w.sync()
	text := strings.ReplaceAll(string(w.message()), "\r\n", "\n") + strings.Repeat("a line of the message\n", 2000)
	from := w.path(maildir.File{Folder: "INBOX", Name: disk.newName() + ":2,S"})
	must(w.world, os.WriteFile(from, []byte(text), 0o600))
	w.fail("APPEND", imaptest.Action{Fault: imaptest.DropAfter})
	w.srvHolds("INBOX", 1)
	moved := w.path(maildir.File{Folder: "Work", Name: "1700000000.moved.host:2,S"})
	must(w.world, os.Rename(from, moved))
	w.opts.FS = &faultfs.FS{Before: func(op faultfs.Op, name string) error {
		if op == faultfs.Open && strings.HasPrefix(filepath.Base(name), "1700000000.moved.") {
			return syscall.EACCES
		}
		return nil
	}}
	for range 2 {
		rep, err := w.trySync(mailsync.Request{})
		must(w.world, err)
		if rep.Changed() || len(w.files("INBOX")) != 0 {
			t.Fatalf("did %v, %d files in INBOX", rep.Counts, len(w.files("INBOX")))
		}
	}
	w.opts.FS = nil
	w.resume("Work 1@test")
}
