package maildir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"satchel/sync/mail"
)

// table makes the table of a folder that holds files with these letters:
// "a=todo b=work".
func table(now, before, used string) Table {
	lines := func(s string) Keywords {
		var b strings.Builder
		for _, x := range strings.Fields(s) {
			b.WriteString(string(x[0]-'a'+'0') + " " + x[2:] + "\n")
		}
		return ParseKeywords(b.String())
	}
	return NewTable(&Listing{Keywords: lines(now), Files: []File{{Name: "x:2," + used}}}, lines(before))
}

func kw(names string) mail.Flags { return mail.NewFlags(strings.Fields(names)...) }

// TestEdited goes through the rows of the first decision table.
func TestEdited(t *testing.T) {
	for _, x := range []struct {
		name, now, before, had, base, file, want string
	}{
		{"nothing", "a=todo", "a=todo", ":2,Sa", "todo", "x:2,Sa", `\Seen todo`},
		{"added", "a=todo b=work", "a=todo", ":2,a", "todo", "x:2,ab", "todo work"},
		{"cleared", "a=todo", "a=todo", ":2,Sa", "todo", "x:2,S", `\Seen`},
		{"the table is gone", "", "a=todo", ":2,a", "todo", "x:2,Sa", `\Seen todo`},
		{"the table is gone and so is the letter", "", "a=todo", ":2,a", "todo", "x:2,S", `\Seen todo`},
		{"another table", "a=work", "a=todo", ":2,a", "todo", "x:2,Sa", `\Seen todo`},
		{"another table, the letter cleared by it", "a=work", "a=todo", ":2,a", "todo", "x:2,S", `\Seen todo`},
		{"permuted with the letters", "a=work b=todo", "a=todo b=work", ":2,a", "todo", "x:2,b", "todo"},
		{"added, by the table of before", "", "a=todo b=work", ":2,a", "todo", "x:2,ab", "todo work"},
		{"added without a meaning", "a=todo", "a=todo", ":2,", "", "x:2,z", ""},
		{"replaced by one without a meaning", "a=todo", "a=todo", ":2,a", "todo", "x:2,z", "todo"},
		{"a meaning at last", "a=todo", "", ":2,a", "", "x:2,a", "todo"},
		{"no flags at all", "a=todo", "a=todo", ":2,Sa", "todo", "x", "todo"},
		{"a name that is not known", "a=todo b=work", "a=todo b=work", "?", "todo work", "x:2,b", "work"},
		{"a keyword without a letter", "a=todo", "a=todo", ":2,a", "todo more", "x:2,", "more"},
	} {
		t.Run(x.name, func(t *testing.T) {
			tab := table(x.now, x.before, "")
			got := tab.Edited(File{Name: x.file}, tab.Was(had(x.had), kw(x.base)))
			if want := kw(x.want); !got.Flags.Equal(want) {
				t.Errorf("read %q, want %q", got.Flags, want)
			}
		})
	}
}

// had returns a file with that info; "?" stands for a name that is not known.
func had(info string) File {
	if info == "?" {
		return File{Name: "x", Unnamed: true}
	}
	return File{Name: "x" + info}
}

// TestMoved goes through the rows of the second one. old and here are tables.
func TestMoved(t *testing.T) {
	for _, x := range []struct {
		name, old, here, had, base, file, want string
	}{
		{"by a program that knows of no keywords", "a=todo", "", ":2,Sa", "todo", "x:2,Sa", `\Seen todo`},
		{"and the letter is another's there", "a=todo", "a=work", ":2,Sa", "todo", "x:2,FSa", `\Flagged \Seen todo`},
		{"and the letter means something only there", "b=todo", "a=work", ":2,Sab", "todo", "x:2,Sab", `\Seen todo work`},
		{"by one that writes the letter of there", "a=todo", "a=work b=todo", ":2,a", "todo", "x:2,b", "todo"},
		{"and sets another keyword", "a=todo", "a=work b=todo", ":2,a", "todo", "x:2,ab", "todo work"},
		{"and clears the keyword", "a=todo", "a=work", ":2,Sa", "todo", "x:2,S", `\Seen`},
		{"set before the move", "a=todo b=urgent", "a=work", ":2,a", "todo", "x:2,ab", "todo urgent"},
		{"cleared before the move", "a=todo b=urgent", "a=work", ":2,ab", "todo urgent", "x:2,a", "todo"},
		{"a letter without a meaning", "a=todo", "a=work", ":2,a", "todo", "x:2,z", "todo"},
		{"one more without a meaning", "a=todo", "a=work", ":2,a", "todo", "x:2,az", "todo"},
		{"one more, and one that means something here", "a=todo", "b=work", ":2,a", "todo", "x:2,abz", "todo work"},
		{"no flags at all", "a=todo", "a=work", ":2,Sa", "todo", "x", "todo"},
		{"no letter before", "", "a=work", ":2,", "", "x:2,a", "work"},
		{"a keyword that had no letter", "a=todo", "a=work", ":2,a", "todo more", "x:2,a", "todo more"},
	} {
		t.Run(x.name, func(t *testing.T) {
			old, here := table(x.old, x.old, ""), table(x.here, x.here, "")
			got := here.Moved(File{Name: x.file}, old.Was(had(x.had), kw(x.base)), old)
			if want := kw(x.want); !got.Flags.Equal(want) {
				t.Errorf("read %q, want %q", got.Flags, want)
			}
		})
	}
}

