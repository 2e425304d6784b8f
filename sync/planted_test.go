package sync_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// What an unpacked archive, or a neighbour on the machine, may have put beside
// the mail: links and fifos with names that satchel uses. None leads a run out
// of the Maildir, and none stops it.

// precious makes a folder outside of the Maildir that no run may touch.
func (w *world) precious() (dir, file string) {
	w.t.Helper()
	dir = filepath.Join(w.root, "Documents")
	must(w, os.MkdirAll(filepath.Join(dir, "INBOX"), 0o700))
	file = filepath.Join(dir, "INBOX", "thesis")
	must(w, os.WriteFile(file, []byte("years of work\n"), 0o600))
	return dir, file
}

func (w *world) intact(file string) {
	w.t.Helper()
	if b, err := os.ReadFile(file); err != nil || string(b) != "years of work\n" {
		w.t.Errorf("%s holds %q, %v", file, b, err)
	}
}

// withMail makes a world in which both sides have n messages in INBOX.
func withMail(t *testing.T, n int) *world {
	t.Helper()
	w := newWorld(t, imaptest.Options{})
	for range n {
		w.srv.Append("INBOX", nil, time.Time{}, w.message())
	}
	w.sync()
	return w
}

// mine returns a file that came down.
func (w *world) mine(folder string) maildir.File {
	w.t.Helper()
	for _, f := range w.files(folder) {
		if strings.Contains(f.file.Name, "P"+strconv.Itoa(os.Getpid())+"Q") {
			return f.file
		}
	}
	w.t.Fatal("nothing came down")
	return maildir.File{}
}

// syncWithin fails the test when a run does not end by itself.
func (w *world) syncWithin(limit time.Duration) (*mailsync.Report, error) {
	w.t.Helper()
	type result struct {
		rep *mailsync.Report
		err error
	}
	done := make(chan result, 1)
	go func() {
		rep, err := w.trySync(mailsync.Request{})
		done <- result{rep, err}
	}()
	select {
	case r := <-done:
		return r.rep, r.err
	case <-time.After(limit):
		w.t.Fatal("the run hangs")
		return nil, nil
	}
}

func TestUndoFolderIsALink(t *testing.T) {
	old := "20200101T000000Z"
	for name, plant := range map[string]func(w *world, undo, documents string) error{
		"run": func(_ *world, undo, documents string) error {
			return errors.Join(os.MkdirAll(undo, 0o700), os.Symlink(documents, filepath.Join(undo, old)))
		},
		"folder": func(_ *world, undo, documents string) error {
			run := filepath.Join(undo, old)
			return errors.Join(os.MkdirAll(run, 0o700), os.Symlink(filepath.Join(documents, "INBOX"), filepath.Join(run, "INBOX")))
		},
		"part of a folder's name": func(_ *world, undo, documents string) error {
			run := filepath.Join(undo, old)
			return errors.Join(os.MkdirAll(run, 0o700), os.Symlink(documents, filepath.Join(run, "x%+")))
		},
		"root": func(w *world, undo, documents string) error {
			outside := filepath.Join(w.root, "outside")
			return errors.Join(os.MkdirAll(outside, 0o700), os.Rename(documents, filepath.Join(outside, old)), os.Symlink(outside, undo),
				os.Symlink(filepath.Join(outside, old), documents))
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, place := range []string{"Mail/.satchel-undo", ".Mail.satchel-undo", "state/test.undo"} {
				w := withMail(t, 3)
				documents, file := w.precious()
				must(w, plant(w, filepath.Join(w.root, place), documents))
				w.srv.Expunge("INBOX", 2)
				w.sync()
				w.intact(file)
				w.agree()
				if runs := w.undoRuns(); len(runs) != 1 || len(runs[0].Messages) != 1 {
					t.Errorf("%s: what was removed is not to be had: %+v", place, runs)
				} else if !strings.HasPrefix(resolved(t, runs[0].Messages[0].Path), resolved(t, w.root)+"/") || strings.HasPrefix(resolved(t, runs[0].Messages[0].Path), resolved(t, documents)) {
					t.Errorf("%s: it is in %s", place, runs[0].Messages[0].Path)
				}
			}
		})
	}
}

func resolved(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Error(err)
	}
	return p
}

