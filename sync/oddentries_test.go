package sync_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"satchel/maildir"
	"satchel/maildir/faultfs"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
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

// TestOddDirectoryHoldsNothing: beside the mail there may be directories that are
// no mailboxes, and links. None of them holds back the removal of a message.
func TestOddDirectoryHoldsNothing(t *testing.T) {
	for name, x := range map[string]struct {
		plant func(w *world) error
		said  string // what the run says, each time
		told  string // what it says once
		ends  string // pattern that ends what is said each time
	}{
		"link read anyway":            {plant: func(w *world) error { return os.Symlink("INBOX", filepath.Join(w.acct.Maildir, "Other")) }, told: "leads to the same directory"},
		"dangling link":               {plant: func(w *world) error { return os.Symlink("/nonexistent/x", filepath.Join(w.acct.Maildir, "Other")) }, said: "Other", ends: "Other"},
		"link to ours that is no dir": {plant: func(w *world) error { return os.Symlink("INBOX/cur/none", filepath.Join(w.acct.Maildir, "Other")) }, said: "Other", ends: "O*"},
		"without cur and new":         {plant: func(w *world) error { return os.MkdirAll(filepath.Join(w.acct.Maildir, "Other", "tmp"), 0o700) }},
		"new alone":                   {plant: func(w *world) error { return os.MkdirAll(filepath.Join(w.acct.Maildir, "scripts", "new"), 0o700) }, told: "scripts has new and no cur"},
		"cur alone, in a mailbox":     {plant: func(w *world) error { return os.MkdirAll(filepath.Join(w.acct.Maildir, "INBOX", "x", "cur"), 0o700) }, told: "INBOX/x has cur and no new"},
		"name of no mailbox":          {plant: func(w *world) error { return os.MkdirAll(filepath.Join(w.acct.Maildir, "100%", "cur"), 0o700) }, said: "100%", ends: "100*"},
	} {
		t.Run(name, func(t *testing.T) {
			w := withMail(t, 4)
			must(w, x.plant(w))
			for n := range 3 {
				must(w, os.Remove(w.path(w.mine("INBOX"))))
				rep, err := w.trySync(mailsync.Request{})
				if err != nil {
					t.Fatal(err)
				}
				if n == 2 && x.ends != "" {
					if len(rep.Problems) > 0 {
						t.Errorf("excluded, and still there are %v", texts(rep))
					}
				} else if (x.said != "") != (len(rep.Problems) == 1) || x.said != "" && !strings.Contains(rep.Problems[0].Error, x.said) {
					t.Errorf("run %d: problems %+v, want one about %q", n, rep.Problems, x.said)
				}
				if (x.told != "" && n == 0) != noticeAbout(rep.Notices, x.told) && x.told != "" || x.told == "" && len(rep.Notices) > 0 {
					t.Errorf("run %d: notices %q, want %q once", n, rep.Notices, x.told)
				}
				if left := len(w.srv.Messages("INBOX")); left != 3-n {
					t.Errorf("run %d: %d messages on the server, want %d", n, left, 3-n)
				}
				if x.ends != "" {
					w.acct.Exclude = []string{x.ends}
				}
				if n < 1 {
					w.acct.Exclude = nil
				}
			}
			for _, box := range w.srv.Mailboxes() {
				if box != "INBOX" {
					t.Errorf("the server got %s", box)
				}
			}
		})
	}
}

// TestLostAndFound: a directory of another user that may not be opened holds nothing.
func TestLostAndFound(t *testing.T) {
	w := withMail(t, 4)
	dir := filepath.Join(w.acct.Maildir, "lost+found")
	must(w, os.Mkdir(dir, 0o700))
	foreign := &faultfs.FS{Before: func(_ faultfs.Op, name string) error {
		if strings.HasPrefix(name, dir+"/") {
			return syscall.EACCES
		}
		return nil
	}}
	w.opts.FS = ownedBy{foreign, dir}
	for n := range 2 {
		must(w, os.Remove(w.path(w.mine("INBOX"))))
		rep := w.sync()
		if noticeAbout(rep.Notices, "lost+found") != (n == 0) {
			t.Errorf("run %d: notices %q", n, rep.Notices)
		}
		if left := len(w.srv.Messages("INBOX")); left != 3-n {
			t.Errorf("run %d: %d messages on the server, want %d", n, left, 3-n)
		}
	}
}

// ownedBy is a disk on which one directory is another user's.
type ownedBy struct {
	maildir.FS
	dir string
}

func (o ownedBy) own(name string, i maildir.Info, err error) (maildir.Info, error) {
	if name == o.dir {
		i.Owner = 54321
	}
	return i, err
}

func (o ownedBy) Lstat(name string) (maildir.Info, error) {
	i, err := o.FS.Lstat(name)
	return o.own(name, i, err)
}

func (o ownedBy) Stat(name string) (maildir.Info, error) {
	i, err := o.FS.Stat(name)
	return o.own(name, i, err)
}

