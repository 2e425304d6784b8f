package maildir

import (
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"satchel/sync/mail"
)

func TestEncodeLevel(t *testing.T) {
	for _, tt := range []struct {
		layout      Layout
		level, want string
	}{
		{Nested, "Archive", "Archive"},
		{Nested, "", "%_"},
		{Nested, ".", "%2E"},
		{Nested, "..", "%2E."},
		{Nested, ".git", "%2Egit"},
		{Nested, "cur", "%63ur"},
		{Nested, "NEW", "%4EEW"},
		{Nested, "tmp", "%74mp"},
		{Nested, "dovecot-keywords", "%64ovecot-keywords"},
		{Nested, "current", "current"},
		{Nested, "a/b", "a%2Fb"},
		{Nested, "100%", "100%25"},
		{Nested, "a\x00b\x7f\n", "a%00b%7F%0A"},
		{Nested, "a\u0085b", "a%C2%85b"},
		{Nested, "\xff\xfeé", "%FF%FEé"},
		{Nested, "v1.2", "v1.2"},
		{MaildirPP, "v1.2", "v1%2E2"},
		{MaildirPP, "cur", "cur"},
		{MaildirPP, "..", "%2E%2E"},
		{Nested, strings.Repeat("x", 255), strings.Repeat("x", 255)},
		{Nested, strings.Repeat("x", 253) + "cur", strings.Repeat("x", 253) + "%+/%63ur"},
		{Nested, strings.Repeat("x", 256), strings.Repeat("x", 253) + "%+/xxx"},
		{Nested, strings.Repeat("x", 252) + "éabcd", strings.Repeat("x", 252) + "%+/éabcd"},
		{Nested, strings.Repeat("x", 252) + "\x01abcd", strings.Repeat("x", 252) + "%+/%01abcd"},
		{Nested, strings.Repeat("x", 251) + "\x01abcd", strings.Repeat("x", 251) + "%+/%01abcd"},
	} {
		got := EncodeLevel(tt.level, tt.layout)
		if got != tt.want {
			t.Errorf("EncodeLevel(%q, %v) = %q, want %q", tt.level, tt.layout, got, tt.want)
		}
		back, err := DecodeLevel(got, tt.layout)
		if err != nil || back != tt.level {
			t.Errorf("DecodeLevel(%q, %v) = %q, %v", got, tt.layout, back, err)
		}
	}
}

func TestDecodeLevelRefuses(t *testing.T) {
	for _, name := range []string{"", ".x", "cur", "100%", "a%2fb", "a%41", "%", "%4", "%_x", "a%+", "a%+/b", "a/b", "a\nb", "\xff", "%+"} {
		if level, err := DecodeLevel(name, Nested); err == nil {
			t.Errorf("DecodeLevel(%q) = %q, want an error", name, level)
		}
	}
}

func checkLevel(t interface{ Fatalf(string, ...any) }, level string, layout Layout) {
	enc := EncodeLevel(level, layout)
	for part := range strings.SplitSeq(enc, "/") {
		if layout == Nested && (len(part) > maxName || part == "" || part[0] == '.' || protect(part) != part) {
			t.Fatalf("EncodeLevel(%q, %v) has the part %q", level, layout, part)
		}
	}
	if strings.ContainsAny(enc, "\x00\n\x7f") || layout == MaildirPP && strings.ContainsAny(enc, "./") {
		t.Fatalf("EncodeLevel(%q, %v) = %q", level, layout, enc)
	}
	if back, err := DecodeLevel(enc, layout); err != nil || back != level {
		t.Fatalf("%q became %q and then %q, %v", level, enc, back, err)
	}
}

func TestLevelRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gen := rapid.OneOf(rapid.String(), rapid.Custom(func(t *rapid.T) string {
			return string(rapid.SliceOfN(rapid.Byte(), 0, 700).Draw(t, "bytes"))
		}), rapid.StringMatching(`[.%/é curnewtmp\x01]{240,520}`))
		checkLevel(t, gen.Draw(t, "level"), rapid.SampledFrom([]Layout{Nested, MaildirPP}).Draw(t, "layout"))
	})
}

