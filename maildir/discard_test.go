package maildir

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"satchel/sync/mail"
)

func TestDiscard(t *testing.T) {
	undo := filepath.Join(t.TempDir(), "deep", "undo")
	s := testStore(t, Options{Undo: undo})
	mustFolder(t, s, "INBOX", "a/b")
	f, g := File{Folder: "INBOX", New: true, Name: "m"}, File{Folder: "a/b", New: false, Name: "m:2,S"}
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
			f := File{Folder: "INBOX", New: true, Name: "m"}
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
