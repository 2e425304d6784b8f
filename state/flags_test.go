package state

import (
	"strings"
	"testing"

	"satchel/sync/mail"
)

func TestFlagsEncoding(t *testing.T) {
	for _, test := range []struct{ names, want string }{
		{``, ``},
		{`\Seen \Flagged`, `FS`},
		{`work`, ` work`},
		{`todo \Deleted Work $Forwarded`, `PT todo Work`},
	} {
		if got := encodeFlags(mail.NewFlags(strings.Fields(test.names)...)); got != test.want {
			t.Errorf("%q: %q, want %q", test.names, got, test.want)
		}
	}
}

func FuzzFlagsEncoding(f *testing.F) {
	for _, s := range []string{``, `\Seen work`, "S", "a\u00a0b \u0085x", "\xff \xa0", "work WORK", " ", "FS work todo"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		flags := mail.NewFlags(strings.Split(s, " ")...)
		text := encodeFlags(flags)
		if back := decodeFlags(text); back != flags {
			t.Fatalf("%q is written %q and read as %q", flags, text, back)
		}
		if again := encodeFlags(decodeFlags(text)); again != text {
			t.Fatalf("%q becomes %q", text, again)
		}
		decodeFlags(s) // whatever is in the file
	})
}
