package maildir_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"satchel/maildir"
)

// inbox is a Maildir of one folder whose stamps are all old.
type inbox struct {
	*testing.T
	root  string
	store *maildir.Store
}

func newInbox(t *testing.T, names ...string) *inbox {
	t.Helper()
	b := &inbox{T: t, root: t.TempDir()}
	for _, d := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(b.path(d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		b.put(name)
	}
	var err error
	later := func() time.Time { return time.Now().Add(time.Hour) }
	if b.store, err = maildir.Open(b.root, maildir.Options{Now: later}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *inbox) path(name string) string { return filepath.Join(b.root, "INBOX", name) }

func (b *inbox) put(name string) {
	b.Helper()
	if err := os.WriteFile(b.path(name), []byte("x\n"), 0o600); err != nil {
		b.Fatal(err)
	}
}

func (b *inbox) move(from, to string) {
	b.Helper()
	if err := os.Rename(b.path(from), b.path(to)); err != nil {
		b.Fatal(err)
	}
}

func (b *inbox) confirm(want maildir.Fingerprint) bool {
	b.Helper()
	st, same, err := b.store.Confirm(b.Context(), "INBOX", want)
	if err != nil {
		b.Fatal(err)
	}
	if same && (st.Cur == 0 || st.New == 0) {
		b.Fatal("confirmed without a stamp, although the folder is old")
	}
	return same
}

func TestConfirm(t *testing.T) {
	b := newInbox(t, "cur/a:2,S", "cur/b:2,", "new/c", "cur/.hidden")
	l, err := b.store.Scan(t.Context(), "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	want := l.Fingerprint()
	if want.Files != 3 {
		t.Fatalf("%d files, want 3", want.Files)
	}
	if !b.confirm(want) {
		t.Error("the folder is as it was")
	}
	for _, c := range [][2]string{
		{"cur/b:2,", "cur/b:2,S"}, // flags
		{"new/c", "cur/c"},        // same name, other directory
		{"cur/a:2,S", "cur/x:2,S"},
	} {
		b.move(c[0], c[1])
		if b.confirm(want) {
			t.Errorf("%s became %s, and that was not noticed", c[0], c[1])
		}
		b.move(c[1], c[0])
		if !b.confirm(want) {
			t.Errorf("%s is back, and that was not noticed", c[0])
		}
	}
	b.put("cur/d:2,")
	if b.confirm(want) {
		t.Error("a new file was not noticed")
	}
	want.Add(maildir.File{Name: "d:2,"})
	if !b.confirm(want) {
		t.Error("the new file was expected")
	}
	if err := os.Remove(b.path("cur/d:2,")); err != nil {
		t.Fatal(err)
	}
	if b.confirm(want) {
		t.Error("a removed file was not noticed")
	}
	want.Remove(maildir.File{Name: "d:2,"})
	if !b.confirm(want) {
		t.Error("the removal was expected")
	}
}
