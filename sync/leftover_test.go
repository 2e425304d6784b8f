package sync_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"satchel/maildir/faultfs"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// A lock that is a link is refused: nobody else decides what is written there.
func TestLockIsNoLink(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	must(w, os.MkdirAll(w.acct.StateDir, 0o700))
	target := filepath.Join(w.root, "target")
	must(w, os.WriteFile(target, []byte("kept"), 0o600))
	must(w, os.Symlink(target, filepath.Join(w.acct.StateDir, "test.lock")))
	_, err := w.trySync(mailsync.Request{})
	if mail.KindOf(err) != mail.KindConfig || !strings.Contains(mail.HintOf(err), "move it away") {
		t.Errorf("%v: %v, hint %q", err, mail.KindOf(err), mail.HintOf(err))
	}
	if b, err := os.ReadFile(target); err != nil || string(b) != "kept" {
		t.Errorf("the target holds %q, %v", b, err)
	}
}

// A run that fails while messages are made durable, named or noted leaves
// nothing of them in tmp.
func TestNothingIsLeftInTmp(t *testing.T) {
	full := &os.PathError{Op: "write", Err: syscall.ENOSPC}
	for name, spoil := range map[string]func(w *world){
		"state": func(w *world) {
			w.opts.State.BeforeCommit = func() error {
				if left, _ := os.ReadDir(filepath.Join(w.acct.Maildir, "INBOX", "tmp")); len(left) > 0 {
					return full
				}
				return nil
			}
		},
		"name": func(w *world) {
			w.opts.FS = &faultfs.FS{Before: func(op faultfs.Op, name string) error {
				if op == faultfs.Rename && strings.Contains(name, "INBOX/tmp/") {
					return full
				}
				return nil
			}}
		},
		"refused": func(w *world) {
			w.opts.FS = &faultfs.FS{Before: func(op faultfs.Op, name string) error {
				if op == faultfs.Rename && strings.Contains(name, "INBOX/tmp/") {
					return os.ErrPermission
				}
				return nil
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{})
			w.sync()
			server, _ := w.hands()
			for range 40 {
				server.deliver("INBOX", w.message(), nil)
			}
			for range 3 {
				spoil(w)
				rep, err := w.trySync(mailsync.Request{})
				if err == nil && len(rep.Problems) == 0 {
					t.Error("nothing was said")
				}
				left, err := os.ReadDir(filepath.Join(w.acct.Maildir, "INBOX", "tmp"))
				must(w, err)
				if len(left) > 0 {
					t.Errorf("%d files are left in tmp", len(left))
				}
			}
			w.opts = mailsync.Options{}
			w.sync()
			w.agree()
			w.quiet()
		})
	}
}

// A run that is stopped while it makes a folder leaves none that mail programs
// would show, once the next one has ended.
func TestNothingIsLeftInRoot(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.sync()
	server, _ := w.hands()
	server.create("Work")
	unfinished := func() (list []string) {
		list, _ = filepath.Glob(filepath.Join(w.acct.Maildir, "satchel%tmp.*"))
		return list
	}
	dead := false
	w.opts.FS = &faultfs.FS{Before: func(op faultfs.Op, name string) error {
		if dead = dead || op == faultfs.Rename && strings.Contains(name, "satchel%tmp."); dead {
			return errDead
		}
		return nil
	}}
	w.opts.State.BeforeCommit = func() error {
		if dead {
			return errDead
		}
		return nil
	}
	if _, err := w.trySync(mailsync.Request{}); err == nil || len(unfinished()) == 0 {
		t.Fatalf("the run was not stopped within the making of a folder: %v", err)
	}
	w.opts = mailsync.Options{}
	w.sync()
	if left := unfinished(); len(left) > 0 {
		t.Errorf("left %q", left)
	}
	w.agree()
}