// TestUndoForgetsOwnRunsOnly: a run that the state does not know was not ours.
func TestUndoForgetsOwnRunsOnly(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for range 3 {
		w.srv.Append("INBOX", nil, time.Time{}, w.message())
	}
	w.syncAt(start)
	w.srv.Expunge("INBOX", 2)
	w.syncAt(start.Add(time.Hour))
	other := filepath.Join(w.acct.StateDir, "test.undo", "20200101T000000Z", "INBOX", "x")
	must(w, os.MkdirAll(filepath.Dir(other), 0o700))
	must(w, os.WriteFile(other, []byte("not satchel's\n"), 0o600))
	w.syncAt(start.Add(40 * 24 * time.Hour))
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
	if runs := w.undoRuns(); len(runs) != 1 || runs[0].Run != "20200101T000000Z" {
		t.Errorf("kept: %+v", runs)
	}
}

// TestUndoForgetsRepairs: what a repair put aside is kept as long as what a sync
// removed, and no longer.
func TestUndoForgetsRepairs(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for range 3 {
		w.srv.Append("INBOX", nil, time.Time{}, w.message())
	}
	w.syncAt(start)
	must(w, os.Truncate(w.path(w.files("INBOX")[0].file), 0))
	if _, err := w.at(start.Add(time.Hour)).Check(context.Background(), mailsync.CheckRequest{Repair: true}); err != nil {
		t.Fatal(err)
	}
	if runs := w.undoRuns(); len(runs) != 1 {
		t.Fatalf("put aside: %+v", runs)
	}
	w.syncAt(start.Add(20 * 24 * time.Hour))
	if runs := w.undoRuns(); len(runs) != 1 {
		t.Errorf("after 20 days: %+v", runs)
	}
	w.syncAt(start.Add(40 * 24 * time.Hour))
	if runs := w.undoRuns(); len(runs) != 0 {
		t.Errorf("after 40 days: %+v", runs)
	}
}

func TestLinkIsNoMessage(t *testing.T) {
	w := withMail(t, 4)
	_, secret := w.precious()
	for _, sub := range []string{"cur", "new"} {
		must(w, os.Symlink(secret, filepath.Join(w.acct.Maildir, "INBOX", sub, "1700000000.link"+sub+".host:2,S")))
	}
	must(w, os.Remove(w.path(w.mine("INBOX"))))
	rep, err := w.trySync(mailsync.Request{})
	must(w, err)
	for _, m := range w.srv.Messages("INBOX") {
		if strings.Contains(string(m.Content), "years of work") {
			t.Error("what a link leads to was sent to the server")
		}
	}
	if n := len(w.srv.Messages("INBOX")); n != 3 {
		t.Errorf("%d messages on the server, want 3: the links hold back a removal", n)
	}
	if all := texts(rep); len(all) == 0 || !strings.Contains(strings.Join(all, "\n"), "symbolic link") {
		t.Errorf("nothing is said of the links: %q", all)
	}
	w.intact(secret)
}

// TestLinkedParts: cur, new and tmp are real directories, or the mailbox stays as it is.
func TestLinkedParts(t *testing.T) {
	for _, sub := range []string{"cur", "new", "tmp"} {
		t.Run(sub, func(t *testing.T) {
			w := withMail(t, 2)
			documents, file := w.precious()
			must(w, w.srv.CreateMailbox("Other"))
			w.srv.Append("Other", nil, time.Time{}, w.message())
			part := filepath.Join(w.acct.Maildir, "INBOX", sub)
			must(w, os.RemoveAll(part+".old"))
			must(w, os.Rename(part, part+".old"))
			must(w, os.Symlink(filepath.Join(documents, "INBOX"), part))
			w.srv.StoreFlags("INBOX", 1, []string{`\Flagged`}, nil)
			w.srv.Expunge("INBOX", 2)
			w.srv.Append("INBOX", nil, time.Time{}, w.message())
			rep, err := w.trySync(mailsync.Request{})
			must(w, err)
			w.intact(file)
			if list, _ := os.ReadDir(filepath.Dir(file)); len(list) != 1 {
				t.Errorf("something was put beside it: %v", list)
			}
			if all := strings.Join(texts(rep), "\n"); !strings.Contains(all, "symbolic link") {
				t.Errorf("nothing is said of the link: %q", all)
			}
			if n := len(w.files("Other")); n != 1 {
				t.Errorf("%d files in another mailbox, want 1", n)
			}
			if n := len(w.srv.Messages("INBOX")); n != 2 {
				t.Errorf("%d messages on the server, want 2", n)
			}
		})
	}
}

