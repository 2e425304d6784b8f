package maildir

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func naming(t interface{ Fatal(...any) }, layout Layout, utf7 bool, separator string, folders map[string]string) Naming {
	n, err := NewNaming(layout, utf7, separator, folders)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// namings are all kinds of choices.
func namings(t interface{ Fatal(...any) }) (list []Naming) {
	folders := map[string]string{"Sent Items": "Sent", "Sent": "Old sent", "Lists/go": "Go", "A": "B", "B": "A", "INBOX/x": "x", "Deep/er": "A/deep"}
	for _, utf7 := range []bool{false, true} {
		for _, f := range []map[string]string{nil, folders} {
			list = append(list, naming(t, Nested, utf7, "", f), naming(t, Nested, utf7, ".", f), naming(t, Nested, utf7, "~", f), naming(t, MaildirPP, utf7, "", f))
		}
	}
	return list
}

func TestNaming(t *testing.T) {
	long := strings.Repeat("ü", 100)
	for _, tt := range []struct {
		n             Naming
		mailbox, want string // want empty: it has no directory
	}{
		{naming(t, Nested, true, "", nil), "Entwürfe/a&b", "Entw&APw-rfe/a&-b"},
		{naming(t, Nested, true, "", nil), "cur/.x/50%", "%63ur/%2Ex/50%25"},
		{naming(t, Nested, true, "", nil), long, ""},
		{naming(t, MaildirPP, true, "", nil), "Entwürfe/v1.2", ".Entw&APw-rfe.v1%2E2"},
		{naming(t, Nested, false, ".", nil), "Archive/2026", "Archive.2026"},
		{naming(t, Nested, false, ".", nil), "v1.2/x", "v1%2E2.x"},
		{naming(t, Nested, false, ".", nil), "cur", "%63ur"},
		{naming(t, Nested, false, ".", nil), "INBOX/x", "INBOX.x"},
		{naming(t, Nested, true, ".", nil), "日本/a", "&ZeVnLA-.a"},
		{naming(t, Nested, false, "", map[string]string{"Sent Items": "Sent"}), "Sent Items/2026", "Sent/2026"},
		{naming(t, Nested, false, "", map[string]string{"Sent Items": "Sent"}), "Sent", ""},
		{naming(t, Nested, false, "", map[string]string{"Sent Items": "Sent"}), "Sent/2026", ""},
		{naming(t, Nested, false, "", map[string]string{"A": "B", "B": "A"}), "B/x", "A/x"},
		{naming(t, MaildirPP, false, "", map[string]string{"[Gmail]/All Mail": "Archive"}), "[Gmail]/All Mail", ".Archive"},
	} {
		got, err := tt.n.Dir(tt.mailbox)
		if (err != nil) != (tt.want == "") || err == nil && got != tt.want {
			t.Errorf("%v: Dir(%q) = %q, %v; want %q", tt.n, tt.mailbox, got, err, tt.want)
			continue
		}
		if err != nil {
			continue
		}
		if back, err := tt.n.Mailbox(got); err != nil || back != tt.mailbox {
			t.Errorf("%v: Mailbox(%q) = %q, %v; want %q", tt.n, got, back, err, tt.mailbox)
		}
	}
}

// checkNaming: a mailbox that has a directory is what that directory is of, and
// a directory that is of a mailbox is what that mailbox has.
func checkNaming(t interface{ Fatalf(string, ...any) }, n Naming, text string) {
	if dir, err := n.Dir(Canonical(text)); err == nil {
		if back, err := n.Mailbox(dir); err != nil || back != Canonical(text) {
			t.Fatalf("%v: %q has %q, which is of %q, %v", n, text, dir, back, err)
		}
		for part := range strings.SplitSeq(dir, "/") {
			if len(part) > maxName || dir != "" && (part == "" || part == "cur" || part == ".." || part == ".") {
				t.Fatalf("%v: %q has %q", n, text, dir)
			}
		}
	}
	if text == "" || strings.HasPrefix(text, "/") {
		return
	}
	if mailbox, err := n.Mailbox(text); err == nil {
		if dir, err := n.Dir(mailbox); err != nil || dir != text {
			t.Fatalf("%v: %q is of %q, which has %q, %v", n, text, mailbox, dir, err)
		}
	}
}

func TestNamingRoundTrip(t *testing.T) {
	list := namings(t)
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.OneOf(rapid.String(), rapid.StringMatching(`[.%~_/é&curnewA-Bx-]{0,6}`),
			rapid.SampledFrom([]string{"INBOX", "Inbox", "Sent", "Sent Items", "Old sent", "Lists", "go", "Go", "A", "B", "x", "Deep", "er", "deep", ".A", "Entw&APw-rfe"}))
		text := strings.Join(rapid.SliceOfN(level, 1, 4).Draw(t, "levels"), rapid.SampledFrom([]string{"/", ".", "~"}).Draw(t, "separator"))
		checkNaming(t, rapid.SampledFrom(list).Draw(t, "naming"), text)
	})
}

func FuzzNaming(f *testing.F) {
	for i, s := range []string{"Archive/2026", "Sent Items/x", "A/deep", ".Entw&APw-rfe.v1%2E2", "%63ur", "Cafe\u0301"} {
		f.Add(s, uint8(i))
	}
	list := namings(f)
	f.Fuzz(func(t *testing.T, s string, which uint8) { checkNaming(t, list[int(which)%len(list)], s) })
}

