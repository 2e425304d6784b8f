package remote

import (
	"strings"
	"testing"
)

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
		n := newNames(tc.prefix, tc.delim)
		n.others = others
		got, ok := n.add(tc.wire)
		if !ok || got != tc.want {
			t.Errorf("%q is %q, %v; want %q", tc.wire, got, ok, tc.want)
		}
		// And back, also without having seen it.
		n = newNames(tc.prefix, tc.delim)
		n.others = others
		back, err := n.toWire(got)
		if err != nil || !strings.EqualFold(back, tc.wire) {
			t.Errorf("%q goes back to %q, %v; want %q", got, back, err, tc.wire)
		}
	}
	n := newNames("", '/')
	for _, bad := range []string{"", "/", "a//b", "/a"} {
		if got, ok := n.add(bad); ok {
			t.Errorf("%q accepted as %q", bad, got)
		}
	}
	n.add("A &- B")
	if got, ok := n.add("A & B"); ok {
		t.Errorf("two mailboxes called %q", got)
	}
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
		n := newNames(prefix, delim)
		canonical, ok := n.add(wireName)
		if !ok {
			return
		}
		back, err := n.toWire(canonical)
		if err != nil || back != wireName && canonical != "INBOX" {
			t.Errorf("%q is %q is %q, %v", wireName, canonical, back, err)
		}
		for _, l := range strings.Split(canonical, "/") {
			if escapeLevel(unescapeLevel(l)) != l && l != "INBOX" {
				t.Errorf("level %q is %q is %q", l, unescapeLevel(l), escapeLevel(unescapeLevel(l)))
			}
		}
	})
}