// TestUnreadTable: what cannot be read is not empty.
func TestUnreadTable(t *testing.T) {
	l := &Listing{KeywordsErr: mail.ErrGone, Files: []File{{Name: "x:2,Sb"}}}
	tab := NewTable(l, ParseKeywords("0 todo\n1 work\n"))
	was := tab.Was(had(":2,a"), kw("todo"))
	got := tab.Edited(File{Name: "x:2,Sb"}, was)
	if !got.Open || !got.Flags.Equal(kw(`\Seen todo`)) {
		t.Errorf("read %+v", got)
	}
	if tab.Forgotten() || tab.Misread(File{Name: "x:2,Sb"}, "todo") {
		t.Error("it is written all the same")
	}
}

// TestGiveLettersBack: letters in use mean what they meant before, in the file
// of keywords as well, whatever became of it; the rest of it stays.
func TestGiveLettersBack(t *testing.T) {
	const before = "0 todo\n1 work\n2 idle\n"
	for _, x := range []struct{ name, now, give, want string }{
		{"deleted", "", "", "0 todo\n1 work\n"},
		{"as it was", before, "", before},
		{"cut", "0 todo\n1 wo", "", "0 todo\n1 work\n"},
		{"replaced", "0 home\n", "", "0 todo\n1 work\n"},
		{"permuted", "0 work\n1 todo\n2 idle\n", "", "2 idle\n0 todo\n1 work\n"},
		{"appended", before + "3 new\n", "", before + "3 new\n"},
		{"more than there are letters", "26 far\n0 home\nnonsense\n", "", "26 far\nnonsense\n0 todo\n1 work\n"},
		{"and one more", "0 home\n", "home", "0 todo\n1 work\n3 home\n"}, // c would be taken for idle
		{"its own letter", "", "home idle", "0 todo\n1 work\n2 idle\n3 home\n"},
		{"another letter for the same", "4 TODO\n", "todo", "0 todo\n1 work\n"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := testStore(t, Options{})
			mustFolder(t, s, "INBOX")
			name := filepath.Join(s.Root(), "INBOX", keywordsFile)
			if err := os.WriteFile(name, []byte(x.now), 0o600); err != nil {
				t.Fatal(err)
			}
			put(t, s, File{Folder: "INBOX", New: false, Name: "x:2,Sa"}, "x")
			put(t, s, File{Folder: "INBOX", New: false, Name: "y:2,b"}, "y")
			k, err := s.GiveLetters("INBOX", strings.Fields(x.give), ParseKeywords(before), ParseKeywords(x.now))
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(name)
			if err != nil || string(got) != x.want || !k.Holds(ParseKeywords(string(got))) {
				t.Errorf("wrote %q, want %q; returned %q, error %v", got, x.want, k.Encode(), err)
			}
			l, err := s.Scan(t.Context(), "INBOX")
			if err != nil {
				t.Fatal(err)
			}
			if tab := NewTable(l, ParseKeywords(before)); tab.Forgotten() {
				t.Error("it is to be written again")
			}
		})
	}
}

// TestMisread: a name that shows something else than the base has.
func TestMisread(t *testing.T) {
	for _, x := range []struct {
		now, before, file, base string
		want                    bool
	}{
		{"a=todo", "a=todo", "x:2,Sa", "todo", false},
		{"a=work", "a=work", "x:2,Sa", "todo", true},
		{"", "", "x:2,Sa", "", false},
		{"a=todo", "", "x:2,Sa", "", true},
		{"", "a=todo", "x:2,Sa", "todo", false},
		{"a=todo", "a=todo", "x:2,S", "todo", true},
		{"a=TODO", "a=todo", "x:2,a", "Todo", false},
		{"a=todo b=a", "a=todo b=a", "x:2,ab", "a todo", false},
	} {
		if got := table(x.now, x.before, "ab").Misread(File{Name: x.file}, x.base); got != x.want {
			t.Errorf("%+v: %v", x, got)
		}
	}
}

func TestWithout(t *testing.T) {
	for name, want := range map[string]string{"x:2,Sab": "x:2,Sb", "x": "x", "x:2,": "x:2,", "a:2,aS;a": "a:2,S;a"} {
		if got := (File{Name: name}).Without("a"); cmp.Diff(want, got.Name) != "" {
			t.Errorf("%s became %s, not %s", name, got.Name, want)
		}
	}
}
