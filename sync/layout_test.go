package sync_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// plantFile puts a message into a directory of the Maildir, whatever its layout.
func (w *world) plantFile(dir string, content []byte) {
	w.t.Helper()
	w.plant(dir, "cur/1700000000."+filepath.Base(dir)+".host:2,S", content)
}

// plant puts a file into a directory of the Maildir, which is made where it is not
// there; name begins with cur or new.
func (w *world) plant(dir, name string, content []byte) {
	w.t.Helper()
	path := filepath.Join(w.acct.Maildir, dir, name)
	for _, sub := range []string{"cur", "new", "tmp"} {
		must(w, os.MkdirAll(filepath.Join(w.acct.Maildir, dir, sub), 0o700))
	}
	must(w, os.WriteFile(path, []byte(strings.ReplaceAll(string(content), "\r\n", "\n")), 0o600))
	must(w, os.Chtimes(path, time.Unix(1_700_000_000, 0), time.Unix(1_700_000_000, 0)))
}

// TestLayoutBrake: a Maildir that is named in another way than the
// configuration says stops the first sync before anything is transferred, with
// what to set; so set, both sides are paired and nothing is transferred either.
func TestLayoutBrake(t *testing.T) {
	for _, tc := range []struct {
		name, mailbox, inbox, dir, hint string
		start, set                      func(*mailsync.Account)
	}{
		{"Maildir++ with nested", "Work", "", ".Work", `layout = "maildir++"`, nil, func(a *mailsync.Account) { a.Layout = maildir.MaildirPP }},
		{"nested with Maildir++", "Work", "INBOX", "Work", `layout = "nested"`,
			func(a *mailsync.Account) { a.Layout = maildir.MaildirPP }, func(a *mailsync.Account) { a.Layout = maildir.Nested }},
		{"modified UTF-7", "Entwürfe", "INBOX", "Entw&APw-rfe", `folder_names = "utf-7"`, nil, func(a *mailsync.Account) { a.UTF7Folders = true }},
		{"one directory", "Archive/2026", "INBOX", "Archive.2026", `separator = "."`, nil, func(a *mailsync.Account) { a.Separator = "." }},
		{"KMail", "Work/Sub", "INBOX", ".Work.directory/Sub", "exclude", nil, nil},
		{"its own name", "Entwürfe", "INBOX", "Entw\u0075\u0308rfe", "", nil, func(*mailsync.Account) {}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{})
			must(w, w.srv.CreateMailbox(tc.mailbox))
			one, two := w.message(), w.message()
			w.srv.Append(tc.mailbox, []string{`\Seen`}, time.Unix(1_700_000_000, 0), one)
			w.srv.Append("INBOX", []string{`\Seen`}, time.Unix(1_700_000_000, 0), two)
			w.plantFile(tc.dir, one)
			w.plantFile(tc.inbox, two)
			if tc.start != nil {
				tc.start(&w.acct)
			}
			if tc.hint != "" {
				for _, req := range []mailsync.Request{{DryRun: true}, {}, {}} {
					rep, err := w.trySync(req)
					if mail.KindOf(err) != mail.KindBrake || !strings.Contains(mail.HintOf(err), tc.hint) {
						t.Fatalf("%v, %q", err, mail.HintOf(err))
					}
					if len(rep.Counts) > 0 || len(w.onDisk()) > 2 {
						t.Errorf("did %v, %v", rep.Counts, w.onDisk())
					}
				}
			}
			if tc.set == nil {
				w.acct.Exclude = []string{tc.dir}
				w.sync()
				return
			}
			tc.set(&w.acct)
			rep := w.sync()
			if rep.Counts["upload"]+rep.Counts["download"] > 0 {
				t.Errorf("transferred %v", rep.Counts)
			}
			w.quiet()
			if n := len(w.srv.Messages(tc.mailbox)); n != 1 {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// TestNamingChanged: a configuration that names folders in another way than
// they are named stops the run, and removes nothing; so does one that gives a
// mailbox another folder. With the folders so named it goes on.
func TestNamingChanged(t *testing.T) {
	for name, change := range map[string]struct {
		set    func(*mailsync.Account)
		rename func(root string) error
	}{
		"layout": {func(a *mailsync.Account) { a.Layout = maildir.MaildirPP }, nil},
		"separator": {func(a *mailsync.Account) { a.Separator = "." }, func(root string) error {
			return os.Rename(filepath.Join(root, "Lists/go"), filepath.Join(root, "Lists.go"))
		}},
		"names": {func(a *mailsync.Account) { a.UTF7Folders = true }, func(root string) error {
			return os.Rename(filepath.Join(root, "Entwürfe"), filepath.Join(root, "Entw&APw-rfe"))
		}},
		"folders": {func(a *mailsync.Account) { a.Folders = map[string]string{"Entwürfe": "Drafts"} }, func(root string) error {
			return os.Rename(filepath.Join(root, "Entwürfe"), filepath.Join(root, "Drafts"))
		}},
		"swapped": {func(a *mailsync.Account) { a.Folders = map[string]string{"Entwürfe": "Lists", "Lists": "Other"} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)})
			for _, box := range []string{"Entwürfe", "Lists/go", "Lists"} {
				must(w, w.srv.CreateMailbox(box))
				w.srv.Append(box, []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
			}
			w.sync()
			before := w.remoteSnapshot()
			old := w.acct
			change.set(&w.acct)
			for range 2 {
				if _, err := w.trySync(mailsync.Request{}); mail.KindOf(err) != mail.KindBrake {
					t.Fatal(err)
				}
			}
			if change.rename != nil {
				must(w, change.rename(w.acct.Maildir))
			} else {
				w.acct = old
			}
			rep := w.sync()
			if rep.Counts["upload"]+rep.Counts["download"]+rep.Counts["remote-rename"] > 0 {
				t.Errorf("did %v", rep.Counts)
			}
			w.quiet()
			if !slices.Equal(sortedNames(before), sortedNames(w.remoteSnapshot())) {
				t.Errorf("%v became %v", before, w.remoteSnapshot())
			}
		})
	}
}

func sortedNames[V any](m map[string]V) (names []string) {
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// TestNamings: whatever the names on disk, both sides get each other's
// mailboxes and messages, and a second run finds nothing.
func TestNamings(t *testing.T) {
	for name, set := range map[string]func(*mailsync.Account){
		"utf-7":            func(a *mailsync.Account) { a.UTF7Folders = true },
		"separator":        func(a *mailsync.Account) { a.Separator = "." },
		"utf-7, separator": func(a *mailsync.Account) { a.UTF7Folders, a.Separator = true, "." },
		"utf-7, maildir++": func(a *mailsync.Account) { a.UTF7Folders, a.Layout = true, maildir.MaildirPP },
		"folders":          func(a *mailsync.Account) { a.Folders = map[string]string{"Sent Items": "Sent", "Lists/go": "Go"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)})
			set(&w.acct)
			for _, box := range []string{"Entwürfe", "Lists/go", "Sent Items", "v1.2/x"} {
				must(w, w.srv.CreateMailbox(box))
				w.srv.Append(box, []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
			}
			w.sync()
			w.deliverNew("Sent Items/日本", 2)
			w.deliverNew("a&b.c", 1)
			w.sync()
			w.agree()
			w.quiet()
			must(w, w.srv.RenameMailbox("Sent Items", "Out"))
			w.sync()
			w.agree()
			w.quiet()
			if n := len(w.srv.Messages("Out/日本")); n != 2 {
				t.Errorf("%d messages in Out/日本", n)
			}
		})
	}
}

