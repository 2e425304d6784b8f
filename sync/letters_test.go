package sync_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// letterWorld has one message in INBOX with these keywords, an empty Archive,
// and tables of letters: number and keyword a line.
func letterWorld(t *testing.T, inbox, archive string, keywords ...string) *world {
	t.Helper()
	w := newWorld(t, imaptest.Options{})
	w.acct.NoFsync = true
	must(w, w.srv.CreateMailbox("Archive"))
	w.sync()
	w.letters("INBOX", inbox)
	w.letters("Archive", archive)
	w.srv.Append("INBOX", append([]string{`\Seen`}, keywords...), time.Now(), w.message())
	w.sync()
	w.quiet()
	return w
}

// letters replaces the table of a folder as Dovecot does, by a new file; "-"
// removes it.
func (w *world) letters(folder, table string) {
	w.t.Helper()
	dir, err := w.disk().Dir(folder)
	must(w, err)
	name := filepath.Join(dir, "dovecot-keywords")
	if table == "-" {
		must(w, os.Remove(name))
		return
	}
	must(w, os.WriteFile(name+".new", []byte(table), 0o600))
	must(w, os.Rename(name+".new", name))
}

// mvOnly renames the only file of a folder, as a shell does, and gives it these
// letters; "=" keeps those that it has.
func (w *world) mvOnly(from, to, letters string) {
	w.t.Helper()
	f := w.files(from)[0].file
	base, info, _ := strings.Cut(f.Name, ":2,")
	if letters != "=" {
		info = letters
	}
	must(w, os.Rename(w.path(f), w.path(maildir.File{Folder: to, Name: base + ":2," + info})))
}

// both returns the flags of a mailbox's only message on disk and on the server.
func (w *world) both(mailbox string) (here, there string) {
	w.t.Helper()
	files, list := w.files(mailbox), w.srv.Messages(mailbox)
	if len(files) != 1 || len(list) != 1 {
		w.t.Fatalf("%s: %d files, %d messages", mailbox, len(files), len(list))
	}
	return files[0].flags.String(), describe("", list[0].Flags)
}

// holds fails the test unless a mailbox's only message has these flags on both
// sides, now and after runs that have nothing to do.
func (w *world) holds(mailbox, flags string) {
	w.t.Helper()
	w.quiet()
	if rep := w.full(); rep.Changed() {
		w.t.Errorf("a full run did %v", rep.Counts)
	}
	here, there := w.both(mailbox)
	if want := describe("", strings.Fields(flags)); describe("", strings.Fields(here)) != want || there != want {
		w.t.Errorf("%s: here %q, there %q; want %q", mailbox, here, there, want)
	}
}

// TestKeywordsOfMovedFile: a file takes its keywords along, by whatever program
// it is moved and whatever the letters of the folders.
func TestKeywordsOfMovedFile(t *testing.T) {
	for _, x := range []struct{ name, archive, letters, want string }{
		{"no table there", "", "=", `\Seen todo`},
		{"the letter is another's there", "0 work\n", "=", `\Seen todo`},
		{"the keyword has another letter there", "0 work\n1 todo\n", "=", `\Seen todo`},
		{"a program that knows", "0 work\n1 todo\n", "Sb", `\Seen todo`},
		{"a program that knows and sets one", "0 work\n1 todo\n", "Sab", `\Seen todo work`},
		{"and clears it", "0 work\n1 todo\n", "S", `\Seen`},
		{"and another flag", "0 work\n", "FSa", `\Flagged \Seen todo`},
		{"a letter without a meaning", "0 work\n", "Sz", `\Seen todo`},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := letterWorld(t, "0 todo\n", x.archive, "todo")
			w.mvOnly("INBOX", "Archive", x.letters)
			if rep := w.sync(); rep.Counts["upload"] > 0 || rep.Counts["remote-move"] != 1 {
				t.Errorf("did %v", rep.Counts)
			}
			w.holds("Archive", x.want)
		})
	}
}

// TestKeywordsOfCopiedFile: so does a copy.
func TestKeywordsOfCopiedFile(t *testing.T) {
	for _, archive := range []string{"", "0 work\n", "0 work\n1 todo\n"} {
		t.Run(fmt.Sprintf("%q", archive), func(t *testing.T) {
			w := letterWorld(t, "0 todo\n", archive, "todo")
			f := w.files("INBOX")[0].file
			must(w, os.Link(w.path(f), w.path(maildir.File{Folder: "Archive", Name: "copy:2,Sa"})))
			if rep := w.sync(); rep.Counts["upload"] > 0 || rep.Counts["remote-copy"] != 1 {
				t.Errorf("did %v", rep.Counts)
			}
			w.holds("Archive", `\Seen todo`)
			w.holds("INBOX", `\Seen todo`)
		})
	}
}

