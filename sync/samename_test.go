package sync_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"satchel/maildir"
	"satchel/maildir/faultfs"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// put writes a message under that very name.
func (w *world) putFile(folder, name string, content []byte) maildir.File {
	w.t.Helper()
	sub, name, _ := strings.Cut(name, "/")
	f := maildir.File{Folder: folder, New: sub == "new", Name: name}
	must(w, os.WriteFile(w.path(f), []byte(strings.ReplaceAll(string(content), "\r\n", "\n")), 0o600))
	return f
}

// whole fails the test if a check finds anything.
func (w *world) whole() {
	w.t.Helper()
	e, err := mailsync.New(w.acct, mailsync.Options{})
	must(w, err)
	rep, err := e.Check(context.Background(), mailsync.CheckRequest{})
	must(w, err)
	for _, f := range rep.Findings {
		w.t.Errorf("check: %s: %s: %s", f.Mailbox, f.Message, f.Problem)
	}
	if rep.Waiting > 0 {
		w.t.Errorf("check: %d wait", rep.Waiting)
	}
	st, err := e.Status(context.Background())
	must(w, err)
	if st.LocalChanges > 0 {
		w.t.Errorf("status: %d local changes", st.LocalChanges)
	}
}

// sized returns a message with n lines more than others.
func (w *world) sized(n int) []byte {
	return append(w.message(), []byte(strings.Repeat("more of it\r\n", n))...)
}

// at returns the files of a folder by the ID of what they hold.
func (w *world) byID(folder string) map[string]maildir.File {
	m := map[string]maildir.File{}
	for _, f := range w.files(folder) {
		m[contentID(w.content(f.file))] = f.file
	}
	return m
}

// Two messages of one folder whose files share the unique part of their names
// stay two: what becomes of the one does not become of the other.
func TestOneNameTwice(t *testing.T) {
	type change func(w *world, f maildir.File)
	rename := func(to func(f maildir.File) maildir.File) change {
		return func(w *world, f maildir.File) { must(w, os.Rename(w.path(f), w.path(to(f)))) }
	}
	base := func(f maildir.File) maildir.File { return maildir.File{Folder: f.Folder, Name: f.Base()} }
	changes := map[string]change{
		"remove": func(w *world, f maildir.File) { must(w, os.Remove(w.path(f))) },
		"flag":   rename(func(f maildir.File) maildir.File { f = base(f); f.Name += ":2,RT"; return f }),
		"move":   rename(func(f maildir.File) maildir.File { f.Folder = "Archive"; return f }),
	}
	wants := map[string]string{"remove": "", "flag": `INBOX \Answered \Deleted`, "move": "Archive"}
	for _, names := range [][2]string{{"new/same", "cur/same:2,S"}, {"cur/same:2,S", "cur/same:2,F"}, {"cur/same:2,", "new/same"}, {"cur/same", "cur/same:2,"}} {
		for _, lines := range [][2]int{{60, 1}, {1, 60}, {1, 1}} {
			for _, victim := range []int{0, 1} {
				for what, change := range changes {
					t.Run(fmt.Sprint(names, lines, victim, what), func(t *testing.T) {
						t.Parallel()
						w := newWorld(t, imaptest.Options{})
						w.acct.NoFsync = true
						w.n = 20
						must(w, w.srv.CreateMailbox("Archive"))
						w.sync()
						for i, n := range names {
							w.putFile("INBOX", n, w.sized(lines[i]))
						}
						w.sync()
						w.quiet()
						w.whole()
						before := w.agree()
						ids := []string{"21@test", "22@test"}
						change(w, w.byID("INBOX")[ids[victim]])
						w.sync()
						w.quiet()
						w.whole()
						after := w.agree()
						if got := find(after, ids[1-victim]); got != find(before, ids[1-victim]) {
							t.Errorf("the one that was left alone: %q", got)
						}
						if got := find(after, ids[victim]); !strings.HasPrefix(got, wants[what]) || (got == "") != (wants[what] == "") {
							t.Errorf("the one that was changed: %q", got)
						}
					})
				}
			}
		}
	}
}

// find returns where a message is, and its flags.
func find(s snapshot, id string) string {
	var found []string
	for box, list := range s {
		for _, c := range list {
			if contentID(c) == id {
				found = append(found, box+" "+c[strings.LastIndex(c, " | ")+3:])
			}
		}
	}
	return strings.Join(found, ", ")
}

