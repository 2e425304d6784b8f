package sync_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// TestPrivateState: a state folder that is not ours alone, and a link or a fifo
// in the place of the state file or the lock, are refused before anything is
// done; what a link leads to stays as it is.
func TestPrivateState(t *testing.T) {
	for name, x := range map[string]struct {
		plant func(w *world, file string) error
		want  string
	}{
		"others can write":   {func(w *world, _ string) error { return os.Chmod(w.acct.StateDir, 0o777) }, "written to by others"},
		"the group can":      {func(w *world, _ string) error { return os.Chmod(w.acct.StateDir, 0o770) }, "written to by others"},
		"another's folder":   {func(w *world, _ string) error { return os.Chown(w.acct.StateDir, 12345, -1) }, "another user"},
		"another's link":     {func(w *world, _ string) error { return linkState(w, 12345) }, "another user"},
		"lock is a link":     {func(w *world, file string) error { return plantLink(w, "test.lock", file) }, "symbolic link"},
		"state is a link":    {func(w *world, file string) error { return plantLink(w, "test.db", file) }, "symbolic link"},
		"its log is a link":  {func(w *world, file string) error { return plantLink(w, "test.db-wal", file) }, "symbolic link"},
		"lock leads nowhere": {func(w *world, file string) error { return plantLink(w, "test.lock", file+".new") }, "symbolic link"},
		"lock is a fifo":     {func(w *world, _ string) error { return plantFifo(w, "test.lock") }, "regular file"},
		"state is a fifo":    {func(w *world, _ string) error { return plantFifo(w, "test.db") }, "regular file"},
		"another's lock": {func(w *world, _ string) error {
			return errors.Join(os.WriteFile(filepath.Join(w.acct.StateDir, "test.lock"), nil, 0o666), os.Chown(filepath.Join(w.acct.StateDir, "test.lock"), 12345, -1))
		}, "another user"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "another") && os.Geteuid() != 0 {
				t.Skip("only root can give files away")
			}
			w := newWorld(t, imaptest.Options{})
			_, file := w.precious()
			must(w, os.MkdirAll(w.acct.StateDir, 0o700))
			must(w, x.plant(w, file))
			w.srv.Append("INBOX", nil, time.Time{}, w.message())
			_, err := w.syncWithin(20 * time.Second)
			if mail.KindOf(err) != mail.KindConfig || !strings.Contains(err.Error(), x.want) || mail.HintOf(err) == "" {
				t.Errorf("the run said %v (%q), want %q", err, mail.HintOf(err), x.want)
			}
			w.intact(file)
			if _, err := os.Stat(file + ".new"); err == nil {
				t.Error("a file was made where a link led")
			}
			if _, err := os.Stat(w.acct.Maildir); err == nil {
				t.Error("the Maildir was made")
			}
		})
	}
}

func linkState(w *world, owner int) error {
	dir := w.acct.StateDir
	return errors.Join(os.Rename(dir, dir+".real"), os.Symlink(dir+".real", dir), os.Lchown(dir, owner, -1))
}

func plantLink(w *world, name, to string) error {
	return os.Symlink(to, filepath.Join(w.acct.StateDir, name))
}

func plantFifo(w *world, name string) error {
	return syscall.Mkfifo(filepath.Join(w.acct.StateDir, name), 0o600)
}

// TestLinkedStateFolder: a link of our own to a folder of our own is fine.
func TestLinkedStateFolder(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	must(w, os.MkdirAll(w.acct.StateDir, 0o700))
	must(w, linkState(w, os.Geteuid()))
	w.srv.Append("INBOX", nil, time.Time{}, w.message())
	w.sync()
	w.agree()
}