// TestFolderTaken: a mailbox whose folder the configuration gave to another
// one is told of, and left alone.
func TestFolderTaken(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.acct.Folders = map[string]string{"Sent Items": "Sent"}
	for _, box := range []string{"Sent Items", "Sent"} {
		must(w, w.srv.CreateMailbox(box))
		w.srv.Append(box, []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
	}
	for range 2 {
		rep, err := w.trySync(mailsync.Request{})
		if err != nil || len(rep.Problems) != 1 || rep.Problems[0].Mailbox != "Sent" {
			t.Errorf("%v, %v", rep.Problems, err)
		}
	}
	if a, b := len(w.srv.Messages("Sent Items")), len(w.srv.Messages("Sent")); a != 1 || b != 1 || len(w.files("Sent Items")) != 1 {
		t.Errorf("%d and %d messages, %d files", a, b, len(w.files("Sent Items")))
	}
}

// TestComposedPatterns: a pattern is written with composed or decomposed
// letters.
func TestComposedPatterns(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.acct.Exclude = []string{"Cafe\u0301"}
	must(w, w.srv.CreateMailbox("Caf\u00e9"))
	w.sync()
	if slices.Contains(w.folders(), "Caf\u00e9") {
		t.Error("it is here")
	}
}

// TestLayoutNotAllSeen: a Maildir with more directories than are looked at for
// their layout is synced, and the first run says so.
func TestLayoutNotAllSeen(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	for _, deep := range []bool{false, true} {
		if deep {
			w = newWorld(t, imaptest.Options{})
			must(w, os.MkdirAll(filepath.Join(w.acct.Maildir, strings.Repeat("d/", maildir.Deepest), "d"), 0o700))
		}
		w.plantFile("INBOX", w.message())
		rep := w.sync()
		tells := slices.ContainsFunc(rep.Notices, func(n string) bool { return strings.Contains(n, "was not looked at") })
		if tells != deep || rep.Counts["upload"] != 1 {
			t.Errorf("deep %v: did %v, %q", deep, rep.Counts, rep.Notices)
		}
		if rep := w.sync(); len(rep.Notices) > 0 {
			t.Errorf("again: %q", rep.Notices)
		}
	}
}