// TestKeywordsOfUploadMovedOn: so does a file that went on before the run heard that its
// upload had arrived.
func TestKeywordsOfUploadMovedOn(t *testing.T) {
	for _, x := range []struct{ name, archive, letters, want string }{
		{"no table there", "", ":2,Sa", `\Seen todo`},
		{"the letter is another's there", "0 work\n", ":2,Sa", `\Seen todo`},
		{"a program that knows and sets one", "0 work\n1 todo\n", ":2,Sab", `\Seen todo work`},
		{"and clears it", "0 work\n1 todo\n", ":2,S", `\Seen`},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newBroken(t, 0)
			must(w.world, w.srv.CreateMailbox("Archive"))
			w.sync()
			w.letters("INBOX", "0 todo\n")
			w.letters("Archive", x.archive)
			w.srv.Append("INBOX", []string{"todo"}, time.Now(), w.message()) // now the server says that it keeps it
			w.sync()
			file := maildir.File{Folder: "INBOX", Name: "1.up.x:2,Sa"}
			must(w.world, os.WriteFile(w.path(file), []byte(strings.ReplaceAll(string(w.message()), "\r", "")), 0o600))
			w.fail("APPEND", imaptest.Action{Fault: imaptest.DropAfter})
			must(w.world, os.Rename(w.path(file), w.path(maildir.File{Folder: "Archive", Name: "1.up.x" + x.letters})))
			w.sync()
			w.holds("Archive", x.want)
		})
	}
}

// TestKeywordTableLost: whatever becomes of a folder's table, no keyword is
// taken off or set because of that, and the letters in use get their meaning
// back.
func TestKeywordTableLost(t *testing.T) {
	for _, table := range []string{"-", "", "0 to", "1 todo\n0 work\n", "0 home\n", "3 todo\n", "0 todo\n1 work\n2 new\n", "\x00\xff\n0\n0 \n"} {
		for _, edit := range []string{"=", "FSab"} {
			t.Run(fmt.Sprintf("%q %s", table, edit), func(t *testing.T) {
				w := letterWorld(t, "0 todo\n1 work\n", "", "todo", "work")
				w.letters("INBOX", table)
				w.mvOnly("INBOX", "INBOX", edit)
				w.sync()
				want := `\Seen todo work`
				if edit != "=" {
					want += ` \Flagged`
				}
				w.holds("INBOX", want)
				// The next change is read as ever.
				w.mvOnly("INBOX", "INBOX", "S"+w.letterOf("INBOX", "work"))
				w.sync()
				w.holds("INBOX", `\Seen work`)
			})
		}
	}
}

func (w *world) letterOf(folder, keyword string) string {
	w.t.Helper()
	k, err := w.disk().ReadKeywords(folder)
	must(w, err)
	c, ok := k.Letter(keyword)
	if !ok {
		w.t.Fatalf("%s has no letter", keyword)
	}
	return string(c)
}

// TestKeywordsOfTwoTables: the table was replaced, and a program that follows
// the new one set a keyword by a letter that means something else in older
// names.
func TestKeywordsOfTwoTables(t *testing.T) {
	w := letterWorld(t, "0 todo\n", "", "todo")
	w.srv.Append("INBOX", nil, time.Now(), []byte("Subject: second\r\n\r\n"))
	w.sync()
	w.letters("INBOX", "0 work\n")
	for _, f := range w.files("INBOX") {
		if f.file.New {
			base, _, _ := strings.Cut(f.file.Name, ":2,")
			must(w, os.Rename(w.path(f.file), w.path(maildir.File{Folder: "INBOX", Name: base + ":2,a"})))
		}
	}
	w.sync()
	w.quiet()
	w.agree()
	if got := fmt.Sprint(w.localSnapshot()["INBOX"]); !strings.Contains(got, `| \Seen todo`) || !strings.Contains(got, "| work]") && !strings.Contains(got, "| work ") {
		t.Errorf("on disk %s", got)
	}
}