func TestNamingRefuses(t *testing.T) {
	for _, tt := range []struct {
		layout    Layout
		utf7      bool
		separator string
		folders   map[string]string
	}{
		{separator: ".."}, {separator: "_"}, {separator: "a"}, {separator: "%"}, {separator: "-", utf7: true}, {layout: MaildirPP, separator: "~"},
		{folders: map[string]string{"a": "x", "b": "x"}}, {folders: map[string]string{"a": "x", "b": "X"}},
		{folders: map[string]string{"INBOX": "x"}}, {folders: map[string]string{"x": "inbox"}},
		{folders: map[string]string{"": "x"}}, {folders: map[string]string{"a": "/x"}},
		{folders: map[string]string{"Caf\u00e9": "x", "Cafe\u0301": "y"}},
	} {
		if _, err := NewNaming(tt.layout, tt.utf7, tt.separator, tt.folders); err == nil {
			t.Errorf("accepted %+v", tt)
		}
	}
}

// TestSurveyNamings: what one store makes, it finds again, also when nothing
// changed since, and renames.
func TestSurveyNamings(t *testing.T) {
	folders := map[string]string{"Sent Items": "Sent", "Lists/go": "Go"}
	for _, n := range []Options{
		{UTF7: true}, {Separator: "."}, {UTF7: true, Separator: "~"}, {Layout: MaildirPP, UTF7: true}, {Folders: folders}, {Folders: folders, Layout: MaildirPP}, {Folders: folders, Separator: "."},
	} {
		s := testStore(t, n)
		t.Run(s.Naming().String(), func(t *testing.T) {
			want := []string{"Entwürfe", "INBOX", "Lists", "Lists/go", "Sent Items", "Sent Items/2026", "a.b/c"}
			mustFolder(t, s, want...)
			names, skipped, known := survey(t, s, nil)
			if d := cmp.Diff(want, names); d != "" || len(skipped) > 0 {
				t.Fatal(d, skipped)
			}
			if names, skipped, _ := survey(t, s, known); !slices.Equal(names, want) || len(skipped) > 0 {
				t.Errorf("again: %v %v", names, skipped)
			}
			if err := s.RenameFolder(t.Context(), "Sent Items", "Out"); err != nil {
				t.Fatal(err)
			}
			err := s.RenameFolder(t.Context(), "Lists", "L")
			if (err != nil) != (n.Folders != nil) {
				t.Errorf("rename of what has a folder elsewhere below it: %v", err)
			}
			names, skipped, _ = survey(t, s, known)
			if !slices.Contains(names, "Out/2026") || slices.Contains(names, "Sent Items") || len(names) != len(want) || len(skipped) > 0 {
				t.Errorf("renamed: %v %v", names, skipped)
			}
		})
	}
}

// TestDecomposed: a folder whose name is written with decomposed letters is
// that of the composed name; of two only one is taken.
func TestDecomposed(t *testing.T) {
	for _, o := range []Options{{}, {Layout: MaildirPP}, {Separator: "."}, {UTF7: true}} {
		t.Run(fmt.Sprintf("%v %v %q", o.Layout, o.UTF7, o.Separator), func(t *testing.T) {
			s := testStore(t, o)
			for _, parts := range [][]string{{"Cafe\u0301"}, {"Cafe\u0301", "u\u0308ber"}} {
				dir, err := s.naming.encode(strings.Join(parts, "/"))
				if err != nil {
					t.Fatal(err)
				}
				mkdirs(t, s, dir+"/cur", dir+"/new", dir+"/tmp")
			}
			want := []string{"Caf\u00e9", "Caf\u00e9/\u00fcber"}
			mustFolder(t, s, "INBOX")
			want = append(want, "INBOX")
			names, skipped, known := survey(t, s, nil)
			if d := cmp.Diff(want, names); d != "" || len(skipped) > 0 {
				t.Fatal(d, skipped)
			}
			if names, skipped, _ := survey(t, s, known); !slices.Equal(names, want) || len(skipped) > 0 {
				t.Errorf("again: %v %v", names, skipped)
			}
			mustFolder(t, s, want...) // makes nothing beside them
			if names, skipped, _ := survey(t, s, nil); !slices.Equal(names, want) || len(skipped) > 0 {
				t.Errorf("made twice: %v %v", names, skipped)
			}
			twin, _ := s.naming.encode("Caf\u00e9")
			mkdirs(t, s, twin+"/cur", twin+"/new", twin+"/tmp")
			if names, skipped, _ := survey(t, s, nil); len(skipped) == 0 || !slices.Contains(names, "Caf\u00e9") {
				t.Errorf("two of one name: %v %v", names, skipped)
			}
			if err := os.RemoveAll(filepath.Join(s.Root(), twin)); err != nil {
				t.Fatal(err)
			}
			if err := s.RenameFolder(t.Context(), "Caf\u00e9", "Bar"); err != nil {
				t.Fatal(err)
			}
			if names, skipped, _ := survey(t, s, known); !slices.Equal(names, []string{"Bar", "Bar/\u00fcber", "INBOX"}) || len(skipped) > 0 {
				t.Errorf("renamed: %v %v", names, skipped)
			}
		})
	}
}
