package names

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

func rows(names ...string) (list []wire.List) {
	for _, n := range names {
		list = append(list, wire.List{Name: n})
	}
	return list
}

// only returns the name of a mailbox that is listed alone.
func (n *Naming) only(wireName string) (string, bool) {
	kept, _ := n.List(rows(wireName))
	for name := range kept {
		return name, true
	}
	return "", false
}

func TestNames(t *testing.T) {
	for _, tc := range []struct {
		prefix string
		delim  byte
		wire   string
		want   string
	}{
		{"", '/', "INBOX", "INBOX"}, {"", '/', "inbox", "INBOX"}, {"", '/', "a/b", "a/b"}, {"", '.', "a.b", "a/b"},
		{"INBOX.", '.', "INBOX.Lists.go", "Lists/go"}, {"INBOX.", '.', "INBOX.INBOX", "INBOX/INBOX"},
		{"INBOX.", '.', "INBOX.inbox.x", "INBOX/inbox/x"}, {"INBOX.", '.', "shared.x", "shared/x"}, {"INBOX.", '.', "INBOX.shared.x", "INBOX/shared/x"},
		{"", '.', "a/b", "a%2Fb"}, {"", '.', "a%2Fb", "a%252Fb"}, {"", '.', "100%", "100%"}, {"", '.', "%25/", "%2525%2F"},
		{"", '/', "Entw&APw-rfe", "Entwürfe"}, {"", 0, "a/b.c", "a%2Fb.c"}, {"", '\\', `a\b`, "a/b"},
	} {
		others := []string{"shared" + string(rune(tc.delim))}
		n := NewNaming(tc.prefix, tc.delim)
		n.others = others
		got, ok := n.only(tc.wire)
		if !ok || got != tc.want {
			t.Errorf("%q is %q, %v; want %q", tc.wire, got, ok, tc.want)
		}
		// And back, also without having seen it.
		n = NewNaming(tc.prefix, tc.delim)
		n.others = others
		back, err := n.ToWire(got)
		if err != nil || !strings.EqualFold(back, tc.wire) {
			t.Errorf("%q goes back to %q, %v; want %q", got, back, err, tc.wire)
		}
	}
	n := NewNaming("", '/')
	for _, bad := range []string{"/", "a//b", "/a"} {
		if kept, out := n.List(rows(bad)); len(kept) != 0 || len(out) != 1 {
			t.Errorf("%q accepted as %v, %v", bad, kept, out)
		}
	}
}

// TestNamesThatMeet: a name that a new mailbox would have together with
// another one is refused, and says what to do.
func TestNamesThatMeet(t *testing.T) {
	for _, tc := range []struct {
		prefix string
		delim  byte
		name   string
	}{
		{"INBOX.", '.', "INBOX/Work"}, {"INBOX/", '/', "INBOX/a/b"}, {"INBOX.", '.', "Inbox"}, {"", '/', "Cafe\u0301"},
		{"", '/', "a\xffb"}, {"", '/', "a%2Fb"}, {"", '/', "100%25"}, {"", 0, "a/b"}, {"", '.', "a.b"}, {"", '/', ""},
	} {
		n := NewNaming(tc.prefix, tc.delim)
		got, err := n.ToWire(tc.name)
		if mail.KindOf(err) != mail.KindMailbox || mail.HintOf(err) == "" {
			t.Errorf("prefix %q: %q would be %q, %v", tc.prefix, tc.name, got, err)
		}
	}
}

// TestAlikeRows: which of the rows with one name has it does not depend on
// their order, and what is known already counts most.
func TestAlikeRows(t *testing.T) {
	for _, tc := range []struct {
		prefix string
		rows   []wire.List
		bound  string // of the name of the first row
		want   string
	}{
		{"", rows("R&D", "R&-D"), "", "R&-D"},
		{"", rows("R&D", "R&-D"), "R&D", "R&D"},
		{"INBOX.", rows("Work", "INBOX.Work", "Inbox.Work"), "", "INBOX.Work"},
		{"INBOX.", rows("Work", "INBOX.Work"), "Work", "Work"},
		{"INBOX.", rows("Work", "INBOX.Work"), "gone", "INBOX.Work"},
		{"", rows("Cafe&AwE-", "Caf&AOk-"), "", "Caf&AOk-"},
		{"", rows("R&D.", "R&-D.", "R&D"), "", "R&-D."},
		{"INBOX.", []wire.List{{Name: "INBOX.Work", Attrs: []string{`\Noselect`}}, {Name: "Work"}}, "", "Work"},
		{"", []wire.List{{Name: "Inbox", Attrs: []string{`\Noselect`}}, {Name: "inbox"}}, "", "inbox"},
	} {
		for seed := range uint64(6) {
			list := slices.Clone(tc.rows)
			rand.New(rand.NewPCG(seed, 1)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			n := NewNaming(tc.prefix, '.')
			name, _ := n.canonical(DecodeName(tc.rows[0].Name))
			n.bound = map[string]string{}
			if tc.bound != "" {
				n.bound[name] = tc.bound
			}
			kept, out := n.List(list)
			if got := kept[name].Name; len(kept) != 1 || got != tc.want {
				t.Errorf("%v: %q has the name, not %q", list, got, tc.want)
			}
			for _, o := range out {
				if o.Text == "" || o.Why == "" || o.Name == "" {
					t.Errorf("%v: %+v", list, o)
				}
			}
		}
	}
}

// drawNames makes a namespace.
func drawNames(t *rapid.T) *Naming {
	delim := rapid.SampledFrom([]byte{0, '/', '.', '\\', '%', 'x', ';', '2'}).Draw(t, "delim")
	prefix := rapid.SampledFrom([]string{"", "INBOX", "mail", "Ünder", "INBOX.INBOX"}).Draw(t, "prefix")
	if prefix != "" && delim != 0 {
		prefix = strings.ReplaceAll(prefix, ".", string(rune(delim))) + string(rune(delim))
	}
	n := NewNaming(prefix, delim)
	for _, o := range []string{"user", "shared", "mail"} {
		if delim != 0 && rapid.Bool().Draw(t, "other "+o) {
			n.others = append(n.others, o+string(rune(delim)))
		}
	}
	return n
}

// drawText makes a name out of what is dangerous in one.
func drawText(t *rapid.T, n *Naming, label string) string {
	parts := []string{"INBOX", "inbox", "Work", "user", "shared", "mail", "é", "e\u0301", "\u212b", "/", ".", "%", "%2F", "%25", "2F", "&", "&-", " ", "\\", "x",
		"\u037e", "\u0338", "=", "日本", "😀", "\x01", "\xff", "&AGE-", "&AOk-", n.prefix, string(rune(n.delim)), string(rune(n.delim))}
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 6).Draw(t, label), "")
}

