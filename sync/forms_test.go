package sync_test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/state"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// mixedEnds is a message as a file with line ends that no server has to keep,
// and as a server holds it that makes them all CRLF.
func mixedEnds(w *world) (file, server string) {
	server = string(w.long())
	lines := strings.SplitAfter(server, "\r\n")
	for i := range lines {
		switch i % 3 {
		case 0:
			lines[i] = strings.Replace(lines[i], "\r\n", "\n", 1)
		case 1:
			lines[i] = strings.Replace(lines[i], "\r\n", "\r\r\n", 1)
		}
	}
	return strings.Join(lines, ""), server
}

// TestOtherLineEnds: a file, and the same message with other line ends on the
// server, are one message, and each side keeps its own.
func TestOtherLineEnds(t *testing.T) {
	for _, without := range [][]string{nil, {"QRESYNC"}, {"QRESYNC", "CONDSTORE"}} {
		t.Run("without "+strings.Join(without, " and "), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, imaptest.Options{})
			w.acct.NoFsync, w.acct.WithoutCaps = true, without
			file, server := mixedEnds(w)
			w.srv.Append("INBOX", []string{`\Seen`}, time.Now(), []byte(server))
			for _, sub := range []string{"cur", "new", "tmp"} {
				must(w, os.MkdirAll(filepath.Join(w.acct.Maildir, "INBOX", sub), 0o700))
			}
			path := filepath.Join(w.acct.Maildir, "INBOX", "cur", "1.odd:2,S")
			must(w, os.WriteFile(path, []byte(file), 0o600))
			same := func() {
				t.Helper()
				rep := w.sync()
				if rep.Counts["upload"]+rep.Counts["download"] > 0 {
					t.Errorf("transferred: %v", rep.Counts)
				}
				w.quiet()
				w.sound()
				if got, err := os.ReadFile(path); err != nil || string(got) != file {
					t.Errorf("the file changed: %v", err)
				}
				if n := len(w.files("INBOX")) + len(w.remoteSnapshot()["INBOX"]); n != 2 {
					t.Errorf("%d messages", n)
				}
			}
			same()

			// An upload of which nobody asked what became of it: a check says
			// what it is, and a repair settles it once and for all.
			breakRow(1, func(m *state.Message) {
				m.Form, m.Digest, m.Size = mail.FormRaw, sha256.Sum256([]byte(file)), int64(len(file))
			})(w)
			rep := w.check(mailsync.CheckRequest{Repair: true})
			if len(rep.Findings) != 1 || !strings.Contains(rep.Findings[0].Problem, "the server holds other line ends") || !rep.Findings[0].Repaired {
				t.Errorf("findings %+v", rep.Findings)
			}
			same()

			// An exact twin beside it takes the server's message.
			must(w, os.RemoveAll(w.acct.StateDir))
			exact := filepath.Join(w.acct.Maildir, "INBOX", "cur", "2.exact:2,S")
			must(w, os.WriteFile(exact, []byte(strings.ReplaceAll(server, "\r\n", "\n")), 0o600))
			if rep := w.sync(); rep.Counts["upload"] != 1 || len(rep.Counts) != 1 {
				t.Errorf("did %v", rep.Counts)
			}
			w.quiet()
			w.sound()
		})
	}
}
