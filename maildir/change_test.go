package maildir

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"satchel/sync/mail"
)

func TestRename(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX", "a/b")
	f, g := File{"INBOX", true, "m"}, File{"INBOX", false, "m:2,S"}
	put(t, s, f, "1")
	if err := s.Rename(t.Context(), f, g); err != nil {
		t.Fatal(err)
	}
	wantIs(t, s.Rename(t.Context(), f, g), mail.ErrGone)
	wantIs(t, s.Rename(t.Context(), f, f), mail.ErrGone)
	if err := s.Rename(t.Context(), g, g); err != nil {
		t.Error(err)
	}
	put(t, s, f, "2")
	wantIs(t, s.Rename(t.Context(), f, g), mail.ErrExists)
	to := File{"a/b", false, "m:2,S"}
	if err := s.Rename(t.Context(), g, to); err != nil || get(t, s, to) != "1" {
		t.Error(err)
	}
	err := s.Rename(t.Context(), f, File{"missing", false, "m:2,"})
	wantKind(t, err, mail.KindMailbox)
	if get(t, s, f) != "2" {
		t.Error("lost")
	}
	for _, bad := range []string{"", ".", "..", "../cur/x", "a/b", "a\x00", ".x"} {
		if s.Rename(t.Context(), f, File{"INBOX", false, bad}) == nil || s.Rename(t.Context(), File{"INBOX", false, bad}, f) == nil {
			t.Errorf("%q is taken for a name", bad)
		}
	}
	if err := s.SyncFolders(t.Context(), "INBOX", "a/b"); err != nil {
		t.Error(err)
	}
	wantKind(t, s.SyncFolders(t.Context(), "missing"), mail.KindMailbox)
}

func TestCopy(t *testing.T) {
	for _, no := range []error{nil, syscall.EXDEV, syscall.EPERM, syscall.EMLINK} {
		h := newHookFS(func(op, _ string) error {
			if op == "link" {
				return no
			}
			return nil
		})
		if no == nil {
			h.hook = nil
		}
		s := testStore(t, Options{FS: h})
		mustFolder(t, s, "INBOX", "b")
		f, g := File{"INBOX", true, "m"}, File{"b", false, "m:2,S"}
		put(t, s, f, "1")
		if err := s.SetDate(f, 777); err != nil {
			t.Fatal(err)
		}
		if err := s.Copy(t.Context(), f, g); err != nil {
			t.Fatal(err)
		}
		cf, err1 := s.Inspect(t.Context(), f)
		cg, err2 := s.Inspect(t.Context(), g)
		if err1 != nil || err2 != nil || (cf.Inode == cg.Inode) != (no == nil) || cg.ModTime != 777 || cf.Digest != cg.Digest {
			t.Error(no, cf, cg, err1, err2)
		}
		wantIs(t, s.Copy(t.Context(), f, g), mail.ErrExists)
		wantIs(t, s.Copy(t.Context(), File{"INBOX", true, "none"}, g), mail.ErrGone)
		wantIs(t, s.SetDate(File{"INBOX", true, "none"}, 1), mail.ErrGone)
		if n := tree(t, filepath.Join(s.Root(), "b", "tmp")); len(n) != 0 {
			t.Error("left in tmp:", n)
		}
	}
}

// exdev makes renames to some places fail as if they were on other disks.
func exdev(s *Store, dirs ...string) func(op, name string) error {
	return func(op, name string) error {
		if op == "rename" && filepath.Base(filepath.Dir(filepath.Dir(name))) == dirs[0] && s != nil {
			return syscall.EXDEV
		}
		return nil
	}
}

