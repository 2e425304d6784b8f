package sync_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// alters makes a world beside a server that alters what it stores, or is sent.
func alters(t *testing.T, level string, uidPlus bool, stores func([]byte) []byte) *world {
	caps := levels()[level]
	if !uidPlus {
		caps = caps.Without(imaptest.CapUIDPlus)
	}
	return newWorld(t, imaptest.Options{Caps: caps, Stores: stores})
}

// written are files that servers are known to alter, as a mail program writes them
// with LF or a script with anything; some have no Message-ID, some next to no header.
func (w *world) written() (files []string) {
	whole := func() string { return strings.ReplaceAll(string(w.message()), "\r\n", "\n") }
	for _, lf := range []func() string{
		whole,
		func() string { _, rest, _ := strings.Cut(whole(), "\n"); return rest },
		func() string {
			_, body, _ := strings.Cut(whole(), "\n\n")
			return "Content-Type: text/plain\n\n" + body
		},
	} {
		files = append(files, lf(), lf()+"\n\n", strings.TrimSuffix(lf(), "\n"), lf()+"a bare\rCR\n", strings.ReplaceAll(lf(), "\n", "\r\n")+"an LF\n",
			strings.ReplaceAll(lf(), "\n", "\r\n")+"two\r\r\n", lf()+"at the end\r")
	}
	// One letter with several ends: what a server makes of one may be another.
	twin := whole()
	return append(files, strings.TrimSuffix(twin, "\n"), strings.ReplaceAll(twin, "\n", "\r\n"), twin+"\n", strings.TrimSuffix(twin, "\n")+"\r")
}

// write puts files into a folder, with a date of their own.
func (w *world) write(folder string, files []string) {
	w.t.Helper()
	dir, err := w.disk().Dir(folder)
	must(w, err)
	for _, sub := range []string{"cur", "new", "tmp"} {
		must(w, os.MkdirAll(filepath.Join(dir, sub), 0o700))
	}
	for _, f := range files {
		w.n++
		path := filepath.Join(dir, "cur", fmt.Sprintf("%d.written:2,S", w.n))
		must(w, os.WriteFile(path, []byte(f), 0o600))
		at := time.Unix(1_600_000_000+int64(w.n)*60, 0)
		must(w, os.Chtimes(path, at, at))
	}
}

// holdsOnce fails the test unless both sides of a mailbox have n messages.
func (w *world) holdsOnce(mailbox string, n int, when string) {
	w.t.Helper()
	if l, r := len(w.files(mailbox)), len(w.srv.Messages(mailbox)); l != n || r != n {
		w.t.Fatalf("%s: %s: %d files, %d messages; want %d", when, mailbox, l, r, n)
	}
}

// TestAlteredUploads: whatever a server makes of what it is sent, each message is
// there once: after several runs, after the state was lost, and after a check that
// repairs. Each side keeps its own bytes.
func TestAlteredUploads(t *testing.T) {
	for kind, stores := range imaptest.Alterations() {
		for _, level := range []string{"qresync", "plain"} {
			if testing.Short() && level == "qresync" {
				continue
			}
			for _, uidPlus := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/uidplus %v", kind, level, uidPlus), func(t *testing.T) {
					t.Parallel()
					w := alters(t, level, uidPlus, stores)
					w.acct.NoFsync = true
					w.sync()
					files := w.written()
					w.write("INBOX", files)
					before := w.raw("INBOX")
					rep := w.sync()
					if rep.Counts["download"] > 0 {
						t.Errorf("the first run did %v", rep.Counts)
					}
					w.holdsOnce("INBOX", len(files), "after the first run")
					w.write("Made", w.written())
					w.sync()
					for range 2 {
						w.quiet()
					}
					for _, full := range []bool{false, true} {
						if rep := w.check(mailsync.CheckRequest{Full: full}); len(rep.Findings) > 0 || rep.Waiting > 0 {
							t.Errorf("full %v: %d wait, findings %+v", full, rep.Waiting, rep.Findings)
						}
					}
					w.check(mailsync.CheckRequest{Repair: true})
					w.quiet()
					for _, mailbox := range []string{"INBOX", "Made"} {
						w.holdsOnce(mailbox, len(files), "after a repair")
					}
					w.lose(0)
					for _, mailbox := range []string{"INBOX", "Made"} {
						w.holdsOnce(mailbox, len(files), "after a lost state")
					}
					if after := w.raw("INBOX"); after != before {
						t.Errorf("files changed:\n%s\nbefore\n%s", after, before)
					}
				})
			}
		}
	}
}

// raw is what the files of a folder hold.
func (w *world) raw(folder string) string {
	var b bytes.Buffer
	for _, f := range w.files(folder) {
		c, err := os.ReadFile(w.path(f.file))
		must(w, err)
		fmt.Fprintf(&b, "%q\n", c)
	}
	return b.String()
}
