package maildir

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"satchel/sync/mail"
)

func TestRename(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX", "a/b")
	f, g := File{Folder: "INBOX", New: true, Name: "m"}, File{Folder: "INBOX", New: false, Name: "m:2,S"}
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
	to := File{Folder: "a/b", New: false, Name: "m:2,S"}
	if err := s.Rename(t.Context(), g, to); err != nil || get(t, s, to) != "1" {
		t.Error(err)
	}
	err := s.Rename(t.Context(), f, File{Folder: "missing", New: false, Name: "m:2,"})
	wantKind(t, err, mail.KindMailbox)
	if get(t, s, f) != "2" {
		t.Error("lost")
	}
	for _, bad := range []string{"", ".", "..", "../cur/x", "a/b", "a\x00", ".x"} {
		if s.Rename(t.Context(), f, File{Folder: "INBOX", New: false, Name: bad}) == nil || s.Rename(t.Context(), File{Folder: "INBOX", New: false, Name: bad}, f) == nil {
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
		f, g := File{Folder: "INBOX", New: true, Name: "m"}, File{Folder: "b", New: false, Name: "m:2,S"}
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
		wantIs(t, s.Copy(t.Context(), File{Folder: "INBOX", New: true, Name: "none"}, g), mail.ErrGone)
		wantIs(t, s.SetDate(File{Folder: "INBOX", New: true, Name: "none"}, 1), mail.ErrGone)
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
		f, g := File{Folder: "INBOX", New: true, Name: "m"}, File{Folder: "far", New: false, Name: "m:2,S"}
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
			to := File{Folder: rapid.SampledFrom([]string{"INBOX", "b"}).Draw(rt, "to"), New: false, Name: rapid.SampledFrom([]string{"x:2,", f.Base() + ":2,F"}).Draw(rt, "name")}
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
