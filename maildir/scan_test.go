package maildir

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/sync/mail"
)

func TestScan(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	for _, f := range []File{
		{Folder: "INBOX", New: false, Name: "b:2,S"}, {Folder: "INBOX", New: true, Name: "a"}, {Folder: "INBOX", New: false, Name: "a.1:2,"}, {Folder: "INBOX", New: true, Name: ".hidden"}, {Folder: "INBOX", New: false, Name: ":2,S"},
	} {
		put(t, s, f, "x")
	}
	if err := os.WriteFile(filepath.Join(s.Root(), "INBOX", keywordsFile), []byte("0 work\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := s.Scan(t.Context(), "inbox")
	if err != nil {
		t.Fatal(err)
	}
	want := []File{{Folder: "INBOX", New: false, Name: ":2,S"}, {Folder: "INBOX", New: true, Name: "a"}, {Folder: "INBOX", New: false, Name: "a.1:2,"}, {Folder: "INBOX", New: false, Name: "b:2,S"}}
	if d := cmp.Diff(want, l.Files); d != "" {
		t.Error(d)
	}
	if !cmp.Equal(l.Ignored, []string{"new/.hidden"}) || !cmp.Equal(l.Keywords.Names(), []string{"work"}) || l.Unsettled {
		t.Error(l.Ignored, l.Keywords.Names(), l.Unsettled)
	}
	_, _, known := survey(t, s, nil)
	if l.Stamp != known["INBOX"] || !l.Stamp.Unchanged(known["INBOX"]) {
		t.Error(l.Stamp, known)
	}
	for f, want := range map[File]bool{want[1]: true, {Folder: "INBOX", New: false, Name: "a"}: false} {
		if ok, err := s.Exists(f); ok != want || err != nil {
			t.Error(f, ok, err)
		}
	}
	if _, err := s.Exists(File{Folder: "INBOX", New: false, Name: "../new/a"}); err == nil {
		t.Error("a path was taken for a name")
	}
}

func TestScanDamaged(t *testing.T) {
	s := testStore(t, Options{})
	_, err := s.Scan(t.Context(), "none")
	wantIs(t, err, mail.ErrGone)
	for _, sub := range []string{"cur", "new"} {
		mustFolder(t, s, sub+"less")
		dir, _ := s.Dir(sub + "less")
		if err := os.Remove(filepath.Join(dir, sub)); err != nil {
			t.Fatal(err)
		}
		_, err := s.Scan(t.Context(), sub+"less")
		wantKind(t, err, mail.KindBrake)
		wantKind(t, s.CreateFolder(t.Context(), sub+"less"), mail.KindBrake)
	}
}

func TestSettled(t *testing.T) {
	now := time.Unix(1000, 500)
	for age, want := range map[time.Duration]bool{
		19 * time.Millisecond: false, 20 * time.Millisecond: true, -time.Hour: false, time.Hour: true,
		500: false, time.Second + 500: false, 2*time.Second + 500: true, // whole seconds
	} {
		if got := settled(now.Add(-age).UnixNano(), now) != 0; got != want {
			t.Errorf("%v: %v", age, got)
		}
	}
}

// A time that is not to be trusted says of no folder that it is as before.
func TestUnchanged(t *testing.T) {
	known := Stamp{Dir: 1, Cur: 2, New: 3, Inode: 4}
	if !known.Unchanged(known) {
		t.Error("a folder is not as it was")
	}
	for _, s := range []Stamp{{0, 2, 3, 4}, {1, 0, 3, 4}, {1, 2, 0, 4}} {
		if s.Unchanged(s) {
			t.Error(s)
		}
	}
	for _, s := range []Stamp{{9, 2, 3, 4}, {1, 9, 3, 4}, {1, 2, 9, 4}, {1, 2, 3, 9}} {
		if s.Unchanged(known) {
			t.Error(s)
		}
	}
}

// Whatever a mail program renames while a folder is read, no message is
// missing and none is there twice.
func TestScanRaces(t *testing.T) {
	for _, clock := range []func() time.Time{time.Now, later} {
		h := newHookFS(nil)
		s := testStore(t, Options{FS: h, Now: clock})
		mustFolder(t, s, "INBOX")
		const n = 20
		var at []string
		for i := range n {
			put(t, s, File{Folder: "INBOX", New: true, Name: fmt.Sprintf("m%02d", i)}, fmt.Sprint(i))
			at = append(at, filepath.Join(s.Root(), "INBOX", "new", fmt.Sprintf("m%02d", i)))
		}
		reads := 0
		h.setHook(func(op, _ string) error {
			if op != "readdir" {
				return nil
			}
			if reads++; reads > 5 {
				return nil
			}
			// Between and during the readings: new to cur and back, and flags.
			for i := range at {
				to := filepath.Join(s.Root(), "INBOX", "cur", fmt.Sprintf("m%02d:2,%c", i, "FRSTD"[reads-1]))
				if (i+reads)%3 == 0 {
					to = filepath.Join(s.Root(), "INBOX", "new", fmt.Sprintf("m%02d", i))
				}
				if err := os.Rename(at[i], to); err != nil {
					t.Error(err)
				}
				at[i] = to
			}
			return nil
		})
		var bases []string
		for _, f := range func() []File {
			l, err := s.Scan(t.Context(), "INBOX")
			if err != nil || l.Unsettled {
				t.Fatal(l, err)
			}
			return l.Files
		}() {
			bases = append(bases, f.Base())
		}
		if len(bases) != n || len(slices.Compact(slices.Clone(bases))) != n {
			t.Errorf("%d of %d: %v", len(bases), n, bases)
		}
	}
}

func TestScanNeverStill(t *testing.T) {
	h := newHookFS(nil)
	s := testStore(t, Options{FS: h})
	mustFolder(t, s, "INBOX")
	put(t, s, File{Folder: "INBOX", New: true, Name: "a"}, "a")
	i := 0
	h.setHook(func(op, _ string) error {
		if op == "readdir" {
			i++
			return os.WriteFile(filepath.Join(s.Root(), "INBOX", "cur", fmt.Sprintf("b%d:2,", i)), nil, 0o600)
		}
		return nil
	})
	l, err := s.Scan(t.Context(), "INBOX")
	if err != nil || !l.Unsettled || l.Stamp.Cur != 0 || len(l.Files) != i+1 {
		t.Errorf("%+v, %v after %d", l, err, i)
	}
}

func TestScanTwoNames(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	put(t, s, File{Folder: "INBOX", New: false, Name: "a:2,"}, "1")
	put(t, s, File{Folder: "INBOX", New: true, Name: "a"}, "2") // another message
	dir, _ := s.Dir("INBOX")
	if err := os.Link(filepath.Join(dir, "cur", "a:2,"), filepath.Join(dir, "cur", "a:2,S")); err != nil {
		t.Fatal(err)
	}
	l, err := s.Scan(t.Context(), "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	want := []File{{Folder: "INBOX", New: true, Name: "a"}, {Folder: "INBOX", New: false, Name: "a:2,S"}}
	if d := cmp.Diff(want, l.Files); d != "" || !cmp.Equal(l.Ignored, []string{"cur/a:2,"}) {
		t.Error(d, l.Ignored)
	}
}

func TestAddKeywords(t *testing.T) {
	h := newHookFS(nil)
	s := testStore(t, Options{FS: h, Layout: MaildirPP})
	mustFolder(t, s, "INBOX")
	put(t, s, File{Folder: "INBOX", New: false, Name: "m:2,Sb"}, "") // b without a meaning
	name := filepath.Join(s.Root(), keywordsFile)
	if err := os.WriteFile(name, []byte("junk\n0 work"), 0o640); err != nil {
		t.Fatal(err)
	}
	// Dovecot adds one while we are at it.
	once := true
	h.setHook(func(op, _ string) error {
		if op == "readdir" && once {
			once = false
			return os.WriteFile(name, []byte("junk\n0 work\n2 dovecots\n"), 0o640)
		}
		return nil
	})
	k, err := s.AddKeywords("INBOX", []string{"Work", "one", "bad name", "two", "ONE"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"work", "dovecots", "one", "two"}, k.Names()); d != "" {
		t.Error(d)
	}
	b, _ := os.ReadFile(name)
	if want := "junk\n0 work\n2 dovecots\n1 one\n3 two\n"; string(b) == want {
		t.Error("the letter b is in use")
	} else if want := "junk\n0 work\n2 dovecots\n3 one\n4 two\n"; string(b) != want {
		t.Errorf("%q", b)
	}
	if i, err := os.Stat(name); err != nil || i.Mode().Perm() != 0o640 {
		t.Error(i.Mode(), err)
	}
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("k%d", i))
	}
	if k, err = s.AddKeywords("INBOX", many); err != nil || len(k.Names()) != 25 {
		t.Error(k.Names(), err)
	}
	if again, err := s.ReadKeywords("INBOX"); err != nil || !cmp.Equal(again.Names(), k.Names()) {
		t.Error(again.Names(), err)
	}
	for n := 0; ; n++ { // a crash leaves the old or the new file
		before, _ := os.ReadFile(name)
		if err := os.WriteFile(name, []byte("0 work\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		h.setHook(killAt(n))
		_, err := s.AddKeywords("INBOX", []string{"z"})
		b, _ := os.ReadFile(name)
		if string(b) != "0 work\n" && string(b) != "0 work\n2 z\n" && string(b) != "0 work\n3 z\n" && err != nil {
			t.Fatalf("%d: %q, was %q", n, b, before)
		}
		if err == nil {
			break
		}
	}
}
