package sync_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"satchel/maildir"
	"satchel/maildir/faultfs"
	mailsync "satchel/sync"
	"satchel/sync/remote/imaptest"
)

// What else there may be in a Maildir: entries that are no mail, or that cannot
// be read. Each holds back only what may be in it.

// TestRemovedMailboxWithFilesOfOthers: a mailbox that was removed on the server
// counts as removed, whatever a file manager put into its folder.
func TestRemovedMailboxWithFilesOfOthers(t *testing.T) {
	for _, layout := range []maildir.Layout{maildir.Nested, maildir.MaildirPP} {
		w := newWorld(t, imaptest.Options{})
		w.acct.Layout = layout
		must(w, w.srv.CreateMailbox("Work"))
		w.sync()
		dir, err := w.disk().Dir("Work")
		must(w, err)
		names := []string{".DS_Store", "Thumbs.db", ".directory", ".gitkeep", "cur/.DS_Store", "new/.directory"}
		for _, n := range names {
			must(w, os.WriteFile(filepath.Join(dir, n), []byte(n), 0o600))
		}
		must(w, w.srv.DeleteMailbox("Work"))
		w.sync()
		w.agree()
		w.quiet()
		for _, n := range []string{"Thumbs.db", ".directory", ".gitkeep", ".new-directory"} {
			if _, err := os.Stat(filepath.Join(dir, n)); err != nil {
				t.Errorf("%v: %v", layout, err)
			}
		}
		must(w, w.srv.CreateMailbox("Work"))
		w.sync()
		w.agree()
	}
}

// TestNothingOfTheFirstRunIsLeftInRoot: a run that dies before it is in the
// history leaves nothing in the root either.
func TestNothingOfTheFirstRunIsLeftInRoot(t *testing.T) {
	for _, layout := range []maildir.Layout{maildir.Nested, maildir.MaildirPP} {
		w := newWorld(t, imaptest.Options{})
		w.acct.Layout = layout
		left := func() (list []string) {
			list, _ = filepath.Glob(filepath.Join(w.acct.Maildir, "satchel%tmp.*"))
			return list
		}
		dead := false
		w.opts.FS = &faultfs.FS{Before: func(faultfs.Op, string) error {
			if dead = dead || len(left()) > 0; dead {
				return errDead
			}
			return nil
		}}
		if _, err := w.trySync(mailsync.Request{}); err == nil || len(left()) == 0 {
			t.Fatalf("the run was not stopped while it made the root: %v", err)
		}
		w.opts = mailsync.Options{}
		w.sync()
		if list := left(); len(list) > 0 {
			t.Errorf("%v: left %q", layout, list)
		}
		w.agree()
	}
}

// TestOddEntryInCurHoldsNothing: neither removals nor new mail of about its size.
func TestOddEntryInCurHoldsNothing(t *testing.T) {
	for name, plant := range map[string]func(path string) error{
		"directory": func(path string) error { return os.MkdirAll(filepath.Join(path, "new"), 0o700) },
		"fifo":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"dangling":  func(path string) error { return os.Symlink("/nonexistent", path) },
	} {
		t.Run(name, func(t *testing.T) {
			w := withMail(t, 4)
			path := filepath.Join(w.acct.Maildir, "INBOX", "cur", "1700000000.odd.host:2,S")
			must(w, plant(path))
			must(w, os.Remove(w.path(w.mine("INBOX"))))
			i, err := os.Lstat(path)
			must(w, err)
			var text []byte
			for text = w.message(); int64(len(text)) < max(i.Size(), 4096)+100; {
				text = append(text, "filling of a line\r\n"...)
			}
			server, _ := w.hands()
			server.deliver("INBOX", text, nil)
			if _, err := w.trySync(mailsync.Request{}); err != nil {
				t.Fatal(err)
			}
			if n := len(w.srv.Messages("INBOX")); n != 4 {
				t.Errorf("%d messages on the server, want 4", n)
			}
			here := 0
			for _, f := range w.files("INBOX") {
				if !strings.Contains(f.file.Name, ".odd.") {
					here++
				}
			}
			if here != 4 {
				t.Errorf("%d messages on disk, want 4", here)
			}
			if !slices.ContainsFunc(w.files("INBOX"), func(f diskFile) bool { return w.odd(f) == nil && w.content(f.file) == string(text) }) {
				t.Error("new mail of about its size is not here")
			}
		})
	}
}

// odd returns why a file is no message.
func (w *world) odd(f diskFile) error {
	i, err := os.Lstat(w.path(f.file))
	if err == nil && !i.Mode().IsRegular() {
		err = os.ErrInvalid
	}
	return err
}