func TestMoveAcrossDisks(t *testing.T) {
	for n := 0; ; n++ {
		h := newHookFS(nil)
		s := testStore(t, Options{FS: h})
		mustFolder(t, s, "INBOX", "far")
		f, g := File{"INBOX", true, "m"}, File{"far", false, "m:2,S"}
		put(t, s, f, "1")
		// The first rename is refused, that of the copy is not.
		first, kill := true, killAt(n)
		far := exdev(s, "far")
		h.setHook(func(op, name string) error {
			if err := far(op, name); err != nil && first {
				first = false
				return err
			}
			return kill(op, name)
		})
		err := s.Rename(t.Context(), f, g)
		h.setHook(nil)
		if m := tree(t, s.Root()); m["1"] == 0 {
			t.Fatalf("killed at %d: the message is lost", n)
		}
		if err == nil {
			if get(t, s, g) != "1" || len(names(t, s, "INBOX")) != 0 {
				t.Error("not moved")
			}
			return
		}
	}
}

func TestDiscard(t *testing.T) {
	undo := filepath.Join(t.TempDir(), "deep", "undo")
	s := testStore(t, Options{Undo: undo})
	mustFolder(t, s, "INBOX", "a/b")
	f, g := File{"INBOX", true, "m"}, File{"a/b", false, "m:2,S"}
	for _, c := range []string{"1", "2", "3"} {
		put(t, s, g, c)
		if err := s.Discard(t.Context(), g, "run"); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, f, "new")
	if err := s.Discard(t.Context(), f, "run2"); err != nil {
		t.Fatal(err)
	}
	wantIs(t, s.Discard(t.Context(), f, "run2"), mail.ErrGone)
	for _, bad := range []string{"", ".", "..", "a/b"} {
		if s.Discard(t.Context(), f, bad) == nil {
			t.Error(bad)
		}
	}
	if err := s.SyncFolders(t.Context(), "INBOX", "a/b"); err != nil {
		t.Fatal(err)
	}
	if runs, err := s.UndoRuns(); err != nil || !cmp.Equal(runs, []string{"run", "run2"}) {
		t.Error(runs, err)
	}
	removed, err := s.Discarded(t.Context(), "run")
	want := []Removed{
		{"run", "a/b", "m:2,S", filepath.Join(undo, "run", "a%2Fb", "m:2,S")},
		{"run", "a/b", "m~1:2,S", filepath.Join(undo, "run", "a%2Fb", "m~1:2,S")},
		{"run", "a/b", "m~2:2,S", filepath.Join(undo, "run", "a%2Fb", "m~2:2,S")},
	}
	if d := cmp.Diff(want, removed); d != "" || err != nil {
		t.Fatal(d, err)
	}
	if i, err := os.Stat(undo); err != nil || i.Mode().Perm() != 0o700 {
		t.Error(i.Mode(), err)
	}
	if back, err := s.Restore(t.Context(), removed[0]); err != nil || back != g || get(t, s, g) != "1" {
		t.Error(back, err)
	}
	_, err = s.Restore(t.Context(), removed[0])
	wantIs(t, err, mail.ErrGone)
	fresh, err := s.Discarded(t.Context(), "run2")
	if err != nil || len(fresh) != 1 {
		t.Fatal(fresh, err)
	}
	if back, err := s.Restore(t.Context(), fresh[0]); err != nil || back != f {
		t.Error(back, err)
	}
	if err := s.ForgetRun(t.Context(), "run"); err != nil {
		t.Error(err)
	}
	if runs, err := s.UndoRuns(); err != nil || !cmp.Equal(runs, []string{"run2"}) {
		t.Error(runs, err)
	}
	// The folder is tidied away in the middle of a run.
	if err := os.RemoveAll(undo); err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(t.Context(), f, "run2"); err != nil {
		t.Error(err)
	}
}

// farFS claims that everything below some directories is on another disk.
type farFS struct {
	*hookFS
	far []string
}

func (f farFS) Stat(n string) (Info, error) {
	i, err := f.hookFS.Stat(n)
	for _, d := range f.far {
		if rel, rerr := filepath.Rel(d, n); rerr == nil && filepath.IsLocal(rel) {
			i.Device++
		}
	}
	return i, err
}

