package maildir

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/sync/mail"
)

func survey(t *testing.T, s *Store, known map[string]Stamp) (names []string, skipped []string, stamps map[string]Stamp) {
	t.Helper()
	folders, skip, err := s.Survey(t.Context(), known)
	if err != nil {
		t.Fatal(err)
	}
	stamps = map[string]Stamp{}
	for _, f := range folders {
		n := f.Name
		if !f.Cur || !f.New {
			n += " damaged"
		}
		names = append(names, n)
		stamps[f.Name] = f.Stamp
	}
	for _, k := range skip {
		rel, _ := filepath.Rel(s.Root(), k.Path)
		skipped = append(skipped, rel+"="+k.Name)
	}
	return names, skipped, stamps
}

func mkdirs(t *testing.T, s *Store, dirs ...string) {
	t.Helper()
	for _, d := range dirs {
		if err := os.MkdirAll(filepath.Join(s.Root(), d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSurveyNested(t *testing.T) {
	h := newHookFS(nil)
	s := testStore(t, Options{FS: h})
	long := strings.Repeat("l", 300)
	mustFolder(t, s, "INBOX", "Archive/2026/q1", "a/b", "a", "..", "cur", "x/"+long+"/y")
	initOracle(t, filepath.Join(s.Root(), "go"))
	mkdirs(t, s, ".notmuch/xapian", ".git/cur", "100%/cur", "100%/new", "bad/new", "inbox/cur", "inbox/new", "a%2Fb/cur")
	if err := os.WriteFile(filepath.Join(s.Root(), "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	initOracle(t, other)
	for from, to := range map[string]string{
		"0first": filepath.Join(s.Root(), "a"), "ext": other, "loop": s.Root(), "gone": "/nonexistent/x", "a/up": s.Root(),
	} {
		if err := os.Symlink(to, filepath.Join(s.Root(), from)); err != nil {
			t.Fatal(err)
		}
	}
	wantNames := []string{"..", "Archive/2026/q1", "INBOX", "a", "a/b", "bad damaged", "cur", "ext", "go", "x/" + long + "/y"}
	wantSkipped := []string{"0first=0first", "100%=", "a%2Fb=", "a/up=a/up", "gone=gone", "inbox=", "loop=loop"}
	got, skipped, known := survey(t, s, nil)
	if d := cmp.Diff(wantNames, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(wantSkipped, skipped); d != "" {
		t.Error(d)
	}
	got, _, again := survey(t, s, known)
	if d := cmp.Diff(wantNames, got); d != "" {
		t.Error("second time", d)
	}
	if d := cmp.Diff(known, again); d != "" {
		t.Error("second time", d)
	}
	if known["a"].Dir != 0 || known["go"].Dir == 0 {
		t.Errorf("a, which has a link that is skipped: %v, go: %v", known["a"], known["go"])
	}
}

func TestSurveyReadsOnlyWhatChanged(t *testing.T) {
	for _, layout := range []Layout{Nested, MaildirPP} {
		h := newHookFS(nil)
		s := testStore(t, Options{FS: h, Layout: layout})
		mustFolder(t, s, "INBOX", "a", "a/b", "a/b/c", "d")
		_, _, known := survey(t, s, nil)
		h.reset()
		names, _, _ := survey(t, s, known)
		if want := []string{"INBOX", "a", "a/b", "a/b/c", "d"}; !cmp.Equal(names, want) {
			t.Errorf("%v: %v", layout, names)
		}
		calls := h.reset()
		reads := slices.DeleteFunc(slices.Clone(calls), func(c string) bool { return !strings.HasPrefix(c, "readdir") })
		// Nested: the root is no folder, so nobody knows its time.
		if want := 2 * (1 - int(layout)); len(reads) != want {
			t.Errorf("%v: read %q", layout, reads)
		}
		if len(calls) > 3*5+4 {
			t.Errorf("%v: %d calls", layout, len(calls))
		}
		mustFolder(t, s, "a/new one")
		if names, _, _ = survey(t, s, known); !slices.Contains(names, "a/new one") {
			t.Errorf("%v: %v", layout, names)
		}
		// Not trusted: too young.
		s.now = time.Now
		mustFolder(t, s, "e")
		if _, _, k := survey(t, s, nil); k["e"].Cur != 0 && time.Since(time.Unix(0, k["e"].Cur)) < settleFine {
			t.Errorf("%v: fresh stamp %v", layout, k["e"])
		}
	}
}

// A directory becomes a mailbox without a change in the directory above it.
func TestSurveyContainerBecomesFolder(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "p", "p/c/x")
	mkdirs(t, s, "p/later")
	_, _, known := survey(t, s, nil)
	mkdirs(t, s, "p/later/cur", "p/later/new")
	names, _, known := survey(t, s, known)
	if !slices.Contains(names, "p/later") {
		t.Error(names)
	}
	if err := s.RemoveFolder(t.Context(), "p/c/x"); err != nil {
		t.Fatal(err)
	}
	_, _, known = survey(t, s, known)
	mustFolder(t, s, "p/c/y")
	if names, _, _ = survey(t, s, known); !slices.Contains(names, "p/c/y") {
		t.Error(names)
	}
}

func TestSurveyMaildirPP(t *testing.T) {
	s := testStore(t, Options{Layout: MaildirPP})
	mustFolder(t, s, "INBOX", "INBOX/x", "a.b/c", "satchel-undo", "cur")
	mkdirs(t, s, undoName+"/cur", undoName+"/new", ".INBOX/cur", ".inbox.x/cur", ".con", "plain/cur", ".a%2Fb/cur")
	want := []string{"INBOX", "INBOX/x", "a.b/c", "cur", "satchel-undo"}
	got, skipped, known := survey(t, s, nil)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{".INBOX=", ".a%2Fb=", ".inbox.x="}, skipped); d != "" {
		t.Error(d)
	}
	if got, _, _ = survey(t, s, known); !cmp.Equal(got, want) {
		t.Error(got)
	}
}

func TestSurveyOtherInbox(t *testing.T) {
	s := testStore(t, Options{})
	mkdirs(t, s, "Inbox/cur", "Inbox/new", "Inbox/tmp", "Inbox/sub/cur", "Inbox/sub/new")
	got, _, _ := survey(t, s, nil)
	if want := []string{"INBOX", "INBOX/sub"}; !cmp.Equal(got, want) {
		t.Error(got)
	}
	deliver(t, s, "inbox", "x", flagSet(""))
	if dir, _ := s.Dir("INBOX"); filepath.Base(dir) != "Inbox" || len(names(t, s, "INBOX")) != 1 {
		t.Error(dir)
	}
}

func TestSurveyUnreadable(t *testing.T) {
	h := newHookFS(nil)
	s := testStore(t, Options{FS: h})
	mustFolder(t, s, "a", "a/b", "c")
	a, _ := s.Dir("a")
	h.setHook(func(op, name string) error {
		if op == "readdir" && name == a {
			return syscall.EACCES
		}
		return nil
	})
	got, skipped, known := survey(t, s, nil)
	if !cmp.Equal(got, []string{"a", "c"}) || !cmp.Equal(skipped, []string{"a=a"}) || known["a"].Dir != 0 {
		t.Error(got, skipped, known)
	}
}

func TestSurveyRootGone(t *testing.T) {
	h := newHookFS(nil)
	s := testStore(t, Options{FS: h})
	mustFolder(t, s, "a")
	once := true
	h.setHook(func(op, name string) error {
		if op == "stat" && name == s.Root() && once {
			once = false
			return syscall.ENOENT
		}
		return nil
	})
	// Gone for a moment and back again: still no Maildir without folders.
	_, _, err := s.Survey(t.Context(), nil)
	wantKind(t, err, mail.KindAccount)
	once = true
	wantKind(t, s.CreateFolder(t.Context(), "b"), mail.KindAccount)
	h.setHook(nil)
	if err := os.RemoveAll(s.Root()); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Survey(t.Context(), nil)
	wantKind(t, err, mail.KindBrake)
	wantKind(t, s.CreateFolder(t.Context(), "b"), mail.KindBrake)
}

// TestBelowUnnamed: below a directory whose mailbox has its folder elsewhere there
// may be the folder of another.
func TestBelowUnnamed(t *testing.T) {
	s := testStore(t, Options{Folders: map[string]string{"Archive": "Old", "Lists": "Archive/Lists"}})
	mustFolder(t, s, "INBOX", "Archive", "Lists", "Lists/go")
	mkdirs(t, s, "Archive/cur", "Archive/new")
	var known map[string]Stamp
	for range 3 {
		var names, skipped []string
		names, skipped, known = survey(t, s, known)
		if !slices.Equal(names, []string{"Archive", "INBOX", "Lists", "Lists/go"}) || !slices.Equal(skipped, []string{"Archive="}) {
			t.Errorf("%v, left out %v", names, skipped)
		}
	}
}