func TestFifosAreNotWaitedFor(t *testing.T) {
	w := withMail(t, 3)
	inbox := filepath.Join(w.acct.Maildir, "INBOX")
	must(w, syscall.Mkfifo(filepath.Join(inbox, "cur", "1700000000.fifo.host:2,"), 0o600))
	must(w, os.Remove(w.path(w.mine("INBOX"))))
	w.store = nil
	if _, err := w.syncWithin(20 * time.Second); err != nil {
		t.Error(err)
	}
	if n := len(w.srv.Messages("INBOX")); n != 2 {
		t.Errorf("%d messages on the server, want 2: a fifo holds back a removal", n)
	}
	keywords := filepath.Join(inbox, "dovecot-keywords")
	must(w, syscall.Mkfifo(keywords, 0o600))
	must(w, os.WriteFile(filepath.Join(inbox, "cur", "1700000001.more.host:2,S"), w.message(), 0o600))
	rep, err := w.syncWithin(20 * time.Second)
	if err != nil || len(rep.Problems) == 0 {
		t.Errorf("with a fifo for keywords: %v, %q", err, texts(rep))
	}
	must(w, os.Remove(keywords))
	id := filepath.Join(w.acct.Maildir, ".satchel.json")
	must(w, os.Rename(id, id+".old"))
	must(w, syscall.Mkfifo(id, 0o600))
	if _, err := w.syncWithin(20 * time.Second); err == nil {
		t.Error("a fifo was taken for the id of the Maildir")
	}
}

func TestHardLinksAreMessages(t *testing.T) {
	w := withMail(t, 1)
	must(w, w.srv.CreateMailbox("Copies"))
	w.sync()
	from := w.path(w.files("INBOX")[0].file)
	must(w, os.Link(from, filepath.Join(w.acct.Maildir, "Copies", "cur", "1700000000.copy.host:2,S")))
	w.sync()
	w.agree()
	if n := len(w.srv.Messages("Copies")); n != 1 {
		t.Errorf("%d messages in Copies, want 1", n)
	}
}

// TestOthersFiles: a file of another user is not sent, one that belongs to the
// owner of the Maildir is.
func TestOthersFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	w := withMail(t, 1)
	name := filepath.Join(w.acct.Maildir, "INBOX", "cur", "1700000000.other.host:2,S")
	must(w, os.WriteFile(name, w.message(), 0o644))
	must(w, os.Chown(name, 12345, -1))
	rep, err := w.trySync(mailsync.Request{})
	must(w, err)
	if n := len(w.srv.Messages("INBOX")); n != 1 {
		t.Errorf("%d messages on the server, want 1", n)
	}
	if all := strings.Join(texts(rep), "\n"); !strings.Contains(all, "belongs to another user") {
		t.Errorf("nothing is said of the file: %q", all)
	}
	must(w, os.Chown(w.acct.Maildir, 12345, -1))
	w.sync()
	w.agree()
}

// TestFolderLinks: a folder may be a link of ours to a directory of ours.
func TestFolderLinks(t *testing.T) {
	w := withMail(t, 1)
	must(w, w.srv.CreateMailbox("Linked"))
	w.srv.Append("Linked", nil, time.Time{}, w.message())
	w.sync()
	folder, elsewhere := filepath.Join(w.acct.Maildir, "Linked"), filepath.Join(w.root, "elsewhere")
	must(w, os.Rename(folder, elsewhere))
	must(w, os.Symlink(elsewhere, folder))
	w.srv.Append("Linked", nil, time.Time{}, w.message())
	w.sync()
	w.agree()
	if os.Geteuid() != 0 {
		return
	}
	for _, give := range []func() error{
		func() error { return os.Chown(elsewhere, 12345, -1) },
		func() error { return errors.Join(os.Chown(elsewhere, 0, -1), os.Lchown(folder, 12345, -1)) },
	} {
		must(w, give())
		w.srv.Append("Linked", nil, time.Time{}, w.message())
		rep, err := w.trySync(mailsync.Request{})
		must(w, err)
		if all := strings.Join(texts(rep), "\n"); !strings.Contains(all, "another user") {
			t.Errorf("nothing is said of the link: %q", all)
		}
		if list, err := os.ReadDir(filepath.Join(elsewhere, "new")); err != nil || len(list) != 2 {
			t.Errorf("it is used: %d files, %v", len(list), err)
		}
	}
}