func TestUndoElsewhere(t *testing.T) {
	for _, layout := range []Layout{Nested, MaildirPP} {
		dir, undo := t.TempDir(), t.TempDir()
		root := filepath.Join(dir, "mail")
		h := newHookFS(nil)
		for i, fsys := range []FS{farFS{h, []string{undo}}, h} {
			// Second time the sibling cannot be made.
			want := filepath.Join(dir, ".mail.satchel-undo")
			if i == 1 {
				if err := os.RemoveAll(want); err != nil {
					t.Fatal(err)
				}
				sibling := want
				h.setHook(func(op, name string) error {
					if op == "mkdir" && (name == sibling || name == undo) {
						return syscall.EACCES
					}
					return nil
				})
				if err := os.Remove(undo); err != nil {
					t.Fatal(err)
				}
				want = filepath.Join(root, undoName)
			}
			s, err := Create(root, Options{FS: fsys, Undo: undo, Now: later, Layout: layout})
			if err != nil {
				t.Fatal(err)
			}
			mustFolder(t, s, "INBOX")
			f := File{"INBOX", true, "m"}
			put(t, s, f, "1")
			if err := s.Discard(t.Context(), f, "run"); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(want, "run", "INBOX", "m")); err != nil {
				t.Error(err)
			}
			if got, skipped, _ := survey(t, s, nil); !cmp.Equal(got, []string{"INBOX"}) || skipped != nil {
				t.Error(got, skipped)
			}
		}
	}
}

