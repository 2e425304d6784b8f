package maildir_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"satchel/maildir"
)

func TestConfirm(t *testing.T) {
	root := t.TempDir()
	for _, d := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, "INBOX", d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, "INBOX", name), []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("cur/a:2,S")
	put("cur/b:2,")
	put("new/c")
	put("cur/.hidden")
	later := func() time.Time { return time.Now().Add(time.Hour) } // all stamps are old then
	s, err := maildir.Open(root, maildir.Options{Now: later})
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Scan(t.Context(), "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	want := l.Fingerprint()
	if want.Files != 3 {
		t.Fatalf("%d files, want 3", want.Files)
	}
	confirm := func(want maildir.Fingerprint) bool {
		t.Helper()
		st, same, err := s.Confirm(t.Context(), "INBOX", want)
		if err != nil {
			t.Fatal(err)
		}
		if same && (st.Cur == 0 || st.New == 0) {
			t.Fatal("confirmed without a stamp, although the folder is old")
		}
		return same
	}
	if !confirm(want) {
		t.Error("the folder is as it was")
	}
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(filepath.Join(root, "INBOX", from), filepath.Join(root, "INBOX", to)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range [][2]string{
		{"cur/b:2,", "cur/b:2,S"}, // flags
		{"new/c", "cur/c"},        // same name, other directory
		{"cur/a:2,S", "cur/x:2,S"},
	} {
		move(c[0], c[1])
		if confirm(want) {
			t.Errorf("%s became %s, and that was not noticed", c[0], c[1])
		}
		move(c[1], c[0])
		if !confirm(want) {
			t.Errorf("%s is back, and that was not noticed", c[0])
		}
	}
	put("cur/d:2,")
	if confirm(want) {
		t.Error("a new file was not noticed")
	}
	want.Add(maildir.File{Name: "d:2,"})
	if !confirm(want) {
		t.Error("the new file was expected")
	}
	if err := os.Remove(filepath.Join(root, "INBOX", "cur/d:2,")); err != nil {
		t.Fatal(err)
	}
	if confirm(want) {
		t.Error("a removed file was not noticed")
	}
	want.Remove(maildir.File{Name: "d:2,"})
	if !confirm(want) {
		t.Error("the removal was expected")
	}
}
