package maildir

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestRemoveFolderWithFilesOfOthers: what file managers and people put into a
// folder does not keep the mailbox, and nothing of it is deleted.
func TestRemoveFolderWithFilesOfOthers(t *testing.T) {
	for _, layout := range []Layout{Nested, MaildirPP} {
		s := testStore(t, Options{Layout: layout})
		mustFolder(t, s, "INBOX", "a", "a/b")
		dir, _ := s.Dir("a")
		for _, p := range []string{"Thumbs.db", ".directory", ".gitkeep", "notes.txt", "cur/.directory", "new/.hidden", "tmp/.x", "tmp/old"} {
			if err := os.WriteFile(filepath.Join(dir, p), []byte(p), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range []string{".DS_Store", "cur/.DS_Store", "dovecot.index"} {
			if err := os.WriteFile(filepath.Join(dir, p), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(filepath.Join(dir, "cur", "folder"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/nonexistent", filepath.Join(dir, "cur", "link")); err != nil {
			t.Fatal(err)
		}
		long := later().Add(-2 * tmpAge)
		if err := os.Chtimes(filepath.Join(dir, "tmp/old"), long, long); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, "tmp/.x"), time.Now(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveFolder(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		if got, skipped, _ := survey(t, s, nil); !slices.Equal(got, []string{"INBOX", "a/b"}) || skipped != nil {
			t.Error(layout, got, skipped)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, e := range entries {
			if e.Name() != "b" { // in Nested the folder below
				left = append(left, e.Name())
			}
		}
		want := []string{".cur-directory", ".cur-folder", ".cur-link", ".directory", ".gitkeep", ".new-hidden", ".tmp-old", ".tmp-x", "Thumbs.db", "notes.txt"}
		if !slices.Equal(left, want) {
			t.Errorf("%v: left %q, want %q", layout, left, want)
		}
		mustFolder(t, s, "a") // the same name can be a mailbox again
	}
}

// TestUnfinishedIsSeen: what a killed run left in the root is noticed by a survey
// and is gone after the sweep.
func TestUnfinishedIsSeen(t *testing.T) {
	for _, layout := range []Layout{Nested, MaildirPP} {
		s := testStore(t, Options{Layout: layout})
		mustFolder(t, s, "INBOX")
		_, _, known := survey(t, s, nil)
		if s.Unfinished() {
			t.Errorf("%v: nothing is unfinished", layout)
		}
		mkdirs(t, s, buildPrefix+s.NewBase()+"/cur")
		if survey(t, s, known); !s.Unfinished() {
			t.Errorf("%v: not seen", layout)
		}
		s.SweepRoot(later().Add(time.Hour))
		if survey(t, s, nil); s.Unfinished() {
			t.Errorf("%v: not removed", layout)
		}
	}
}
