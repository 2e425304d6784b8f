package wire

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"satchel/sync/mail"
)

func set(s string) []mail.UIDRange {
	r, ok := ParseSet([]byte(s))
	if !ok {
		panic("bad set in test: " + s)
	}
	return r
}

func TestSets(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1", "3:1": "1:3", "1:3,4": "1:4", "5,1:2,9:*": "1:2,5,9:4294967295", "1:4294967295,7": "1:4294967295",
		"4294967295,4294967294": "4294967294:4294967295", "2,2,2": "2",
	} {
		if got := fmt.Sprint(FormatSets(mail.MergeUIDs(set(in)), 1000)); got != "["+want+"]" {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
	for _, bad := range []string{"", "0", "a", "1,", "1:", "4294967296", "-1", "1 2"} {
		if _, ok := ParseSet([]byte(bad)); ok {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestFormatSetsLimit(t *testing.T) {
	var uids []mail.UID
	for i := range 5000 {
		uids = append(uids, mail.UID(1000000+3*i))
	}
	var back mail.UIDSet
	for _, s := range FormatSets(mail.UIDSetOf(uids), 8000) {
		if len(s) > 8000 {
			t.Errorf("%d bytes", len(s))
		}
		back = append(back, set(s)...)
	}
	if !slices.Equal(back, mail.UIDSetOf(uids)) {
		t.Error("sets do not add up")
	}
}

func TestSearch(t *testing.T) {
	for in, want := range map[string]string{"1 2 3 7": "[1:3,7]", "": "[]", "5 3 (MODSEQ 9)": "[3,5]", " 4  ": "[4]"} {
		got, ok := ParseSearch([]byte(in))
		if s := fmt.Sprint(FormatSets(got, 99)); !ok || s != want {
			t.Errorf("%q is %s, %v", in, s, ok)
		}
	}
	for in, want := range map[string]string{
		`(TAG "X1") UID ALL 1:3,9`: "[1:3,9]", `(TAG "X1") UID`: "[]", `UID MIN 4 ALL 4:5 COUNT 2`: "[4:5]", ``: "[]",
	} {
		got, ok := ParseESearch([]byte(in))
		if s := fmt.Sprint(FormatSets(got, 99)); !ok || s != want {
			t.Errorf("%q is %s, %v", in, s, ok)
		}
	}
	for _, bad := range []string{`(TAG "X1`, `UID ALL x`} {
		if _, ok := ParseESearch([]byte(bad)); ok {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]Text{
		"[HIGHESTMODSEQ 5] x":             {"HIGHESTMODSEQ", []byte("5"), "x"},
		"[highestmodseq 5]":               {"HIGHESTMODSEQ", []byte("5"), ""},
		`[FOO a "]" b] text`:              {"FOO", []byte(`a "]" b`), "text"},
		`[PERMANENTFLAGS (\* foo]bar)] x`: {"PERMANENTFLAGS", []byte(`(\* foo]bar)`), "x"},
		"[ALERT] please [read] this":      {"ALERT", nil, "please [read] this"},
		"plain {5}":                       {"", nil, "plain {5}"},
		"[broken":                         {"", nil, "[broken"},
		"":                                {"", nil, ""},
		"[COPYUID 1  ] x":                 {"COPYUID", []byte("1"), "x"},
	} {
		got := ParseText([]byte(in))
		if got.Code != want.Code || !bytes.Equal(got.Args, want.Args) || got.Text != want.Text {
			t.Errorf("%q is %q %q %q", in, got.Code, got.Args, got.Text)
		}
	}
}

func TestCopyUID(t *testing.T) {
	for in, want := range map[string]bool{"7 1:3 9:11": true, "7 1,2,3 9:11": true, "7 1:3 9:10": false, "0 1 2": false, "7 1": false, "7 1:3 9:*": false} {
		if _, _, _, ok := ParseCopyUID([]byte(in)); ok != want {
			t.Errorf("%q: %v", in, ok)
		}
	}
	for in, want := range map[string]bool{"7 9": true, "7 0": false, "7 1:2": false, "7": false, "0 1": false, "7 1:4294967295": false} {
		if _, _, ok := ParseAppendUID([]byte(in), 1); ok != want {
			t.Errorf("%q: %v", in, ok)
		}
	}
	for in, want := range map[string]bool{"7 9:12": true, "7 9,10,20:21": true, "7 9:11": false, "7 20:21,9,10": false, "7 9,9,10,11": false, "7 1:*": false} {
		if _, uids, ok := ParseAppendUID([]byte(in), 4); ok != want || ok && len(uids) != 4 {
			t.Errorf("%q: %v %v", in, uids, ok)
		}
	}
}

func TestDates(t *testing.T) {
	for in, want := range map[string]mail.Date{
		"17-Jul-1996 02:44:25 -0700": 837596665, " 1-Jan-2020 00:00:00 +0000": 1577836800, "1-Jan-2020 00:00:00 +0000": 1577836800,
	} {
		if got, ok := ParseDate(in); !ok || got != want {
			t.Errorf("%q is %d", in, got)
		}
	}
	for _, bad := range []string{"", "Thu, 1 Jan 1970 00:00:00", "01-Jan-0001 00:00:00 +0000"} {
		if _, ok := ParseDate(bad); ok {
			t.Errorf("%q accepted", bad)
		}
	}
	if s, _ := FormatDate(1577836800); s != `" 1-Jan-2020 00:00:00 +0000"` {
		t.Error(s)
	}
}

func TestNamespace(t *testing.T) {
	p, o, ok := ParseNamespace([]byte(`(("INBOX." ".")) (("Other Users/" "/")("#x" NIL)) NIL`))
	if !ok || len(p) != 1 || p[0] != (Namespace{"INBOX.", '.'}) || len(o) != 2 || o[1] != (Namespace{"#x", 0}) {
		t.Error(p, o, ok)
	}
	if p, _, ok := ParseNamespace([]byte(`NIL NIL NIL`)); !ok || len(p) != 0 {
		t.Error(p, ok)
	}
}

// TestObjectID: what cannot be an identifier (RFC 8474 §7) is none.
func TestObjectID(t *testing.T) {
	for in, want := range map[string]string{
		"(wb2ipbf7m5l87a0hixdnvf5g)": "wb2ipbf7m5l87a0hixdnvf5g", " ( M-1_z ) ": "M-1_z", "()": "", "NIL": "", "(a b)": "", "(\xf6y\xe2TpU)": "",
		"(" + strings.Repeat("x", 255) + ")": strings.Repeat("x", 255), "(" + strings.Repeat("x", 256) + ")": "",
	} {
		if got := ParseID([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestFetchNested(t *testing.T) {
	f, ok := ParseFetch([]byte("(UID 5 ENVELOPE (\"a)\" {3}\r\nx)y NIL) BODY[HEADER.FIELDS (MESSAGE-ID)] {2}\r\n\r\n FLAGS (\\Seen) BODY[]<3> \"p\")"))
	if !ok || f.UID != 5 || string(f.Flags) != `\Seen` || len(f.Sections) != 2 || string(f.Sections[1].Name) != "BODY[]<3>" {
		t.Errorf("%+v %v", f, ok)
	}
	for _, bad := range []string{"", "(", "(UID", "(UID x)", "(UID 5", "(FLAGS (a)", "(BODY[] {5}\r\nab)", `(X "`} {
		if f, ok := ParseFetch([]byte(bad)); ok && !f.HasPending {
			t.Errorf("%q accepted: %+v", bad, f)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"* 5 FETCH (UID 7 FLAGS (a{b \\Seen) MODSEQ (5) BODY[] {3}\r\nabc RFC822.SIZE 3)", "* LIST (\\X) \"/\" {3}\r\nabc (X (Y))",
		"* STATUS a (MESSAGES 1 MAILBOXID (x) FOO \"x\")", "* VANISHED (EARLIER) 1:5,7", "* ESEARCH (TAG \"x\") UID ALL 1:4",
		"* NAMESPACE ((\"\" \"/\")) NIL NIL", "* SEARCH 1 2 (MODSEQ 3)", "* OK [COPYUID 1 2:3 4:5] x", "* OK [APPENDUID 1 2] x",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := ParseResponse(bytes.TrimPrefix(b, []byte("* ")))
		if !ok {
			return
		}
		if fe, ok := ParseFetch(r.Rest); ok && fe.HasPending && fe.PendingLiteral.Size < 0 {
			t.Error("negative literal")
		}
		ParseList(r.Rest)
		ParseStatus(r.Rest)
		ParseNamespace(r.Rest)
		ParseFlagList(r.Rest)
		ParseID(r.Rest)
		if s, ok := ParseSearch(r.Rest); ok {
			checkSet(t, s)
		}
		if s, ok := ParseESearch(r.Rest); ok {
			checkSet(t, s)
		}
		if s, _, ok := ParseVanished(r.Rest); ok {
			checkSet(t, mail.MergeUIDs(s))
		}
		text := ParseText(r.Rest)
		ParseCopyUID(text.Args)
		ParseAppendUID(text.Args, 3)
		ParseNumber(text.Args)
	})
}

// checkSet: a merged set is sorted, its ranges neither touch nor overlap, and
// it survives being written and read.
func checkSet(t *testing.T, s mail.UIDSet) {
	t.Helper()
	for i, r := range s {
		if r.Start == 0 || r.Start > r.Stop || i > 0 && uint64(r.Start) <= uint64(s[i-1].Stop)+1 {
			t.Fatalf("not merged: %v", s)
		}
	}
	var back mail.UIDSet
	for _, p := range FormatSets(s, 20) {
		back = append(back, set(p)...)
	}
	if !slices.Equal(s, back) {
		t.Fatalf("%v became %v", s, back)
	}
}

func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"x {5}", "~{3}", "{3+}", "{-1}", "{99999999999999999999}", "{}", "{a}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		lit, start, ok := TrailingLiteral(b)
		if ok && (lit.Size < 0 || start < 0 || start > len(b) || BrokenLiteral(b)) {
			t.Errorf("%q: %+v at %d", b, lit, start)
		}
	})
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"Entwürfe", "a&b", "日本語", "\x00", "~peter/mail/台北/日本語", "&AC8-", "A & B"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// What decodes has only one encoding, so that names cannot be confused.
		if text, ok := DecodeName(s); ok {
			if back, again := DecodeName(EncodeName(text)); !again || back != text {
				t.Errorf("%q is %q is %q", s, text, back)
			}
		}
		if q, ok := Quote(s); ok {
			sc := scanner{b: []byte(q)}
			if v, _, ok := sc.quoted(); !ok || string(v) != s || !sc.done() {
				t.Errorf("%q is quoted %s, which is %q", s, q, v)
			}
		}
	})
}
