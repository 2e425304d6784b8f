package maildir

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"satchel/sync/mail"
)

// TestInspectPart: the beginning of a file is what the file was when it had no
// more, whatever comes behind it.
func TestInspectPart(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	f := File{Folder: "INBOX", New: false, Name: "m:2,"}
	p, _ := s.path(f)
	rapid.Check(t, func(rt *rapid.T) {
		parts := rapid.SampledFrom([]string{"\r\n", "\n", "\n", "\r", "a", "Message-ID: <1@x>", "\n\n", ""})
		first := strings.Join(rapid.SliceOfN(parts, 0, 12).Draw(rt, "first"), "")
		rest := strings.Join(rapid.SliceOfN(parts, 0, 4).Draw(rt, "rest"), "")
		inspect := func(text string, n int64) Content {
			if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
				rt.Fatal(err)
			}
			c, err := s.InspectPart(t.Context(), f, n)
			if n < 0 {
				c, err = s.Inspect(t.Context(), f)
			}
			if err != nil {
				rt.Fatal(err)
			}
			c.ModTime, c.Inode = 0, 0
			return c
		}
		want, got := inspect(first, -1), inspect(first+rest, int64(len(first)))
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatalf("%q before %q: %s", first, rest, d)
		}
	})
	if _, err := s.InspectPart(t.Context(), f, 1<<20); mail.KindOf(err) != mail.KindMessage {
		t.Errorf("more than there is: %v", err)
	}
}
