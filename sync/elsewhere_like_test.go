package sync_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"satchel/maildir"
	"satchel/maildir/faultfs"
	mailsync "satchel/sync"
)

// TestUnreadableInExcludedFolder: a file in a folder that is not synced, which
// cannot be read, may be any of the missing messages that are as long or have its
// name: all of them stay on the server, and not the first only.
func TestUnreadableInExcludedFolder(t *testing.T) {
	for _, shift := range []int{0, 40} {
		t.Run(fmt.Sprint(shift), func(t *testing.T) {
			w := excludedWorld(t, maildir.Nested, 5)
			files := w.files("INBOX")
			b, err := os.ReadFile(w.path(files[2].file))
			must(w, err)
			there := filepath.Join(w.acct.Maildir, "Private", "cur", "1800000000.another.host:2,S")
			must(w, os.WriteFile(there, append(b, strings.Repeat("x", shift)...), 0o600))
			for _, f := range files[:3] {
				must(w, os.Remove(w.path(f.file)))
			}
			w.opts.FS = &faultfs.FS{Before: func(op faultfs.Op, name string) error {
				if op == faultfs.Open && name == there {
					return syscall.EIO
				}
				return nil
			}}
			for range 2 {
				rep, err := w.trySync(mailsync.Request{})
				must(w, err)
				if n := len(w.srv.Messages("INBOX")); n != 5 {
					t.Fatalf("%d messages on the server, want 5: %v", n, texts(rep))
				}
			}
			must(w, os.Remove(there))
			w.sync()
			w.srvHolds("INBOX", 2)
			w.quiet()
		})
	}
}

// TestUnnamedPlaceHoldsAll: in a directory that can be no mailbox nothing is read,
// so a file there may be any of the missing messages that are about as long.
func TestUnnamedPlaceHoldsAll(t *testing.T) {
	w := excludedWorld(t, maildir.Nested, 5)
	dir := filepath.Join(w.acct.Maildir, "a\x01b")
	for _, sub := range []string{"cur", "new", "tmp"} {
		must(w, os.MkdirAll(filepath.Join(dir, sub), 0o700))
	}
	files := w.files("INBOX")
	must(w, os.Rename(w.path(files[2].file), filepath.Join(dir, "cur", "1800000000.another.host:2,S")))
	for _, f := range files[:2] {
		must(w, os.Remove(w.path(f.file)))
	}
	rep, err := w.trySync(mailsync.Request{})
	must(w, err)
	if n := len(w.srv.Messages("INBOX")); n != 5 {
		t.Fatalf("%d messages on the server, want 5: %v", n, texts(rep))
	}
	must(w, os.RemoveAll(dir))
	w.sync()
	w.srvHolds("INBOX", 2)
	w.quiet()
}

// TestSavedToExcludedFolder: a message that a program saved to a folder that is not
// synced, under another name and with lines of its own, stays on the server; one
// beside it that was removed does not.
func TestSavedToExcludedFolder(t *testing.T) {
	w := excludedWorld(t, maildir.Nested, 4)
	files := w.files("INBOX")
	b, err := os.ReadFile(w.path(files[2].file))
	must(w, err)
	there := filepath.Join(w.acct.Maildir, "Private", "cur", "1800000000.another.host:2,S")
	must(w, os.WriteFile(there, []byte(saved(string(b))), 0o600))
	for _, i := range []int{1, 2} {
		must(w, os.Remove(w.path(files[i].file)))
	}
	for range 2 {
		rep, err := w.trySync(mailsync.Request{})
		must(w, err)
		if n := len(w.srv.Messages("INBOX")); n != 3 || !strings.Contains(strings.Join(texts(rep), "\n"), "its file is in Private") {
			t.Fatalf("%d messages on the server, want 3: %v", n, texts(rep))
		}
	}
	must(w, os.Remove(there))
	w.sync()
	w.srvHolds("INBOX", 2)
	w.quiet()
}