// exchange is what happens to two files of one name, in the order of their Message-IDs.
type exchange struct {
	folders [2]string
	names   [2]string
	change  func(w *world, a, b maildir.File)
	want    [2]string
}

func exchanges() map[string]exchange {
	return map[string]exchange{
		"read, beside one that is removed": {[2]string{"INBOX", "INBOX"}, [2]string{"new/same", "cur/same:2,S"},
			func(w *world, a, b maildir.File) {
				must(w, os.Remove(w.path(b)))
				must(w, os.Rename(w.path(a), w.path(b)))
			}, [2]string{`INBOX \Seen`, ""}},
		"both flagged": {[2]string{"INBOX", "INBOX"}, [2]string{"cur/same:2,F", "cur/same:2,S"},
			func(w *world, a, b maildir.File) {
				c := a
				c.Name = "same:2,T"
				must(w, os.Rename(w.path(a), w.path(c)))
				b2 := b
				b2.Name = "same:2,FS"
				must(w, os.Rename(w.path(b), w.path(b2)))
			}, [2]string{`INBOX \Deleted`, `INBOX \Flagged \Seen`}},
		"moved over one that is removed": {[2]string{"INBOX", "Archive"}, [2]string{"cur/same:2,S", "cur/same:2,S"},
			func(w *world, a, b maildir.File) {
				must(w, os.Remove(w.path(b)))
				must(w, os.Rename(w.path(a), w.path(b)))
			}, [2]string{`Archive \Seen`, ""}},
		"moved beside one that is removed": {[2]string{"INBOX", "Archive"}, [2]string{"cur/same:2,S", "cur/same:2,F"},
			func(w *world, a, b maildir.File) {
				must(w, os.Remove(w.path(b)))
				b.Name = a.Name
				must(w, os.Rename(w.path(a), w.path(b)))
			}, [2]string{`Archive \Seen`, ""}},
		"places changed": {[2]string{"INBOX", "Archive"}, [2]string{"cur/same:2,S", "cur/same:2,F"},
			func(w *world, a, b maildir.File) {
				a2, b2 := a, b
				a2.Folder, b2.Folder = b.Folder, a.Folder
				must(w, os.Rename(w.path(a), w.path(a2)))
				must(w, os.Rename(w.path(b), w.path(b2)))
			}, [2]string{`Archive \Seen`, `INBOX \Flagged`}},
		"moved beside one that is flagged": {[2]string{"INBOX", "Archive"}, [2]string{"cur/same:2,S", "cur/same:2,F"},
			func(w *world, a, b maildir.File) {
				b2 := b
				b2.Name = "same:2,FT"
				must(w, os.Rename(w.path(b), w.path(b2)))
				a2 := a
				a2.Folder = "Archive"
				must(w, os.Rename(w.path(a), w.path(a2)))
			}, [2]string{`Archive \Seen`, `Archive \Deleted \Flagged`}},
		"moved beside it by another client": {[2]string{"INBOX", "Archive"}, [2]string{"cur/same:2,S", "cur/same:2,F"},
			func(w *world, _, _ maildir.File) {
				server := serverSide{w}
				server.move(server.list("INBOX")[0], "Archive")
			}, [2]string{`Archive \Seen`, `Archive \Flagged`}},
		"flagged as the other by another client": {[2]string{"INBOX", "INBOX"}, [2]string{"cur/same:2,S", "cur/same:2,FS"},
			func(w *world, _, _ maildir.File) {
				server := serverSide{w}
				server.flag(server.list("INBOX")[0], []string{`\Flagged`}, nil)
			}, [2]string{`INBOX \Flagged \Seen`, `INBOX \Flagged \Seen`}},
	}
}

// Where the name of the one becomes that of the other, what the files hold
// tells them apart.
func TestOneNameForTheOther(t *testing.T) {
	for name, x := range exchanges() {
		for _, same := range []int{1, 30} { // the second is as long as the first, or not
			t.Run(fmt.Sprint(name, same), func(t *testing.T) {
				t.Parallel()
				x.happens(t, same)
			})
		}
	}
}

func (x exchange) happens(t *testing.T, same int) {
	w := newWorld(t, imaptest.Options{})
	w.acct.NoFsync = true
	must(w, w.srv.CreateMailbox("Archive"))
	w.n = 20
	w.sync()
	for i, n := range x.names {
		w.putFile(x.folders[i], n, w.sized([]int{1, same}[i]))
		w.sync() // one after the other
	}
	w.quiet()
	w.agree()
	x.change(w, w.byID(x.folders[0])["21@test"], w.byID(x.folders[1])["22@test"])
	w.sync()
	w.quiet()
	w.whole()
	after := w.agree()
	for i, id := range []string{"21@test", "22@test"} {
		if got := find(after, id); got != x.want[i] {
			t.Errorf("message %d: %q, want %q", i, got, x.want[i])
		}
	}
}

