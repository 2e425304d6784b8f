package maildir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"satchel/sync/mail"
)

// tidied says by the rule's own words what tidyReader does.
func tidied(m string) string {
	m = regexp.MustCompile(`\r*\n`).ReplaceAllString(m, "\n")
	return strings.ReplaceAll(strings.TrimRight(m, "\r"), "\n", "\r\n")
}

func TestTidy(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	f := File{Folder: "INBOX", New: false, Name: "m:2,"}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"\r\n", "\r\n", "a", "bc", "\r", "\n", "\n"}), 0, 12).Draw(t, "parts")
		m := strings.Join(parts, "")
		got, err := io.ReadAll(newTidyReader(iotest.OneByteReader(strings.NewReader(m))))
		if err != nil || string(got) != tidied(m) {
			t.Fatalf("%q became %q, %v; want %q", m, got, err, tidied(m))
		}
		p, _ := s.path(f)
		if err := os.WriteFile(p, []byte(m), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := s.Inspect(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		want := mail.Digest(sha256.Sum256([]byte(tidied(m))))
		switch {
		case want == c.Digest:
			if c.TidySize != 0 || !c.TidyDigest.IsZero() {
				t.Fatalf("%q has a third form", m)
			}
			return
		case c.TidyDigest != want || c.TidySize != int64(len(tidied(m))):
			t.Fatalf("%q: tidy digest %v of %d bytes", m, c.TidyDigest, c.TidySize)
		}
		if len(c.Digests()) < 2 || c.Is(mail.Digest{1}) || !c.Is(want) || c.Form != mail.FormTidy || c.Size != c.TidySize || c.Digest != want {
			t.Fatalf("%q: taken for tidy it is %+v", m, c)
		}
		part, err := s.ReadServerRange(f, mail.FormTidy, 1, 3)
		if whole := []byte(tidied(m)); err != nil || !bytes.Equal(part, whole[min(1, len(whole)):min(4, len(whole))]) {
			t.Fatalf("%q: a part is %q, %v", m, part, err)
		}
	})
}