// TestLetterBeforeItsTable: Dovecot renames files first and writes the table
// then; a look in between sees a letter without a meaning.
func TestLetterBeforeItsTable(t *testing.T) {
	w := letterWorld(t, "", "")
	w.mvOnly("INBOX", "INBOX", "Sa")
	w.sync()
	w.holds("INBOX", `\Seen`)
	w.letters("INBOX", "0 todo\n")
	w.sync()
	w.holds("INBOX", `\Seen todo`)
}

// TestKeywordTableUnreadable: keywords wait for a table that cannot be read,
// and nothing else does.
func TestKeywordTableUnreadable(t *testing.T) {
	w := letterWorld(t, "0 todo\n1 work\n", "0 work\n", "todo")
	dir, err := w.disk().Dir("INBOX")
	must(w, err)
	name := filepath.Join(dir, "dovecot-keywords")
	must(w, os.Rename(name, name+".kept"))
	must(w, os.Symlink(name+".kept", name)) // is not followed
	w.mvOnly("INBOX", "INBOX", "FSab")
	w.srv.StoreFlags("INBOX", w.srv.Messages("INBOX")[0].UID, []string{`\Answered`, "urgent"}, nil)
	w.srv.Append("Archive", []string{`\Seen`, "work"}, time.Now(), w.message())
	w.srv.Append("INBOX", []string{`\Seen`, "late"}, time.Now(), []byte("Subject: new\r\n\r\n"))
	for range 2 {
		rep, err := w.trySync(mailsync.Request{})
		if err != nil || len(rep.Problems) != 1 || rep.Problems[0].Mailbox != "INBOX" {
			t.Fatalf("problems %+v, error %v", rep.Problems, err)
		}
	}
	if n := len(w.files("INBOX")); n != 2 {
		t.Errorf("%d files", n)
	}
	if _, there := w.both("Archive"); there != describe("", []string{`\Seen`, "work"}) {
		t.Errorf("Archive: %s", there)
	}
	for _, m := range w.srv.Messages("INBOX") {
		got := describe("", m.Flags)
		if len(m.Content) > 40 && got != describe("", []string{`\Answered`, `\Flagged`, `\Seen`, "todo", "urgent"}) {
			t.Errorf("on the server %s", got)
		}
	}
	must(w, os.Remove(name))
	w.letters("INBOX", "0 todo\n1 work\n")
	w.sync()
	w.quiet()
	got := w.agree()["INBOX"]
	if s := fmt.Sprint(got); !strings.Contains(s, `| \Answered \Flagged \Seen todo urgent work`) || !strings.Contains(s, `| \Seen late`) {
		t.Errorf("in the end %s", s)
	}
}

// TestNoLetterLeftWhereItMoves: a folder that has given all its letters away
// does not take keywords off what comes there.
func TestNoLetterLeftWhereItMoves(t *testing.T) {
	var full strings.Builder
	for i := range 26 {
		fmt.Fprintf(&full, "%d kw%02d\n", i, i)
	}
	w := letterWorld(t, "0 todo\n", full.String(), "todo")
	w.mvOnly("INBOX", "Archive", "=")
	rep := w.sync()
	if !noticeAbout(rep.Notices, "todo") {
		t.Errorf("notices: %v", rep.Notices)
	}
	for range 2 {
		if rep := w.quiet(); len(rep.Notices) > 0 {
			t.Errorf("said again: %v", rep.Notices)
		}
	}
	if rep := w.full(); rep.Changed() {
		t.Errorf("a full run did %v", rep.Counts)
	}
	if here, there := w.both("Archive"); here != `\Seen` || there != describe("", []string{`\Seen`, "todo"}) {
		t.Errorf("here %q, there %q", here, there)
	}
	// Where there are letters, it is written again.
	w.mvOnly("Archive", "INBOX", "=")
	w.sync()
	w.holds("INBOX", `\Seen todo`)
}

// TestLettersWaitForTheirRun: a run that may not change the Maildir leaves the
// name as it is; the next one that may makes it show the keyword.
func TestLettersWaitForTheirRun(t *testing.T) {
	w := letterWorld(t, "0 todo\n", "0 work\n", "todo")
	w.mvOnly("INBOX", "Archive", "=")
	if _, err := w.trySync(mailsync.Request{Push: true}); err != nil {
		t.Fatal(err)
	}
	if here, there := w.both("Archive"); !strings.Contains(here, "work") || there != describe("", []string{`\Seen`, "todo"}) {
		t.Errorf("after --push: here %q, there %q", here, there)
	}
	w.sync()
	w.holds("Archive", `\Seen todo`)
}