// A copy within the folder, under the same unique part, is a copy; which of
// the two has which flags is told by the names.
func TestOneNameCopied(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.sync()
	c := w.message()
	w.putFile("INBOX", "cur/same:2,S", c)
	w.sync()
	w.putFile("INBOX", "cur/same:2,F", c)
	if rep := w.sync(); rep.Counts["upload"] > 0 {
		t.Errorf("sent again: %v", rep.Counts)
	}
	w.quiet()
	w.whole()
	if got := w.agree()["INBOX"]; len(got) != 2 {
		t.Fatalf("%q", got)
	}
	uids := map[string]uint32{}
	for _, m := range w.srv.Messages("INBOX") {
		uids[fmt.Sprint(m.Flags)] = m.UID
	}
	must(w, os.Remove(w.path(maildir.File{Folder: "INBOX", Name: "same:2,S"})))
	w.sync()
	w.agree()
	w.quiet()
	if m := w.srv.Messages("INBOX"); len(m) != 1 || m[0].UID != uids[`[\Flagged]`] {
		t.Errorf("%v is left of %v", m, uids)
	}
}

// What cannot be told apart, because it was edited in place, is what its name
// says.
func TestOneNameEdited(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.sync()
	a := w.putFile("INBOX", "cur/same:2,S", w.message())
	w.putFile("INBOX", "cur/same:2,F", w.message())
	w.sync()
	w.quiet()
	must(w, os.WriteFile(w.path(a), []byte("Subject: edited\n\nin place\n"), 0o600))
	w.putFile("INBOX", "cur/same:2,T", w.message())
	if rep := w.sync(); rep.Counts["upload"] != 1 || rep.Counts["remote-remove"] > 0 {
		t.Errorf("%v", rep.Counts)
	}
	if n := len(w.srv.Messages("INBOX")); n != 3 {
		t.Errorf("%d messages", n)
	}
	w.quiet()
}

// A file that cannot be read, and shares its name with another one, lets
// nothing be removed.
func TestOneNameUnreadable(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.sync()
	w.putFile("INBOX", "new/same", w.message())
	b := w.putFile("INBOX", "cur/same:2,S", w.message())
	w.sync()
	w.quiet()
	must(w, os.Remove(w.path(maildir.File{Folder: "INBOX", New: true, Name: "same"})))
	w.opts.FS = &faultfs.FS{Before: func(op faultfs.Op, name string) error {
		if op == faultfs.Open && strings.HasSuffix(name, b.Name) {
			return os.ErrPermission
		}
		return nil
	}}
	rep, err := w.trySync(mailsync.Request{})
	if err != nil || len(rep.Problems) != 2 || len(w.srv.Messages("INBOX")) != 2 {
		t.Errorf("%v %v, %d messages", err, texts(rep), len(w.srv.Messages("INBOX")))
	}
	w.opts.FS = nil
	w.sync()
	w.agree()
	w.quiet()
}

// UIDVALIDITY changes, the state is lost, the Maildir is an older copy: that
// two files share a name makes no difference.
func TestOneNameAnew(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"uidvalidity": func(w *world) { w.srv.SetUIDValidity("INBOX", 4711) },
		"state lost":  func(w *world) { must(w, os.RemoveAll(w.acct.StateDir)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{})
			w.sync()
			w.putFile("INBOX", "new/same", w.message())
			w.putFile("INBOX", "cur/same:2,S", w.message())
			w.putFile("INBOX", "cur/same:2,F", w.message())
			w.sync()
			before := w.agree()
			change(w)
			f := maildir.File{Folder: "INBOX", Name: "same:2,S"}
			to := f
			to.Name = "same:2,RS"
			must(w, os.Rename(w.path(f), w.path(to)))
			rep := w.sync()
			if rep.Counts["upload"]+rep.Counts["download"] > 0 {
				t.Errorf("transferred: %v", rep.Counts)
			}
			if after := w.agree(); len(after["INBOX"]) != len(before["INBOX"]) {
				t.Errorf("%q", after)
			}
			w.quiet()
			w.whole()
		})
	}
}
