package mail_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"satchel/sync/mail"
)

const password = `Tr0ub4dor&3 "zwölf"`

func TestSecretsHide(t *testing.T) {
	var s mail.Secrets
	s.Add(password)
	blob := base64.StdEncoding.EncodeToString([]byte("\x00ann\x00" + password))
	s.Add(blob)
	escapeAll := ""
	for i := range len(password) {
		escapeAll += "%" + hex.EncodeToString([]byte{password[i]})
	}
	for name, echo := range map[string]string{
		"plain":            password,
		"upper case":       strings.ToUpper(`Tr0ub4dor&3`),
		"all upper case":   strings.ToUpper(password),
		"a part":           password[2:12],
		"quoted":           strings.NewReplacer(`"`, `\"`).Replace(password),
		"of a form":        url.QueryEscape(password),
		"of a path":        url.PathEscape(password),
		"all escaped":      escapeAll,
		"hexadecimal":      hex.EncodeToString([]byte(password)),
		"PLAIN":            blob,
		"part of PLAIN":    blob[9:23],
		"the user's part":  blob[:8],
		"base64":           base64.StdEncoding.EncodeToString([]byte(password)),
		"base64 of a URL":  base64.RawURLEncoding.EncodeToString([]byte("x" + password)),
		"base64 within":    base64.StdEncoding.EncodeToString([]byte("u=" + password + "\x01")),
		"JSON":             `Tr0ub4dor\u00263 \u0022zw`,
		"quoted-printable": `Tr0ub4=64or=263 `,
	} {
		got := s.Hide("no: <" + echo + "> is wrong")
		left := strings.TrimSuffix(strings.TrimPrefix(got, "no: <"), "> is wrong")
		if !strings.Contains(left, "...") || shares(left, echo, 8) {
			t.Errorf("%s: %s (of %s)", name, got, echo)
		}
		if again := s.Hide(got); again != got {
			t.Errorf("%s: %s, and then %s", name, got, again)
		}
	}
	for _, harmless := range []string{"invalid credentials", "user ann@example.org is unknown", "%", "100 % = \\", "\\u00", "%4", ""} {
		if got := s.Hide(harmless); got != harmless {
			t.Errorf("%q became %q", harmless, got)
		}
	}
}

// shares reports whether a part of n characters of b is in a.
func shares(a, b string, n int) bool {
	for i := 0; i+n <= len(b); i++ {
		if strings.Contains(a, b[i:i+n]) {
			return true
		}
	}
	return false
}

// TestShortSecrets: a secret of a few letters leaves other words alone.
func TestShortSecrets(t *testing.T) {
	var s mail.Secrets
	for _, secret := range []string{"", "abc", "x1"} {
		s.Add(secret)
	}
	if got := s.Hide("abc abcd (x1) ax1 ABC"); got != "... abcd (...) ax1 ..." {
		t.Error(got)
	}
	s.Add("hunter")
	if got := s.Hide("thehunters aHVudGVy"); got != "the...s ..." {
		t.Error(got)
	}
	var none *mail.Secrets
	if got := none.Hide("abc"); got != "abc" {
		t.Error(got)
	}
}

// FuzzSecrets: no echo of a secret of the usual length comes through, and no
// text makes it fail.
func FuzzSecrets(f *testing.F) {
	f.Add("before ", "hunter22", " after")
	f.Add("%", "%41%42%43%44", "%4")
	f.Add("\\u00", "\\u00zz\\", "\xff")
	f.Fuzz(func(t *testing.T, before, secret, after string) {
		if len(secret) < 8 || len(before)+len(secret)+len(after) > 4096 {
			return
		}
		var s mail.Secrets
		s.Add(secret)
		for _, echo := range []string{secret, base64.StdEncoding.EncodeToString([]byte(before + secret + after)), hex.EncodeToString([]byte(secret)), url.QueryEscape(secret)} {
			got := s.Hide(before + echo + after)
			if strings.Contains(got, secret) && !strings.Contains("...", secret) {
				t.Fatalf("%q shows %q", got, secret)
			}
			if again := s.Hide(got); strings.Contains(again, secret) {
				t.Fatalf("%q shows %q", again, secret)
			}
		}
	})
}