func TestFolders(t *testing.T) {
	for _, layout := range []Layout{Nested, MaildirPP} {
		s := testStore(t, Options{Layout: layout})
		mustFolder(t, s, "INBOX", "a", "a/b", "a/b", "a/b/c")
		wantIs(t, s.RemoveFolder(t.Context(), "none"), mail.ErrGone)
		wantKind(t, s.RemoveFolder(t.Context(), "inbox"), mail.KindMailbox)
		dir, _ := s.Dir("a/b")
		for _, p := range []string{"cur/m", "new/m", "tmp/m"} {
			if err := os.WriteFile(filepath.Join(dir, p), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			wantKind(t, s.RemoveFolder(t.Context(), "a/b"), mail.KindMailbox)
			if err := os.Remove(filepath.Join(dir, p)); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range []string{"dovecot-keywords", "dovecot.index.log", "maildirfolder"} {
			if err := os.WriteFile(filepath.Join(dir, p), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.RemoveFolder(t.Context(), "a/b"); err != nil {
			t.Error(err)
		}
		if got, _, _ := survey(t, s, nil); !cmp.Equal(got, []string{"INBOX", "a", "a/b/c"}) {
			t.Error(layout, got)
		}
		mustFolder(t, s, "a/b", "z")
		wantIs(t, s.RenameFolder(t.Context(), "a", "z"), mail.ErrExists)
		wantIs(t, s.RenameFolder(t.Context(), "none", "y"), mail.ErrGone)
		for _, p := range [][2]string{{"INBOX", "y"}, {"a", "inbox"}, {"a", "a/x"}} {
			wantKind(t, s.RenameFolder(t.Context(), p[0], p[1]), mail.KindMailbox)
		}
		if err := s.RenameFolder(t.Context(), "a", "n/m"); err != nil {
			t.Error(err)
		}
		if got, _, _ := survey(t, s, nil); !cmp.Equal(got, []string{"INBOX", "n/m", "n/m/b", "n/m/b/c", "z"}) {
			t.Error(layout, got)
		}
	}
}

// A message that arrives while its folder is removed stays, in a whole folder.
func TestRemoveFolderRace(t *testing.T) {
	for _, sub := range []string{"cur", "new"} {
		h := newHookFS(nil)
		s := testStore(t, Options{FS: h})
		mustFolder(t, s, "a")
		h.setHook(func(op, name string) error {
			if op == "rmdir" && filepath.Base(name) == "new" {
				return os.WriteFile(filepath.Join(filepath.Dir(name), sub, "m"), nil, 0o600)
			}
			return nil
		})
		wantKind(t, s.RemoveFolder(t.Context(), "a"), mail.KindMailbox)
		h.setHook(nil)
		if got := names(t, s, "a"); !cmp.Equal(got, []string{sub + "/m"}) {
			t.Error(got)
		}
	}
}

// Killed at any step, creating a folder leaves none that looks damaged, and
// the next try succeeds.
func TestCreateFolderKilled(t *testing.T) {
	for _, layout := range []Layout{Nested, MaildirPP} {
		for n := 0; ; n++ {
			h := newHookFS(nil)
			s := testStore(t, Options{FS: h, Layout: layout})
			mustFolder(t, s, "INBOX")
			h.setHook(killAt(n))
			err := s.CreateFolder(t.Context(), "a/b")
			h.setHook(nil)
			if got, skipped, _ := survey(t, s, nil); skipped != nil || !cmp.Equal(got, []string{"INBOX"}) && !cmp.Equal(got, []string{"INBOX", "a/b"}) {
				t.Fatal(n, got, skipped)
			}
			mustFolder(t, s, "a/b")
			if got, _, _ := survey(t, s, nil); !cmp.Equal(got, []string{"INBOX", "a/b"}) {
				t.Fatal(n, got)
			}
			if err == nil {
				break
			}
		}
	}
}

// Killed at any step of any change, no content is lost.
func TestKilledAnywhere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "x")
		if err != nil {
			t.Fatal(err)
		}
		h := newHookFS(nil)
		s, err := Create(filepath.Join(dir, "mail"), Options{FS: h, Undo: filepath.Join(dir, "undo"), Now: later})
		if err != nil {
			t.Fatal(err)
		}
		mustFolder(t, s, "INBOX", "b")
		h.setHook(nil)
		deliver(t, s, "INBOX", "0\r\n", mail.Flags{})
		deliver(t, s, "INBOX", "1\r\n", flagSet(`\Seen`))
		deliver(t, s, "b", "2\r\n", flagSet(`\Draft`))
		h.setHook(killAt(rapid.IntRange(0, 60).Draw(rt, "steps")))
		for range rapid.IntRange(1, 8).Draw(rt, "changes") {
			folder := rapid.SampledFrom([]string{"INBOX", "b"}).Draw(rt, "folder")
			l, err := s.Scan(t.Context(), folder)
			if err != nil || len(l.Files) == 0 {
				continue
			}
			f := l.Files[rapid.IntRange(0, len(l.Files)-1).Draw(rt, "file")]
			to := File{rapid.SampledFrom([]string{"INBOX", "b"}).Draw(rt, "to"), false, rapid.SampledFrom([]string{"x:2,", f.Base() + ":2,F"}).Draw(rt, "name")}
			switch rapid.IntRange(0, 3).Draw(rt, "op") {
			case 0:
				_ = s.Rename(t.Context(), f, to) // may be killed
			case 1:
				_ = s.Copy(t.Context(), f, to)
			case 2:
				_ = s.Discard(t.Context(), f, "run")
			case 3:
				_ = s.RenameFolder(t.Context(), "b", "c/d")
			}
		}
		m := tree(t, dir)
		for _, c := range []string{"0\n", "1\n", "2\n"} {
			if m[c] == 0 {
				rt.Fatalf("%q is lost: %v", c, m)
			}
		}
	})
}

// The way of Unixes without renameat2.
func TestLinkAndUnlink(t *testing.T) {
	dir := t.TempDir()
	a, b, d := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "d")
	for _, p := range []string{a, b} {
		if err := os.WriteFile(p, []byte(p), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wantIs(t, OSFS{}.linkAndUnlink(a, b), os.ErrExist)
	wantIs(t, OSFS{}.linkAndUnlink(d, b), os.ErrNotExist)
	wantIs(t, OSFS{}.RenameNoReplace(a, b), os.ErrExist)
	wantIs(t, OSFS{}.RenameNoReplace(d, b), os.ErrNotExist)
	if err := (OSFS{}).linkAndUnlink(a, d); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(d); err != nil || string(got) != a {
		t.Error(string(got), err)
	}
	if err := os.Mkdir(a, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (OSFS{}).linkAndUnlink(a, a+"2"); err != nil {
		t.Error(err)
	}
	wantIs(t, OSFS{}.linkAndUnlink(a+"2", b), os.ErrExist)
	if (OSFS{}).Remove(a+"2") == nil {
		t.Error("removed a directory")
	}
}
