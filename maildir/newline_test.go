package maildir

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// convertible says by the rule's own words what lineEnds finds out in passing.
func convertible(m string) bool {
	if m == "" || !strings.HasSuffix(m, "\r\n") {
		return false
	}
	lf := strings.ReplaceAll(m, "\r\n", "\n")
	return !strings.Contains(lf, "\r\n") && strings.ReplaceAll(lf, "\n", "\r\n") == m
}

func checkLines(t interface{ Fatalf(string, ...any) }, m string, cut int) {
	var ends lineEnds
	for p := []byte(m); len(p) > 0; {
		n := min(cut, len(p))
		ends.write(p[:n])
		p = p[n:]
	}
	if ends.convertible() != convertible(m) {
		t.Fatalf("%q in pieces of %d: convertible %v, want %v", m, cut, ends.convertible(), convertible(m))
	}
	if !ends.convertible() {
		return
	}
	disk := toLF([]byte(m))
	back, err := io.ReadAll(newCRLFReader(iotest.OneByteReader(bytes.NewReader(disk))))
	if err != nil || string(back) != m {
		t.Fatalf("%q became %q and came back as %q, %v", m, disk, back, err)
	}
	// Without memory of where it came from, the file tells the same.
	if !bytes.Contains(disk, []byte("\n")) || bytes.Contains(disk, []byte("\r\n")) {
		t.Fatalf("%q became %q, which does not look like LF lines", m, disk)
	}
}

func TestConvertible(t *testing.T) {
	for m, want := range map[string]bool{
		"": false, "\r\n": true, "a\r\n": true, "a\r\nb": false, "a\n": false, "a": false,
		"a\r\r\n": false, "a\rb\r\n": true, "\r": false, "\r\r\n": false, "a\r\n\n": false, "\r\n\r\n": true, "\r\n\r": false,
	} {
		if got := convertible(m); got != want {
			t.Errorf("%q: %v", m, got)
		}
		for cut := 1; cut <= len(m); cut++ {
			checkLines(t, m, cut)
		}
	}
}

func TestLinesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"\r\n", "\r\n", "\r\n", "a", "bc", "\r", "\n", "\x00"})).Draw(t, "parts")
		m := strings.Join(parts, "")
		if rapid.Bool().Draw(t, "end") {
			m += "\r\n"
		}
		checkLines(t, m, rapid.IntRange(1, 9).Draw(t, "cut"))
	})
}

func FuzzLines(f *testing.F) {
	f.Add("a\r\nb\r\n", 1)
	f.Add("a\r\r\n", 2)
	f.Fuzz(func(t *testing.T, m string, cut int) {
		if cut > 0 {
			checkLines(t, m, cut)
			checkLines(t, strings.ReplaceAll(m, "\n", "\r\n")+"\r\n", cut)
		}
	})
}
