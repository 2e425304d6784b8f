package sync_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// excludedWorld has n messages in INBOX, and a mailbox Private that is not synced.
func excludedWorld(t *testing.T, layout maildir.Layout, n int) *world {
	t.Helper()
	w := newWorld(t, imaptest.Options{})
	w.acct.Layout, w.acct.Exclude = layout, []string{"Private*"}
	for range n {
		w.srv.Append("INBOX", nil, time.Time{}, w.message())
	}
	w.sync()
	must(w, w.disk().CreateFolder(t.Context(), "Private"))
	w.sync()
	return w
}

// TestMovedToExcludedFolder: a message whose file was moved to a folder that is
// not synced stays on the server, whatever name the file has there, for as long as
// it is there. It is said, and a removal beside it is carried out.
func TestMovedToExcludedFolder(t *testing.T) {
	for name, as := range map[string]func(f maildir.File) string{
		"same name":    func(f maildir.File) string { return f.Name + ":2,S" },
		"another name": func(maildir.File) string { return "1800000000.another.host:2,S" },
	} {
		for _, layout := range []maildir.Layout{maildir.Nested, maildir.MaildirPP} {
			t.Run(name+" "+layout.String(), func(t *testing.T) {
				w := excludedWorld(t, layout, 5)
				dir, err := w.disk().Dir("Private")
				must(w, err)
				f := w.mine("INBOX")
				there := filepath.Join(dir, "cur", as(f))
				must(w, os.Rename(w.path(f), there))
				must(w, os.Remove(w.path(w.mine("INBOX"))))
				plan, err := w.trySync(mailsync.Request{DryRun: true})
				if err != nil || len(plan.Held) != 1 || !strings.Contains(plan.Held[0].Text, "its file is in Private") || len(plan.Operations) != 1 {
					t.Errorf("plan: to do %q, held %q, %v", plan.Operations, plan.Held, err)
				}
				for n := range 3 {
					rep, err := w.trySync(mailsync.Request{Full: n == 2})
					must(w, err)
					if all := strings.Join(texts(rep), "\n"); strings.Count(all, "Private") != 1 {
						t.Errorf("run %d says %q", n, all)
					}
					if n := len(w.srv.Messages("INBOX")); n != 4 {
						t.Fatalf("%d messages on the server, want 4", n)
					}
				}
				if st := w.status(); st.Problem == "" || st.LocalChanges != 0 {
					t.Errorf("status %+v", st)
				}
				must(w, os.Remove(there))
				w.sync()
				w.srvHolds("INBOX", 3)
				w.quiet()
			})
		}
	}
}

func (w *world) srvHolds(box string, want int) {
	w.t.Helper()
	if n := len(w.srv.Messages(box)); n != want {
		w.t.Errorf("%d messages in %s on the server, want %d", n, box, want)
	}
}

// TestMovedToExcludedFolderAnew: such a message is the same one when its UID becomes void,
// or when the server moves it. Included, its folder has it, and nothing comes twice.
func TestMovedToExcludedFolderAnew(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"renumbered": func(w *world) { w.srv.SetUIDValidity("INBOX", 777) },
		"moved": func(w *world) {
			must(w, w.srv.CreateMailbox("Work"))
			w.srv.Move("INBOX", w.srv.Messages("INBOX")[0].UID, "Work")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := excludedWorld(t, maildir.Nested, 1)
			dir, err := w.disk().Dir("Private")
			must(w, err)
			f := w.mine("INBOX")
			must(w, os.Rename(w.path(f), filepath.Join(dir, "cur", f.Name)))
			change(w)
			for range 2 {
				rep, err := w.trySync(mailsync.Request{})
				must(w, err)
				if all := strings.Join(texts(rep), "\n"); strings.Count(all, "Private") != 1 || rep.Counts["download"] > 0 {
					t.Errorf("the run did %v and says %q", rep.Counts, all)
				}
			}
			w.acct.Exclude = nil
			rep := w.sync()
			if rep.Counts["download"]+rep.Counts["upload"] > 0 {
				t.Errorf("included, the run did %v", rep.Counts)
			}
			if n := len(w.srv.Messages("INBOX")) + len(w.srv.Messages("Work")) + len(w.srv.Messages("Private")); n != 1 {
				t.Errorf("%d messages on the server, want 1", n)
			}
			w.quiet()
		})
	}
}

// TestCopyInExcludedFolder: a copy that was there before is no reason to keep a
// message that was removed later.
func TestCopyInExcludedFolder(t *testing.T) {
	w := excludedWorld(t, maildir.Nested, 3)
	f := w.mine("INBOX")
	must(w, os.Link(w.path(f), filepath.Join(w.acct.Maildir, "Private", "cur", f.Name+":2,S")))
	old := time.Now().Add(-time.Hour)
	must(w, os.Chtimes(filepath.Join(w.acct.Maildir, "Private", "cur"), old, old))
	must(w, os.Chtimes(filepath.Join(w.acct.Maildir, "Private", "new"), old, old))
	w.syncAt(time.Now().Add(time.Hour)) // times of folders are old enough to be believed
	must(w, os.Remove(w.path(f)))
	w.sync()
	w.srvHolds("INBOX", 2)
	w.quiet()
}

// TestFolderMovedToExcludedName: a whole folder that gets a name which is not
// synced takes no message off the server.
func TestFolderMovedToExcludedName(t *testing.T) {
	for _, lost := range []bool{false, true} {
		w := excludedWorld(t, maildir.Nested, 1)
		must(w, w.srv.CreateMailbox("Work"))
		for range 3 {
			w.srv.Append("Work", nil, time.Time{}, w.message())
		}
		w.sync()
		to := filepath.Join(w.acct.Maildir, "Private", "Work")
		must(w, os.Rename(filepath.Join(w.acct.Maildir, "Work"), to))
		if lost { // not the folder itself, but one with the same files
			must(w, os.Rename(to, to+".old"))
			for _, d := range []string{"cur", "new", "tmp"} {
				must(w, os.MkdirAll(filepath.Join(to, d), 0o700))
			}
			for _, sub := range []string{"cur", "new"} {
				list, err := os.ReadDir(filepath.Join(to+".old", sub))
				must(w, err)
				for _, e := range list {
					must(w, os.Rename(filepath.Join(to+".old", sub, e.Name()), filepath.Join(to, sub, e.Name())))
				}
			}
		}
		for range 2 {
			_, err := w.trySync(mailsync.Request{})
			must(w, err)
			n := -len(w.srv.Messages("INBOX"))
			for _, box := range w.srv.Mailboxes() { // what is known for the folder of before is renamed
				n += len(w.srv.Messages(box))
			}
			if n != 3 {
				t.Errorf("%d messages on the server, want 3", n)
			}
		}
		must(w, os.Rename(to, filepath.Join(w.acct.Maildir, "Work")))
		w.sync()
		w.srvHolds("Work", 3)
		w.quiet()
	}
}

// TestMovedToExcludedMailbox is the mirror case: the server keeps the message
// that a client moved, and the file is kept for undo.
func TestMovedToExcludedMailbox(t *testing.T) {
	w := excludedWorld(t, maildir.Nested, 3)
	must(w, w.srv.CreateMailbox("Private"))
	w.sync()
	w.srv.Move("INBOX", 2, "Private")
	w.sync()
	w.srvHolds("Private", 1)
	w.srvHolds("INBOX", 2)
	if runs := w.undoRuns(); len(runs) != 1 || len(runs[0].Messages) != 1 {
		t.Errorf("to be undone: %+v", runs)
	}
	w.quiet()
}
