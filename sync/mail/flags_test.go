package mail_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"satchel/sync/mail"
)

func TestNewFlags(t *testing.T) {
	for _, test := range []struct{ in, names, letters string }{
		{``, ``, ``},
		{`\Seen`, `\Seen`, `S`},
		{`\deleted \SEEN \draft \Answered \flagged $forwarded`, `\Draft \Flagged $Forwarded \Answered \Seen \Deleted`, `DFPRST`},
		{`\Recent \* \Unknown`, ``, ``},
		{`work WORK Work`, `work`, ``},
		{`todo Work archive $Junk`, `$Junk archive todo Work`, ``},
		{`Seen`, `Seen`, ``},
		{"\x7f \x01bad a\x00b ok", `ok`, ``},
	} {
		f := mail.NewFlags(strings.Split(test.in, " ")...)
		if f.String() != test.names || f.System.Letters() != test.letters {
			t.Errorf("%q: %q and letters %q, want %q and %q", test.in, f, f.System.Letters(), test.names, test.letters)
		}
	}
	if f := mail.NewFlags("", "two words"); !f.IsEmpty() {
		t.Errorf("names that no side could hold: %q", f)
	}
}

func TestLetters(t *testing.T) {
	for c := range 256 {
		s, ok := mail.FromLetter(byte(c))
		if want := strings.IndexByte("DFPRST", byte(c)) >= 0; ok != want {
			t.Errorf("%q: %v, want %v", rune(c), ok, want)
		}
		if ok && s.Letters() != string(rune(c)) {
			t.Errorf("%q stands for what is written %q", rune(c), s.Letters())
		}
	}
	for s := range mail.System(64) {
		var back mail.System
		for _, c := range []byte(s.Letters()) {
			bit, _ := mail.FromLetter(c)
			back |= bit
		}
		if back != s || !slices.IsSorted([]byte(s.Letters())) {
			t.Errorf("%b is written %q", s, s.Letters())
		}
	}
}

// Bytes outside ASCII stand for themselves: neither Unicode folding nor
// broken UTF-8 makes two keywords one.
func TestFoldIsASCII(t *testing.T) {
	for _, pair := range [][2]string{{"s", "\u017f"}, {"k", "\u212a"}, {"\xff", "\xfe"}, {"\u00e4", "\u00c4"}} {
		f := mail.NewFlags(pair[0], "t", pair[1])
		if len(f.Keywords()) != 3 {
			t.Errorf("%q and %q became %q", pair[0], pair[1], f)
		}
		if mail.NewFlags(pair[0]).Equal(mail.NewFlags(pair[1])) {
			t.Errorf("%q equals %q", pair[0], pair[1])
		}
	}
}

func TestDelta(t *testing.T) {
	flags := func(s string) mail.Flags { return mail.NewFlags(strings.Fields(s)...) }
	for _, test := range []struct{ base, now, want string }{
		{``, ``, ``},
		{`\Seen work`, `WORK \Seen`, ``},
		{``, `\Seen`, `+\Seen`},
		{`\Seen`, ``, `-\Seen`},
		{`\Seen old`, `\Flagged $Forwarded new`, `+\Flagged +$Forwarded +new -\Seen -old`},
	} {
		d := flags(test.now).Diff(flags(test.base))
		if d.String() != test.want || d.IsEmpty() != (test.want == "") {
			t.Errorf("from %q to %q: %q, empty %v, want %q", test.base, test.now, d, d.IsEmpty(), test.want)
		}
	}
}

// The case in which a keyword was first seen stays.
func TestKeepsCase(t *testing.T) {
	f, g := mail.NewFlags("Work"), mail.NewFlags("WORK", "todo")
	for name, got := range map[string]string{
		"Todo-less union": f.Union(g).String(), "intersection": f.Intersect(g).String(), "apply": f.Apply(g.Diff(f)).String(),
	} {
		if !strings.Contains(got, "Work") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func drawFlags(t *rapid.T, label string) mail.Flags {
	names := rapid.SliceOf(rapid.OneOf(
		rapid.SampledFrom([]string{`\Seen`, `\seen`, `\Flagged`, `$Forwarded`, `\Deleted`, "work", "Work", "WORK", "todo", "a", "B", "$x", "+y", "-z"}),
		rapid.StringMatching(`[a-cA-C]{1,2}`),
		rapid.StringN(1, 3, 9),
	)).Draw(t, label)
	return mail.NewFlags(names...)
}

// otherCase returns the same set, spelled otherwise.
func otherCase(f mail.Flags) mail.Flags {
	var names []string
	for _, n := range f.Names() {
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case 'a' <= r && r <= 'z':
				return r - 'a' + 'A'
			case 'A' <= r && r <= 'Z':
				return r - 'A' + 'a'
			}
			return r
		}, n))
	}
	slices.Reverse(names)
	return mail.NewFlags(names...)
}