// TestUnreadableHoldsWhatMayBeIt: a file that cannot be read holds back the
// messages that it may be, a directory that cannot be read all that is missing.
// Both are said, and exclude ends it.
func TestUnreadableHoldsWhatMayBeIt(t *testing.T) {
	w := withMail(t, 4)
	must(w, w.srv.CreateMailbox("Work"))
	w.sync()
	files := w.files("INBOX")
	one := w.path(files[0].file)
	var text []byte
	for text = w.message(); len(text) < 4000; {
		text = append(text, "a line of the message\r\n"...)
	}
	server, _ := w.hands()
	server.deliver("INBOX", text, nil)
	w.sync()
	var large string
	for _, f := range w.files("INBOX") {
		if w.content(f.file) == string(text) {
			large = w.path(f.file)
		}
	}
	// The large message is moved to Work, where it cannot be read. A small one
	// is removed.
	moved := filepath.Join(w.acct.Maildir, "Work", "cur", "1700000000.moved.host:2,S")
	must(w, os.Rename(large, moved))
	must(w, os.Remove(one))
	w.opts.FS = &faultfs.FS{Before: func(op faultfs.Op, name string) error {
		if op == faultfs.Open && strings.HasPrefix(filepath.Base(name), "1700000000.moved.") {
			return syscall.EACCES
		}
		return nil
	}}
	plan, err := w.trySync(mailsync.Request{DryRun: true})
	if err != nil || len(plan.Held) != 1 || !strings.Contains(plan.Held[0].Text, "remote-remove INBOX") || !strings.Contains(plan.Held[0].Text, "1700000000.moved") {
		t.Errorf("plan %q, %v", plan.Held, err)
	}
	for range 2 {
		rep, err := w.trySync(mailsync.Request{})
		must(w, err)
		if n := len(w.srv.Messages("INBOX")); n != 4 {
			t.Fatalf("%d messages on the server, want 4: %v", n, texts(rep))
		}
		if all := strings.Join(texts(rep), "\n"); !strings.Contains(all, "INBOX (1): messages stay there: 1;") {
			t.Errorf("what is held is not said: %s", all)
		}
	}
	w.opts.FS = nil
	w.sync()
	w.agree()
	if n := len(w.srv.Messages("Work")); n != 1 {
		t.Errorf("%d messages in Work", n)
	}
	w.quiet()
}

// TestClosedFolderHoldsWhatMayBeThere: a directory of ours cannot be read.
func TestClosedFolderHoldsWhatMayBeThere(t *testing.T) {
	w := withMail(t, 4)
	w.sync()
	closed := filepath.Join(w.acct.Maildir, "closed")
	must(w, os.Mkdir(closed, 0o700))
	w.opts.FS = &faultfs.FS{Before: func(_ faultfs.Op, name string) error {
		if strings.HasPrefix(name, closed+"/") {
			return syscall.EACCES
		}
		return nil
	}}
	must(w, os.Remove(w.path(w.files("INBOX")[0].file)))
	rep, err := w.trySync(mailsync.Request{})
	must(w, err)
	if n := len(w.srv.Messages("INBOX")); n != 4 || !strings.Contains(strings.Join(texts(rep), "\n"), "its file may be in closed") {
		t.Errorf("%d messages on the server, want 4: %v", n, texts(rep))
	}
	w.acct.Exclude = []string{"closed"}
	w.sync()
	w.agree()
	w.quiet()
}

// TestMailboxThatIsNotMounted: a mailbox whose folder is a link that leads
// nowhere now stays as it is, and so does what may have been moved to it.
func TestMailboxThatIsNotMounted(t *testing.T) {
	w := withMail(t, 3)
	must(w, w.srv.CreateMailbox("Disk"))
	w.srv.Append("Disk", nil, time.Time{}, w.message())
	w.sync()
	dir := filepath.Join(w.acct.Maildir, "Disk")
	away := filepath.Join(w.root, "away")
	must(w, os.Rename(dir, away))
	must(w, os.Symlink(away, dir))
	w.sync()
	f := w.files("INBOX")[0].file
	must(w, os.Rename(w.path(f), filepath.Join(dir, "cur", f.Name+":2,")))
	must(w, os.Rename(away, away+".unmounted"))
	rep, err := w.trySync(mailsync.Request{})
	must(w, err)
	if n, m := len(w.srv.Messages("INBOX")), len(w.srv.Messages("Disk")); n != 3 || m != 1 {
		t.Errorf("%d messages in INBOX and %d in Disk: %v", n, m, texts(rep))
	}
	must(w, os.Rename(away+".unmounted", away))
	w.sync()
	w.agree()
	if n, m := len(w.srv.Messages("INBOX")), len(w.srv.Messages("Disk")); n != 2 || m != 2 {
		t.Errorf("%d messages in INBOX and %d in Disk", n, m)
	}
	w.quiet()
}