// TestNameProperties: a name that can be made is read back as the same name;
// what a list has is reached by the name that it got; no two mailboxes have one
// name, nor two names one mailbox; the order of the list does not matter.
func TestNameProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawNames(t)
		name := drawText(t, n, "name")
		if wireName, err := n.Spell(name); err == nil {
			back, ok := n.canonical(DecodeName(wireName))
			if !ok || back != name {
				t.Fatalf("%q is made as %q, which is %q", name, wireName, back)
			}
			if kept, _ := n.List(rows(wireName)); kept[name].Name != wireName {
				t.Fatalf("%q, made as %q, is listed as %v", name, wireName, kept)
			}
		}
		var list []wire.List
		for i := range rapid.IntRange(0, 8).Draw(t, "rows") {
			text := drawText(t, n, fmt.Sprint("row ", i))
			if rapid.Bool().Draw(t, "encoded") {
				text = wire.EncodeName(text)
			}
			if !slices.ContainsFunc(list, func(l wire.List) bool { return l.Name == text }) {
				list = append(list, wire.List{Name: text})
			}
		}
		kept, out := n.List(list)
		reached := map[string]string{}
		for name, row := range kept {
			wireName, err := n.ToWire(name)
			if err != nil || wireName != row.Name && name != Inbox {
				t.Fatalf("%q is %q and leads to %q, %v", row.Name, name, wireName, err)
			}
			if other, twice := reached[wireName]; twice {
				t.Fatalf("%q and %q are both %q", other, name, wireName)
			}
			reached[wireName] = name
			for l := range strings.SplitSeq(name, "/") {
				if l == "" || !norm.NFC.IsNormalString(l) {
					t.Fatalf("%q has the level %q", name, l)
				}
			}
		}
		inboxes := 0
		for _, l := range list {
			if name, _ := n.canonical(DecodeName(l.Name)); name == Inbox || l.Name == "" {
				inboxes++
			}
		}
		if got := len(kept) + len(out); got > len(list) || got < len(list)-inboxes {
			t.Fatalf("%d rows, of which %d are kept and %d left out", len(list), len(kept), len(out))
		}
		slices.Reverse(list)
		again := NewNaming(n.prefix, n.delim)
		again.others = n.others
		if turned, _ := again.List(list); fmt.Sprint(turned) != fmt.Sprint(kept) {
			t.Fatalf("%v, and in another order %v", kept, turned)
		}
	})
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"INBOX", "INBOX.a/b", "a%2Fb", "%25", "&AC8-", "x&-y", "INBOX.INBOX"} {
		f.Add(s, byte('.'), "INBOX.")
		f.Add(s, byte('/'), "")
	}
	f.Fuzz(func(t *testing.T, wireName string, delim byte, prefix string) {
		if delim >= 0x80 {
			return
		}
		n := NewNaming(prefix, delim)
		if made, err := n.Spell(wireName); err == nil {
			if back, ok := n.canonical(DecodeName(made)); !ok || back != wireName {
				t.Errorf("%q is made as %q, which is %q", wireName, made, back)
			}
		}
		canonical, ok := n.only(wireName)
		if !ok {
			return
		}
		back, err := n.ToWire(canonical)
		if err != nil || back != wireName && canonical != Inbox {
			t.Errorf("%q is %q is %q, %v", wireName, canonical, back, err)
		}
		for _, l := range strings.Split(canonical, "/") {
			if escapeLevel(unescapeLevel(l)) != l && l != Inbox {
				t.Errorf("level %q is %q is %q", l, unescapeLevel(l), escapeLevel(unescapeLevel(l)))
			}
		}
	})
}

// TestPlainNames: a name that counts as plain is written as it is.
func TestPlainNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z0-9_/%&. -]{1,12}`).Draw(t, "name")
		if n := NewNaming("", '/'); n.plain(name) {
			if wireName, err := n.write(name); err != nil || wireName != name {
				t.Fatalf("%q is written %q, %v", name, wireName, err)
			}
		}
	})
	for name, plain := range map[string]bool{"Work": true, "a/b-1": true, "inbox": false, "INBOX/x": false, "x/INBOX": true, "a//b": false, "a/": false, "": false, "a&b": false} {
		if NewNaming("", '/').plain(name) != plain || NewNaming("INBOX.", '.').plain(name) || NewNaming("", 0).plain(name) {
			t.Errorf("%q", name)
		}
	}
}