func TestSetAlgebra(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, g, h := drawFlags(t, "f"), drawFlags(t, "g"), drawFlags(t, "h")
		equal := func(rule string, a, b mail.Flags) {
			t.Helper()
			if !a.Equal(b) || !b.Equal(a) || !a.Has(b) || !b.Has(a) {
				t.Fatalf("%s: %q and %q", rule, a, b)
			}
		}
		none := mail.Flags{}
		equal("union commutes", f.Union(g), g.Union(f))
		equal("union associates", f.Union(g).Union(h), f.Union(g.Union(h)))
		equal("union with itself", f.Union(f), f)
		equal("union with nothing", f.Union(none), f)
		equal("intersection commutes", f.Intersect(g), g.Intersect(f))
		equal("intersection associates", f.Intersect(g).Intersect(h), f.Intersect(g.Intersect(h)))
		equal("minus itself", f.Minus(f), none)
		equal("minus nothing", f.Minus(none), f)
		equal("split", f.Minus(g).Union(f.Intersect(g)), f)
		equal("De Morgan", f.Minus(g.Union(h)), f.Minus(g).Intersect(f.Minus(h)))
		equal("distributes", f.Intersect(g.Union(h)), f.Intersect(g).Union(f.Intersect(h)))
		equal("names", mail.NewFlags(f.Names()...), f)
		if !f.Union(g).Has(f) || !f.Has(f.Intersect(g)) || !f.Has(none) {
			t.Fatal("Has")
		}
		if f.Has(g) != f.Union(g).Equal(f) || f.Equal(g) != (f.Has(g) && g.Has(f)) {
			t.Fatalf("Has and Equal disagree on %q and %q", f, g)
		}
		if f.IsEmpty() != (len(f.Names()) == 0) || f.IsEmpty() != f.Equal(none) {
			t.Fatalf("IsEmpty of %q", f)
		}
		// Case makes no difference to any of it.
		x := otherCase(f)
		equal("other case", x, f)
		equal("other case, union", x.Union(g), f.Union(g))
		equal("other case, minus", g.Minus(x), g.Minus(f))
		if !f.Diff(x).IsEmpty() {
			t.Fatalf("%q differs from %q by %q", f, x, f.Diff(x))
		}
	})
}

func TestDiffApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, f, other := drawFlags(t, "base"), drawFlags(t, "f"), drawFlags(t, "other")
		d := f.Diff(base)
		if got := base.Apply(d); !got.Equal(f) {
			t.Fatalf("%q after %q is %q, want %q", base, d, got, f)
		}
		if !d.Add.Intersect(d.Remove).IsEmpty() {
			t.Fatalf("%q sets and clears at once", d)
		}
		if got := other.Apply(d); !got.Apply(d).Equal(got) {
			t.Fatalf("%q twice is not %q once", d, d)
		}
		if d.IsEmpty() != f.Equal(base) || d.IsEmpty() != (d.String() == "") {
			t.Fatalf("%q: empty %v", d, d.IsEmpty())
		}
		var add, remove []string
		for _, x := range strings.Fields(strings.ReplaceAll(d.String(), "\u0085", "?")) {
			switch x[0] {
			case '+':
				add = append(add, x[1:])
			case '-':
				remove = append(remove, x[1:])
			}
		}
		if ascii(d.String()) {
			back := mail.Delta{Add: mail.NewFlags(add...), Remove: mail.NewFlags(remove...)}
			if diff := cmp.Diff(d.String(), back.String()); diff != "" {
				t.Fatalf("the text does not say it all:\n%s", diff)
			}
		}
	})
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 })
}

func FuzzFlags(f *testing.F) {
	for _, s := range []string{``, `\Seen \Flagged`, `work WORK $Forwarded`, "\xff \xfe", "s \u017f t", `\Recent \*`, "a  b", "+x -y"} {
		f.Add(s, `\Seen work`)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := mail.NewFlags(strings.Split(a, " ")...), mail.NewFlags(strings.Split(b, " ")...)
		if back := mail.NewFlags(x.Names()...); back != x {
			t.Fatalf("%q comes back as %q", x.Names(), back.Names())
		}
		if back := mail.NewFlags(strings.Split(x.String(), " ")...); back != x {
			t.Fatalf("%q comes back as %q", x, back)
		}
		for _, k := range x.Keywords() {
			if k == "" || strings.ContainsAny(k, " \t\r\n\x00") || k[0] == '\\' {
				t.Fatalf("keyword %q", k)
			}
		}
		if got := y.Apply(x.Diff(y)); !got.Equal(x) {
			t.Fatalf("%q and %q: %q", x, y, got)
		}
		if !x.Union(y).Equal(y.Union(x)) || !x.Intersect(y).Equal(y.Intersect(x)) {
			t.Fatalf("%q and %q are no sets", x, y)
		}
	})
}

func BenchmarkFlags(b *testing.B) {
	f, g := mail.NewFlags(`\Seen`, `\Answered`), mail.NewFlags(`\Flagged`)
	k := mail.NewFlags(`\Seen`, "work", "todo", "$Junk")
	b.Run("letters", func(b *testing.B) {
		for b.Loop() {
			_ = f.System.Letters()
		}
	})
	b.Run("union", func(b *testing.B) {
		for b.Loop() {
			_ = f.Union(g)
		}
	})
	b.Run("union-keywords", func(b *testing.B) {
		for b.Loop() {
			_ = k.Union(k)
		}
	})
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			_ = mail.NewFlags(`\Seen`, `\Answered`, "work")
		}
	})
}
