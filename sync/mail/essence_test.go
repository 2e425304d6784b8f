package mail_test

import (
	"bytes"
	"strings"
	"testing"

	"satchel/sync/mail"
)

// essence writes a message in pieces of n bytes.
func essence(t testing.TB, msg string, n int) (string, int64) {
	t.Helper()
	var b bytes.Buffer
	e := mail.NewEssence(&b)
	for p := []byte(msg); len(p) > 0; p = p[min(n, len(p)):] {
		if _, err := e.Write(p[:min(n, len(p))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), e.Housekeeping()
}

func TestEssence(t *testing.T) {
	for name, c := range map[string]struct {
		in, want string
		dropped  int64
	}{
		"nothing to drop":   {"A: 1\r\n\r\nb\r\n", "A: 1\r\n\r\nb\r\n", 0},
		"LF":                {"A: 1\nX-TUID: x\n\nb\n", "A: 1\r\n\r\nb\r\n", 10},
		"CRLF":              {"X-TUID: x\r\nA: 1\r\n\r\nb\r\n", "A: 1\r\n\r\nb\r\n", 11},
		"folded":            {"A: 1\n 2\nStatus:\n R\n\tO\nB: 2\n\nb\n", "A: 1\r\n 2\r\nB: 2\r\n\r\nb\r\n", 14},
		"case and space":    {"sTATUS \t: x\nA: 1\n\n", "A: 1\r\n\r\n", 12},
		"prefix of a name":  {"Statu: x\nStatus2: y\n\n", "Statu: x\r\nStatus2: y\r\n\r\n", 0},
		"folded first line": {" Lines: 3\nA: 1\n\n", " Lines: 3\r\nA: 1\r\n\r\n", 0},
		"body kept":         {"A: 1\n\nStatus: x\nX-TUID: y\n", "A: 1\r\n\r\nStatus: x\r\nX-TUID: y\r\n", 0},
		"no header":         {"\nStatus: x\n", "\r\nStatus: x\r\n", 0},
		"8-bit":             {"\xe4: 1\nLines: \xff\xfe\nSubject: \xc3\xa4\n\n\x00\x80\n", "\xe4: 1\r\nSubject: \xc3\xa4\r\n\r\n\x00\x80\r\n", 10},
		"CR CR LF":          {"A: 1\r\r\nLines: 2\r\r\n\r\r\nb\r\r\n", "A: 1\r\n\r\nb\r\n", 11},
		"CR within":         {"A: 1\r2\n\nb\rc\n", "A: 1\r2\r\n\r\nb\rc\r\n", 0},
		"CR at the end":     {"A: 1\n\nb\r\r", "A: 1\r\n\r\nb", 0},
		"CR behind all":     {"A: 1\nLines: 2\n\nb\r", "A: 1\r\n\r\nb", 9},
		"no final line end": {"A: 1\nLines: 2", "A: 1\r\n", 8},
		"no colon":          {"Lines\n\nb", "Lines\r\n\r\nb", 0},
		"long name":         {strings.Repeat("x", 100) + ": 1\n\n", strings.Repeat("x", 100) + ": 1\r\n\r\n", 0},
		"empty":             {"", "", 0},
	} {
		for n := 1; n <= len(c.in)+1; n++ {
			if got, dropped := essence(t, c.in, n); got != c.want || dropped != c.dropped {
				t.Fatalf("%s in pieces of %d: %q and %d, want %q and %d", name, n, got, dropped, c.want, c.dropped)
			}
		}
	}
}

// TestHousekeepingIn: all fields of the list count, also without the rest of
// their header.
func TestHousekeepingIn(t *testing.T) {
	var b strings.Builder
	want := 0
	for _, name := range mail.HousekeepingFields() {
		line := strings.ToUpper(name) + ": x\r\n"
		b.WriteString(line + "Message-ID: <1@x>\r\n")
		want += len(line)
	}
	if got := mail.HousekeepingIn([]byte(b.String() + "\r\n")); got != int64(want) {
		t.Errorf("%d bytes, want %d", got, want)
	}
}

func likeness(msg string) mail.Likeness {
	r := mail.NewReading()
	_, _ = r.Write([]byte(msg))
	return r.Done()
}

func TestLikeness(t *testing.T) {
	const msg = "Message-ID: <1@x>\r\nFrom: a@x\r\nDate: Mon\r\nSubject: one\r\n two\r\n\r\nbody\r\nmore\r\n"
	a := likeness(msg)
	alter := func(from, to string) mail.Likeness { return likeness(strings.ReplaceAll(msg, from, to)) }
	for name, c := range map[string]struct {
		b                         mail.Likeness
		essence, text, body, card bool
	}{
		"itself":              {likeness(msg), true, true, true, true},
		"LF":                  {alter("\r\n", "\n"), true, true, true, true},
		"a housekeeping line": {alter("From:", "Lines: 3\r\nFrom:"), true, true, true, true},
		"CR dropped":          {alter("more\r\n", "more"), false, true, true, true},
		"a line added":        {likeness(msg + "\r\n"), false, true, true, true},
		"a field added":       {alter("From:", "X-Gateway: 1\r\nFrom:"), false, false, true, true},
		"folded otherwise":    {alter("one\r\n two", "one two"), false, true, true, true},
		"another subject":     {alter("one", "One"), false, false, true, false},
		"another body":        {alter("more", "less"), false, false, false, true},
		"another message":     {alter("<1@x>", "<2@x>"), false, false, true, false},
	} {
		if c.b.Essence == a.Essence != c.essence || c.b.Text == a.Text != c.text || c.b.Body == a.Body != c.body || a.SameCard(&c.b) != c.card {
			t.Errorf("%s: essence %v, text %v, body %v, card %v", name, c.b.Essence == a.Essence, c.b.Text == a.Text, c.b.Body == a.Body, a.SameCard(&c.b))
		}
	}
	if b := alter("Message-ID: <1@x>\r\n", ""); b.SameCard(&b) {
		t.Error("a message without a Message-ID has a card")
	}
	if long := alter("one", strings.Repeat("x", 300<<10)); !long.Cut || long.SameCard(&long) {
		t.Error("a header that was not read to its end has a card")
	}
}

// FuzzEssence: the pieces do not matter, the essence is its own essence, line
// ends and housekeeping lines do not matter, and the body is never touched.
func FuzzEssence(f *testing.F) {
	for _, s := range []string{"A: 1\nX-TUID: x\n y\n\nStatus: b\n", "Lines: 1\r\r\nB: \r\n\r\nx\r", "\n", "no header", "Status:x\n\n\n"} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, msg string, n int) {
		n = 1 + max(n, -n)%9
		want, dropped := essence(t, msg, len(msg)+1)
		if got, d := essence(t, msg, n); got != want || d != dropped {
			t.Fatalf("in pieces of %d: %q, not %q", n, got, want)
		}
		if got, d := essence(t, want, n); got != want || d != 0 {
			t.Fatalf("the essence of %q is %q", want, got)
		}
		if got, _ := essence(t, "X-Status: 1\r\n folded\r\n"+msg, n); got != want && !strings.HasPrefix(msg, " ") && !strings.HasPrefix(msg, "\t") {
			t.Fatalf("with a housekeeping line: %q, not %q", got, want)
		}
		tidy := func(s string) string {
			for strings.Contains(s, "\r\n") {
				s = strings.ReplaceAll(s, "\r\n", "\n")
			}
			return strings.ReplaceAll(strings.TrimRight(s, "\r"), "\n", "\r\n")
		}
		if got, _ := essence(t, "A: 1\n\n"+msg, n); got != "A: 1\r\n\r\n"+tidy(msg) {
			t.Fatalf("a body of %q became %q", msg, got)
		}
		if int64(len(want))+dropped > int64(len(tidy(msg)))+int64(strings.Count(msg, "\r")) {
			t.Fatalf("%q grew to %q", msg, want)
		}
	})
}
