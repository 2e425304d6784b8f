package sync_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/maildir"
	"satchel/sync/imaptest"
)

// saved is what mutt makes of a message that it saves: it drops what it wrote
// before and says anew how long the body is.
func saved(file string) string {
	end := "\n"
	if strings.Contains(file, "\r\n") {
		end = "\r\n"
	}
	head, body, _ := strings.Cut(file, end+end)
	var keep []string
	for line := range strings.Lines(head + end) {
		if !strings.HasPrefix(line, "Status:") && !strings.HasPrefix(line, "Content-Length:") {
			keep = append(keep, line)
		}
	}
	return fmt.Sprintf("%sContent-Length: %d%sLines: %d%s%s%s", strings.Join(keep, ""), len(body), end, strings.Count(body, "\n"), end, end, body)
}

// kept are messages that satchel keeps with LF on disk: one as most are, one
// with lines of a program on the server, and one that is kept byte for byte.
func (w *world) kept() [][]byte {
	withStatus := append([]byte("Status: RO\r\nX-Status: A\r\n F\r\n"), w.message()...)
	withoutEnd := []byte(strings.TrimSuffix(string(w.message()), "\r\n"))
	return [][]byte{w.message(), withStatus, withoutEnd}
}

// TestSavedByMutt: a file that a program saved elsewhere, with lines of its own
// in the header, is the message moved: flags, keywords and date stay, and each side
// keeps its own bytes.
func TestSavedByMutt(t *testing.T) {
	for level, caps := range levels() {
		for _, copied := range []bool{false, true} {
			t.Run(fmt.Sprint(level, " copied ", copied), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, imaptest.Options{Caps: caps})
				server, disk := w.hands()
				server.create("Archive")
				for _, m := range w.kept() {
					server.deliver("INBOX", m, []string{`\Seen`, "$Forwarded"})
				}
				w.sync()
				before := w.srv.Messages("INBOX")
				for _, h := range disk.list("INBOX") {
					f := h.key.(maildir.File)
					b, err := os.ReadFile(w.path(f))
					must(w, err)
					to := maildir.File{Folder: "Archive", Name: disk.newName() + ":2,PS"}
					must(w, os.WriteFile(w.path(to), []byte(saved(string(b))), 0o600))
					if !copied {
						disk.remove(h)
					}
				}
				rep := w.sync()
				if rep.Counts["upload"]+rep.Counts["download"]+rep.Counts["remote-remove"] > 0 {
					t.Errorf("did %v", rep.Counts)
				}
				after := w.srv.Messages("Archive")
				if len(after) != len(before) {
					t.Fatalf("%d messages in the Archive", len(after))
				}
				for i, m := range after {
					if j := slices.IndexFunc(before, func(b imaptest.Message) bool { return string(b.Content) == string(m.Content) }); j < 0 || !m.Date.Equal(before[j].Date) {
						t.Errorf("message %d is %q of %v", i, m.Content, m.Date)
					}
					if !slices.Contains(m.Flags, "$Forwarded") {
						t.Errorf("message %d has %v", i, m.Flags)
					}
				}
				if n := len(w.srv.Messages("INBOX")); copied != (n == len(before)) {
					t.Errorf("%d messages in INBOX", n)
				}
				w.quiet()
				w.sound()

				// And on: the server moves it, and after a lost state nothing doubles.
				server.move(server.list("Archive")[0], "INBOX")
				w.sync()
				w.quiet()
				w.sound()
				w.lose(0)
			})
		}
	}
}

// lose loses the state and syncs: that transfers nothing, and there are as many
// messages as before on both sides.
func (w *world) lose(notices int) {
	w.t.Helper()
	count := func() string {
		return fmt.Sprint(w.counts(w.localSnapshot()), w.counts(w.remoteSnapshot()))
	}
	before := count()
	must(w, os.RemoveAll(w.acct.StateDir))
	rep := w.sync()
	if rep.Counts["upload"]+rep.Counts["download"] > 0 {
		w.t.Errorf("after a lost state: %v", rep.Counts)
	}
	if len(rep.Notices) != notices {
		w.t.Errorf("notices %q", rep.Notices)
	}
	w.quiet()
	w.sound()
	if after := count(); after != before {
		w.t.Errorf("after a lost state there are %s, before %s", after, before)
	}
}

func (w *world) counts(s snapshot) map[string]int {
	n := map[string]int{}
	for box, list := range s {
		n[box] = len(list)
	}
	return n
}

// TestMaildirOfAnother: the Maildir of mbsync is adopted as it is: the mark of
// what it pulled is in the file, that of what it pushed on the server, and of some
// on both.
func TestMaildirOfAnother(t *testing.T) {
	const n = 30
	marked := func(m string, i int, name string) string {
		head, body, _ := strings.Cut(m, "\r\n\r\n")
		lines := strings.SplitAfter(head+"\r\n", "\r\n")
		at := i % len(lines)
		for at > 0 && (strings.HasPrefix(lines[at], " ") || lines[at] == "") {
			at--
		}
		return strings.Join(slices.Insert(lines, at, fmt.Sprintf("%s: %012d\r\n", name, i)), "") + "\r\n" + body
	}
	for _, level := range []string{"qresync", "condstore", "plain"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, imaptest.Options{Caps: levels()[level]})
			for _, sub := range []string{"cur", "new", "tmp"} {
				must(w, os.MkdirAll(filepath.Join(w.acct.Maildir, "INBOX", sub), 0o700))
			}
			for i := range n {
				m := string(w.message())
				if i%2 == 0 {
					m = strings.Replace(m, "\r\n\r\n", "\r\n folded\r\n\r\n", 1) + strings.Repeat("more and more\r\n", 100+i)
				}
				file, server := m, m
				switch i % 5 {
				case 0, 1:
					file = marked(m, i, "X-TUID")
				case 2:
					server = marked(m, i, "X-TUID")
				case 3:
					file, server = marked(m, i, "X-OfflineIMAP"), marked(m, i+1, "X-TUID")
				}
				w.srv.Append("INBOX", []string{`\Seen`}, time.Unix(1_700_000_000+int64(i), 0), []byte(server))
				path := filepath.Join(w.acct.Maildir, "INBOX", "cur", fmt.Sprintf("%d.mbsync,U=%d:2,S", i, i+1))
				must(w, os.WriteFile(path, []byte(strings.ReplaceAll(file, "\r\n", "\n")), 0o600))
			}
			rep := w.sync()
			if len(rep.Counts) > 0 {
				t.Errorf("did %v", rep.Counts)
			}
			if st := w.srv.Stats(); st.BytesOut > n*1700 {
				t.Errorf("%d bytes received to adopt %d messages", st.BytesOut, n)
			}
			if l, r := len(w.files("INBOX")), len(w.srv.Messages("INBOX")); l != n || r != n {
				t.Errorf("%d files, %d messages", l, r)
			}
			w.quiet()
			w.sound()
			// What was adopted moves on either side like any other message.
			server, disk := w.hands()
			server.create("Archive")
			for i := range 10 {
				if i%2 == 0 {
					disk.create("Archive")
					disk.move(disk.list("INBOX")[i], "Archive")
				} else {
					server.move(server.list("INBOX")[i], "Archive")
				}
				rep := w.sync()
				if rep.Counts["upload"]+rep.Counts["download"] > 0 {
					t.Errorf("move %d: did %v", i, rep.Counts)
				}
			}
			w.quiet()
			w.sound()
		})
	}
}
