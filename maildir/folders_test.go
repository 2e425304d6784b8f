package maildir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"satchel/sync/mail"
)

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
