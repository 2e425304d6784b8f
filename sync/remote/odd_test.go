package remote

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"satchel/sync/mail"
	"satchel/sync/remote/resync"
)

// oddLines reads testdata/odd-lines.txt: what servers have been seen to send.
// "line" is untagged during NOOP, "body" answers a FETCH of message 5, "list"
// answers LIST.
func oddLines(t *testing.T, kind string) map[string]string {
	t.Helper()
	f, err := os.Open("testdata/odd-lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := map[string]string{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		parts := strings.SplitN(sc.Text(), "\t", 3)
		if len(parts) != 3 || parts[0] != kind {
			continue
		}
		text, err := strconv.Unquote(parts[2])
		if err != nil {
			t.Fatalf("%s: %v", parts[1], err)
		}
		lines[parts[1]] = text
	}
	if len(lines) == 0 {
		t.Fatal("no lines")
	}
	return lines
}

const oddCaps = "IMAP4rev1 UIDPLUS MOVE"

// Whatever is said on the side, the connection lives and the command counts.
func TestOddLines(t *testing.T) {
	for name, line := range oddLines(t, "line") {
		t.Run(name, func(t *testing.T) {
			dial := script(t, func(s *scripted) {
				s.login(oddCaps)
				tag := s.command("NOOP")
				s.raw(line)
				s.send(tag + " OK done")
				tag = s.command("SELECT")
				s.raw(line)
				s.send("* 1 EXISTS", "* OK [UIDVALIDITY 3] x", "* OK [UIDNEXT 6] x", tag+" OK [READ-WRITE] x")
				tag = s.command("UID SEARCH")
				s.raw(line)
				s.send("* SEARCH 1", tag+" OK done")
				s.logout()
			})
			_, c := connect(t, dialOptions(dial))
			if err := c.Noop(t.Context()); err != nil {
				t.Fatal(err)
			}
			sel, err := c.Select(t.Context(), "INBOX", 3)
			if err != nil {
				t.Fatal(err)
			}
			if _, answered, err := sel.searchUIDs("look", []mail.UID{1}); err != nil || !answered {
				t.Fatal(answered, err)
			}
		})
	}
}

// Flags as servers spell them.
func TestOddFlags(t *testing.T) {
	for name, want := range map[string]string{
		"P01 flags []%": `$Forwarded \Seen a%b`, "P02 flag with ]": "foo]bar", "P03 flag [x]": "[Gmail]/x",
		"P04 flag UTF-8 u-umlaut C3BC": "ü", "P05 flag UTF-8 O-umlaut C396": "Ö", `P07 flag \\*`: `\Seen`,
		"P08 flags trailing SP": `\Seen`, "P09 flags empty": "", "P09b flag with {": "a{b", "P37 FETCH lower-case": `\Seen`,
	} {
		line, ok := oddLines(t, "line")[name]
		if !ok {
			t.Errorf("no line %s", name)
			continue
		}
		// Each becomes the answer about message 7.
		at := strings.Index(line, "(")
		line = line[:at+1] + "UID 7 " + line[at+1:]
		dial := script(t, func(s *scripted) {
			s.login("IMAP4rev1")
			tag, fetch := s.command("SELECT"), s.command("UID FETCH")
			s.send("* 1 EXISTS", "* OK [UIDVALIDITY 3] x", "* OK [UIDNEXT 8] x", tag+" OK x")
			s.raw(line)
			s.send(fetch + " OK x")
			s.logout()
		})
		t.Run(name, func(t *testing.T) {
			_, c := connect(t, dialOptions(dial))
			ch := one(t, c, resync.Request{Mailbox: "INBOX", Known: mail.Cursor{UIDValidity: 3, UIDNext: 8}})
			if len(ch.Flags) != 1 || ch.Flags[0].Flags.String() != want {
				t.Errorf("got %v, want %q", ch.Flags, want)
			}
		})
	}
}

