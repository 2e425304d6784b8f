package maildir

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"satchel/sync/mail"
)

func flagSet(names string) mail.Flags { return mail.NewFlags(strings.Fields(names)...) }

func TestName(t *testing.T) {
	k := parseKeywords([]byte("0 work\n1 Play\n2 work\n5 $Forwarded\n6 \\Seen2\n"))
	for _, tt := range []struct {
		in     string // sub/name
		flags  string
		out    string // sub/name after Name with want
		want   string
		unheld string
	}{
		{"new/a", "", "new/a", "", ""},
		{"new/a", "", "cur/a:2,S", `\Seen`, ""},
		{"cur/a", "", "cur/a:2,", "", ""},
		{"cur/a:2,S", `\Seen`, "cur/a:2,", "", ""},
		{"cur/a:2,SF", `\Seen \Flagged`, "cur/a:2,FS", `\Seen \Flagged`, ""},
		{"cur/a:2,SSFF", `\Seen \Flagged`, "cur/a:2,S", `\Seen`, ""},
		{"new/a:2,S", `\Seen`, "new/a:2,", "", ""},
		{"new/a:2,S", `\Seen`, "cur/a:2,S", `\Seen`, ""},
		{"cur/a:2,abS", `\Seen work Play`, "cur/a:2,DPRTb", `\Draft $Forwarded \Answered \Deleted play`, ""},
		{"cur/a:2,c", "work", "cur/a:2,", "", ""},            // both letters of work go
		{"cur/a:2,", "", "cur/a:2,a", "WORK other", "other"}, // one comes
		{"cur/a:2,f", "$Forwarded", "cur/a:2,", "", ""},
		{"cur/a:2,XzgS", `\Seen`, "cur/a:2,FXgz", `\Flagged`, ""}, // unknown letters are kept
		{"cur/a:2,S,W=12", `\Seen`, "cur/a:2,F,W=12", `\Flagged`, ""},
		{"cur/a:1,x", "", "cur/a:1,x:2,S", `\Seen`, ""},
		{"cur/a:foo", "", "cur/a:foo:2,", "", ""},
		{"cur/a:2,S:2,F", `\Flagged`, "cur/a:2,S:2,S", `\Seen`, ""},
		{"cur/:2,S", "", "cur/:2,S:2,F", `\Flagged`, ""},
		{"new/a", "", "cur/a:2,", "other", "other"},
	} {
		sub, name, _ := strings.Cut(tt.in, "/")
		f := File{Folder: "INBOX", New: sub == "new", Name: name}
		if got := k.Flags(f); !got.Equal(flagSet(tt.flags)) {
			t.Errorf("Flags(%s) = %v, want %s", tt.in, got, tt.flags)
		}
		g, unheld := k.Name(f, flagSet(tt.want), "")
		if got := g.sub() + "/" + g.Name; got != tt.out || !unheld.Equal(flagSet(tt.unheld)) {
			t.Errorf("Name(%s, %s) = %s, %v; want %s, %s", tt.in, tt.want, got, unheld, tt.out, tt.unheld)
		}
		if g.Base() != f.Base() {
			t.Errorf("the base of %s became %q", tt.in, g.Base())
		}
	}
}

func checkName(t interface{ Fatalf(string, ...any) }, name string, isNew bool, k Keywords, want mail.Flags) {
	f := File{Folder: "x", New: isNew, Name: name}
	g, unheld := k.Name(f, want, "")
	if g.Base() != f.Base() {
		t.Fatalf("%q has base %q, and %q with flags %v has %q", name, f.Base(), g.Name, want, g.Base())
	}
	if got := k.Flags(g); !got.Equal(want.Minus(unheld)) {
		t.Fatalf("%q with flags %v became %q, which has %v", name, want, g.Name, got)
	}
	if g.New && (!isNew || !want.IsEmpty()) {
		t.Fatalf("%q with flags %v is new", name, want)
	}
	if again, _ := k.Name(g, want, ""); again != g {
		t.Fatalf("%q became %q and then %q", name, g.Name, again.Name)
	}
	back, _ := k.Name(g, k.Flags(f), "")
	_, was := parseInfo(name)
	_, is := parseInfo(back.Name)
	if was.tail != is.tail {
		t.Fatalf("the tail of %q is lost in %q", name, back.Name)
	}
	for _, c := range []byte(was.letters) {
		if _, known := k.known(c); !known && !strings.ContainsRune(is.letters, rune(c)) {
			t.Fatalf("%q lost a letter and became %q", name, back.Name)
		}
	}
}

func drawFlags(t *rapid.T) mail.Flags {
	f := mail.NewFlags(rapid.SliceOf(rapid.SampledFrom([]string{"work", "PLAY", "none", "$Forwarded", "b"})).Draw(t, "keywords")...)
	f.System |= mail.System(rapid.IntRange(0, 63).Draw(t, "system"))
	return f
}

func TestNameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.StringMatching(`[a-c:2,]{1,8}(:2,[DFPRSTXabcz]{0,6}[,=:]?)?`), rapid.StringN(1, -1, -1)).Draw(t, "name")
		k := parseKeywords(rapid.SliceOf(rapid.Byte()).Draw(t, "junk"))
		if rapid.Bool().Draw(t, "table") {
			k = parseKeywords([]byte("0 work\n1 play\n3 work\n4 $forwarded\n"))
		}
		checkName(t, name, rapid.Bool().Draw(t, "new"), k, drawFlags(t))
	})
}

func FuzzName(f *testing.F) {
	f.Add("a:2,S", true, byte(3), "0 work\n")
	f.Add(":2,S", false, byte(0), "")
	f.Fuzz(func(t *testing.T, name string, isNew bool, system byte, table string) {
		if name == "" {
			t.Skip("no file has this name")
		}
		want := mail.NewFlags("work")
		want.System = mail.System(system & 63)
		checkName(t, name, isNew, parseKeywords([]byte(table)), want)
	})
}

func TestParseKeywordsLenient(t *testing.T) {
	k := parseKeywords([]byte("0 a\r\n\n1\n x\n-1 y\n26 z\n2 two words\n0 again\n25 last\nno number\n 3 space"))
	if got, want := k.Names(), []string{"a", "two words", "last"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if c, ok := k.Letter("LAST"); !ok || c != 'z' {
		t.Errorf("LAST has the letter %c, %v", c, ok)
	}
}

func FuzzKeywords(f *testing.F) {
	f.Add([]byte("0 work\n1 play\n"), "new one")
	f.Add([]byte("0 a\n0 b\n99 c"), "a b c d")
	f.Fuzz(func(t *testing.T, data []byte, names string) {
		before := parseKeywords(data)
		out := appendKeywords(data, strings.Fields(names), [maxKeywords]bool{4: true})
		after := parseKeywords(out)
		if !strings.HasPrefix(string(out), string(data)) {
			t.Fatalf("lines were lost: %q became %q", data, out)
		}
		for _, n := range before.Names() {
			a, _ := before.Letter(n)
			if b, ok := after.Letter(n); !ok || a != b {
				t.Fatalf("%q moved from %c to %c", n, a, b)
			}
		}
		if got := appendKeywords(out, strings.Fields(names), [maxKeywords]bool{4: true}); string(got) != string(out) {
			t.Fatalf("a second time changes %q to %q", out, got)
		}
	})
}
