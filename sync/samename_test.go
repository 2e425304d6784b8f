package sync_test

import (
	"context"
	"fmt"
	"math/rand/v2"
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

// Where the name of the one becomes that of the other, what the files hold
// tells them apart.
func TestOneNameForTheOther(t *testing.T) {
	for name, x := range map[string]struct {
		folders [2]string
		names   [2]string
		change  func(w *world, a, b maildir.File)
		want    [2]string
	}{
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
	} {
		for _, same := range []int{1, 30} { // the second is as long as the first, or not
			t.Run(fmt.Sprint(name, same), func(t *testing.T) {
				t.Parallel()
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
			})
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

// fewNames is a mail program that has few names to give. A sync sees a name go
// before another message has it alone: a file that has the name of one that is
// gone is that one, edited.
type fewNames struct {
	diskSide
	gone, came map[string]bool // paths without the flags
}

// free reports whether no file has this name, or had its base.
func (d fewNames) free(f maildir.File) bool {
	_, err := os.Lstat(d.w.path(f))
	return err != nil && !d.gone[f.Folder+"/"+f.Base()]
}

// leaves is called before a file gives up its name.
func (d fewNames) leaves(f maildir.File) {
	at := f.Folder + "/" + f.Base()
	if d.came[at] {
		d.w.sync()
		clear(d.came)
	}
	d.gone[at] = true
}

func (d fewNames) remove(h handle) {
	d.leaves(h.key.(maildir.File))
	d.diskSide.remove(h)
}

// fit returns a name that no file in the folder has, with a base that others
// may have.
func (d fewNames) fit(f maildir.File, flags []string) maildir.File {
	for try := range 20 {
		base := fmt.Sprintf("same%d", d.rng.IntN(3))
		if try > 10 {
			base = d.newName()
		}
		f.Name = base
		if !f.New {
			f.Name = d.name(f.Folder, base, flags)
		}
		if d.free(f) {
			d.came[f.Folder+"/"+f.Base()] = true
			return f
		}
	}
	panic("no name is free")
}

func (d fewNames) deliver(mailbox string, content []byte, flags []string) {
	d.w.n++
	f := d.fit(maildir.File{Folder: mailbox, New: len(flags) == 0}, flags)
	must(d.w, os.WriteFile(d.w.path(f), []byte(strings.ReplaceAll(string(content), "\r\n", "\n")), 0o600))
}

func (d fewNames) flag(h handle, add, remove []string) {
	f := h.key.(maildir.File)
	to := maildir.File{Folder: f.Folder}
	var flags []string
	for _, x := range append(append([]string{}, h.flags...), add...) {
		if !contains(remove, x) && !contains(flags, x) {
			flags = append(flags, x)
		}
	}
	to.Name = d.name(f.Folder, f.Base(), flags)
	if _, err := os.Lstat(d.w.path(to)); err == nil {
		d.leaves(f)
		to = d.fit(to, flags)
	}
	must(d.w, os.Rename(d.w.path(f), d.w.path(to)))
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if strings.EqualFold(x, s) {
			return true
		}
	}
	return false
}

func (d fewNames) place(h handle, to string) maildir.File {
	f := h.key.(maildir.File)
	dst := f
	dst.Folder = to
	if !d.free(dst) {
		dst = d.fit(maildir.File{Folder: to, New: f.New}, h.flags)
	}
	d.came[dst.Folder+"/"+dst.Base()] = true
	return dst
}

func (d fewNames) move(h handle, to string) {
	f := h.key.(maildir.File)
	d.leaves(f)
	must(d.w, os.Rename(d.w.path(f), d.w.path(d.place(h, to))))
}

func (d fewNames) copy(h handle, to string) {
	b, err := os.ReadFile(d.w.path(h.key.(maildir.File)))
	must(d.w, err)
	must(d.w, os.WriteFile(d.w.path(d.place(h, to)), b, 0o600))
}

// TestFewNames: random histories in which most files share the unique parts of
// their names, undisturbed and interrupted.
func TestFewNames(t *testing.T) {
	n := 20
	if testing.Short() {
		n = 8
	}
	if *crashLong {
		n = 400
	}
	for i := range n {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			fewNamesHistory(t, uint64(i), imaptest.Options{})
		})
	}
}

func fewNamesHistory(t *testing.T, seed uint64, o imaptest.Options) {
	rng := rand.New(rand.NewPCG(seed, 5))
	w := newWorld(t, o)
	w.acct.MaxDeletePct = 100
	w.acct.NoFsync = true
	boxes := []string{"INBOX", "Archive"}
	must(w, w.srv.CreateMailbox("Archive"))
	w.sync()
	disk := fewNames{diskSide{w, rng}, map[string]bool{}, map[string]bool{}}
	for range 6 + rng.IntN(6) {
		disk.deliver(boxes[rng.IntN(2)], w.message(), [][]string{nil, {`\Seen`}, {`\Flagged`}}[rng.IntN(3)])
	}
	w.sync()
	for range 5 {
		l := newLedger(w.agree())
		w.quiet()
		w.whole()
		clear(disk.gone)
		clear(disk.came)
		for _, b := range boxes {
			for id, f := range w.byID(b) {
				l.note("%s is %s", id, f)
			}
		}
		l.edit(w, local, disk, boxes, rng, rng.IntN(8))
		l.edit(w, onServer, serverSide{w}, boxes, rng, rng.IntN(5))
		if rng.IntN(2) == 0 {
			stop := &stopper{at: 1 + rng.IntN(120)}
			_, _ = w.under(stop)
			l.note("died: %s", stop.last)
		}
		w.sync()
		if d := diff(w.localSnapshot(), w.remoteSnapshot()); d != "" {
			t.Fatalf("seed %d: the sides differ:\n%s\nafter\n%s", seed, d, strings.Join(l.text, "\n"))
		}
		end := w.agree()
		if wrong := l.check(end); len(wrong) > 0 {
			t.Fatalf("seed %d: %s\nafter\n%s", seed, strings.Join(wrong, "\n"), strings.Join(l.text, "\n"))
		}
	}
	w.quiet()
	w.whole()
}
