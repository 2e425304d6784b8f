package mail_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"satchel/sync/mail"
)

func TestPrintable(t *testing.T) {
	for _, r := range []rune{0, 7, 0x1b, 0x7f, 0x80, 0x9b, 0x9d, 0xad, 0x34f, 0x61c, 0x115f, 0x180e, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f,
		0x2028, 0x2029, 0x202a, 0x202e, 0x2060, 0x2064, 0x2066, 0x2069, 0x3164, 0xfeff, 0xfff9, 0xe0041} {
		if got := mail.Printable("a" + string(r) + "b"); got != "a\ufffdb" {
			t.Errorf("%U: %q", r, got)
		}
	}
	for in, want := range map[string]string{
		"a\nb\tc\rd":             "a b c d",
		"tea \U0001f375, 茶, čaj": "tea \U0001f375, 茶, čaj",
		"a\xffb":                 "a\ufffdb",
		"\u0600 \u06dd":          "\u0600 \u06dd", // formats that are drawn
		"\u05d0\u05d1":           "\u05d0\u05d1",
	} {
		if got := mail.Printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestShortened(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"abcdef", 6, "abcdef"}, {"abcdefg", 6, "abc..."}, {"äöüßäöü", 6, "äöü..."}, {strings.Repeat("x", 100) + "\xff", 6, "xxx..."}, {"", 6, ""},
		{strings.Repeat("\x1b", 100), 6, "\ufffd\ufffd\ufffd..."},
	} {
		if got := mail.Shortened(tt.in, tt.n); got != tt.want {
			t.Errorf("%q to %d: %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}

// FuzzPrintable: whatever goes in, what comes out is safe, stays as it is, and
// has a bound.
func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"", "a\x1b[2J", "\u202eevil", "\xff\xfe", "a\u200bb", "\u0085\u009b", strings.Repeat("é", 600)} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		got := mail.Printable(s)
		if err := safe(got); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		if again := mail.Printable(got); again != got {
			t.Errorf("%q became %q and then %q", s, got, again)
		}
		n = 3 + max(n, -n)%1000
		short := mail.Shortened(s, max(n, 3))
		if err := safe(short); err != nil || utf8.RuneCountInString(short) > max(n, 3) {
			t.Errorf("%q to %d: %q, %v", s, n, short, err)
		}
		if again := mail.Shortened(short, max(n, 3)); again != short {
			t.Errorf("%q became %q and then %q", s, short, again)
		}
	})
}

func safe(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%q is no UTF-8", s)
	}
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x61c || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e ||
			r >= 0x2060 && r <= 0x2069 || r == 0xfeff {
			return fmt.Errorf("%q has %U", s, r)
		}
	}
	return nil
}