func TestOddBodies(t *testing.T) {
	want := map[string]string{
		"B01 NUL + bare LF/CR": "a\x00b\nc\rd", "B02 literal8 in BODY[]": "abc", "B03 {0}": "", "B05 quoted empty": "",
		"B06 quoted": `a"b`, "B07 UID after literal": "abc", "B08 {3+}": "abc", "B13 duplicate reply": "abc",
		"B14 flags first then body": "abc", "B16 literal, LF only eol": "abc", "B18 short literal + EOF": "abc",
	}
	// No size, no way to tell where the next response begins.
	fatal := []string{"B09 {99999999999999999999}", "B10 {-1}"}
	for name, line := range oddLines(t, "body") {
		t.Run(name, func(t *testing.T) {
			dial := script(t, func(s *scripted) {
				s.login(oddCaps)
				tag, fetch := s.command("EXAMINE"), s.command("UID FETCH")
				s.send("* 1 EXISTS", "* OK [UIDVALIDITY 3] x", "* OK [UIDNEXT 6] x", tag+" OK x")
				s.raw(line)
				s.send(fetch + " OK x")
				s.logout()
			})
			_, c := connect(t, dialOptions(dial))
			var got []string
			_, err := c.FetchBodies(t.Context(), []BodyRequest{{Mailbox: "INBOX", UIDValidity: 3, UIDs: []mail.UID{5}}}, func(b Body) error {
				data := make([]byte, b.Size)
				if _, err := readFull(b, data); err != nil {
					return err
				}
				got = append(got, fmt.Sprintf("%d %s", b.UID, data))
				return nil
			})
			if slices.Contains(fatal, name) {
				if mail.KindOf(err) != mail.KindConnection || len(got) > 0 {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			content, served := want[name]
			switch {
			case served && (len(got) != 1 || got[0] != "5 "+content):
				t.Errorf("got %q, want %q", got, content)
			case !served && len(got) != 0:
				t.Errorf("served %q", got)
			}
		})
	}
}

func TestOddLists(t *testing.T) {
	lines := oddLines(t, "list")
	want := map[string]string{
		"L01 mutf7": "Entwürfe", "L02 raw & (bad mutf7)": "A & B", "L03 raw utf8 name": "Entwürfe", "L04 latin1 name": "Entwürfe",
		"L05 ascii in base64": "&AC8-etc&AC8-passwd", "L06 NUL via mutf7": "a\x00b", "L07 control char": "a\tb", "L08 ..": "../../etc",
		"L09 empty + NIL delim": "", "L10 literal name": "ab c{d}", "L11 atom with ]": "[Gmail]/All", "L12 inbox case": "INBOX",
		"L13 lone surrogate": "&2AA-", "L14 trailing delim": "foo", "L15 unquoted space attr": "foo", "L16 backslash delim": "a/b",
		"L17 newline in mutf7": "a\nb", "L18 ext data": "foo",
	}
	for name, line := range lines {
		t.Run(name, func(t *testing.T) {
			expect, ok := want[name]
			if !ok {
				t.Fatal("no expectation")
			}
			dial := script(t, func(s *scripted) {
				s.login("IMAP4rev1 LIST-EXTENDED LIST-STATUS")
				tag := s.command("LIST")
				s.send(line, tag+" OK x")
				if expect != "" {
					tag = s.command("SELECT")
					s.send("* 0 EXISTS", "* OK [UIDVALIDITY 1] x", tag+" OK x")
				}
				s.logout()
			})
			_, c := connect(t, dialOptions(dial))
			boxes, err := c.ListMailboxes(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if expect == "" {
				if len(boxes) != 0 {
					t.Errorf("%+v", boxes)
				}
				return
			}
			if len(boxes) != 1 || boxes[0].Name != expect {
				t.Fatalf("got %+v, want %q", boxes, expect)
			}
			selectBox(t, c, expect)
		})
	}
}