func FuzzLevel(f *testing.F) {
	f.Add("Archive", false)
	f.Add("..", true)
	f.Add(strings.Repeat("%", 300), false)
	f.Fuzz(func(t *testing.T, s string, pp bool) {
		layout := Nested
		if pp {
			layout = MaildirPP
		}
		checkLevel(t, s, layout)
		if level, err := DecodeLevel(s, layout); err == nil && EncodeLevel(level, layout) != s {
			t.Fatalf("%q and %q are both the directory of %q", s, EncodeLevel(level, layout), level)
		}
	})
}

// No mailbox name, whatever it is, leads out of the root or to one of our own
// files, and no two lead to the same place.
func TestDirStaysInside(t *testing.T) {
	for _, layout := range []Layout{Nested, MaildirPP} {
		s := testStore(t, Options{Layout: layout})
		seen := map[string]string{}
		rapid.Check(t, func(t *rapid.T) {
			name := rapid.OneOf(rapid.String(), rapid.StringMatching(`(INBOX|inbox|[./%~ab]{0,3}|cur|satchel-undo|satchel\.json)(/([./%ab]{0,3}|new|\.\.)){0,3}`)).Draw(t, "name")
			dir, err := s.Dir(name)
			if err != nil {
				return
			}
			rel, err := filepath.Rel(s.Root(), dir)
			if err != nil || rel == ".." || strings.HasPrefix(rel, "../") || filepath.Clean(dir) != dir {
				t.Fatalf("Dir(%q) = %q", name, dir)
			}
			if reservedPP(rel) || rel == "cur" || layout == Nested && rel == "." {
				t.Fatalf("Dir(%q) = %q, which has another purpose", name, dir)
			}
			name = Canonical(name)
			if other, ok := seen[dir]; ok && other != name {
				t.Fatalf("%q and %q are both %s", name, other, dir)
			}
			seen[dir] = name
		})
	}
}

func TestDir(t *testing.T) {
	nested, pp := testStore(t, Options{}), testStore(t, Options{Layout: MaildirPP})
	for _, tt := range []struct{ name, nested, pp string }{
		{"INBOX", "INBOX", "."},
		{"inbox", "INBOX", "."},
		{"Inbox/x", "INBOX/x", ".INBOX.x"},
		{"Archive/2026", "Archive/2026", ".Archive.2026"},
		{"a.b/c", "a.b/c", ".a%2Eb.c"},
		{"/", "%_/%_", ".%_.%_"},
		{"satchel-undo", "satchel-undo", ".%73atchel-undo"},
		{"notmuch", "notmuch", ".%6Eotmuch"},
	} {
		for s, want := range map[*Store]string{nested: tt.nested, pp: tt.pp} {
			got, err := s.Dir(tt.name)
			if err != nil || got != filepath.Join(s.Root(), want) {
				t.Errorf("%v: Dir(%q) = %q, %v; want %q", s.Layout(), tt.name, got, err, want)
			}
		}
	}
	_, err := nested.Dir("")
	wantKind(t, err, mail.KindMailbox)
	_, err = pp.Dir(strings.Repeat("a", 200) + "/" + strings.Repeat("b", 60))
	wantKind(t, err, mail.KindMailbox)
}

// TestLongNamesAreRefused: a name that no path can hold costs no more than a look
// at its length.
func TestLongNamesAreRefused(t *testing.T) {
	for _, layout := range []Layout{Nested, MaildirPP} {
		s := testStore(t, Options{Layout: layout})
		for _, name := range []string{strings.Repeat("x", 2<<20), strings.Repeat("a/", 1<<20) + "b", strings.Repeat("%", maxRel)} {
			if _, err := s.Dir(name); mail.KindOf(err) != mail.KindMailbox {
				t.Errorf("%v: %d bytes: %v", layout, len(name), err)
			}
		}
	}
}
