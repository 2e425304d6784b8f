package maildir

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// TestRemoveFolderKeepsMessages: what a scan lists is a message, also where it is
// called like bookkeeping.
func TestRemoveFolderKeepsMessages(t *testing.T) {
	for _, name := range []string{"cur/dovecot.x:2,S", "new/dovecot.x", "cur/maildirsize", "tmp/dovecot.x"} {
		s := testStore(t, Options{Now: time.Now})
		mustFolder(t, s, "a")
		dir, _ := s.Dir("a")
		if err := os.WriteFile(filepath.Join(dir, name), []byte("Subject: x\n\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveFolder(t.Context(), "a"); err == nil {
			t.Errorf("%s: the folder was removed", name)
		}
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// TestRemoveFolderWithLongNames: files of others are put aside, however long their
// names are.
func TestRemoveFolderWithLongNames(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "a")
	dir, _ := s.Dir("a")
	want := 0
	for _, sub := range []string{"cur", "new"} {
		for n := 248; n <= maxName; n++ {
			for _, name := range []string{"." + strings.Repeat("x", n-1), "." + strings.Repeat("\u00e4", n/2)[:n-1]} {
				if err := os.WriteFile(filepath.Join(dir, sub, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				want++
			}
		}
	}
	if err := s.RemoveFolder(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != want {
		t.Errorf("%d entries, want %d: %v", len(entries), want, err)
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
