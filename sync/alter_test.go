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
	"satchel/sync/remote/imaptest"
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
// with LF or a script with anything.
func (w *world) written() []string {
	lf := func() string { return strings.ReplaceAll(string(w.message()), "\r\n", "\n") }
	return []string{
		lf(), lf() + "\n\n", strings.TrimSuffix(lf(), "\n"), lf() + "a bare\rCR\n", strings.ReplaceAll(lf(), "\n", "\r\n") + "an LF\n",
		strings.ReplaceAll(lf(), "\n", "\r\n") + "two\r\r\n", lf() + "at the end\r",
	}
}

// write puts files into a folder, with a date of their own.
func (w *world) write(folder string, files []string) {
	w.t.Helper()
	dir, err := w.disk().Dir(folder)
	must(w, err)
	for _, f := range files {
		w.n++
		path := filepath.Join(dir, "cur", fmt.Sprintf("%d.written:2,S", w.n))
		must(w, os.WriteFile(path, []byte(f), 0o600))
		at := time.Unix(1_600_000_000+int64(w.n)*60, 0)
		must(w, os.Chtimes(path, at, at))
	}
}

// holdsOnce fails the test unless both sides of INBOX have n messages, and a run
// has nothing to do.
func (w *world) holdsOnce(n int, when string) {
	w.t.Helper()
	if l, r := len(w.files("INBOX")), len(w.srv.Messages("INBOX")); l != n || r != n {
		w.t.Fatalf("%s: %d files, %d messages; want %d", when, l, r, n)
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
					w.holdsOnce(len(files), "after the first run")
					for range 2 {
						w.quiet()
					}
					if rep := w.check(mailsync.CheckRequest{}); len(rep.Findings) > 0 || rep.Waiting > 0 {
						t.Errorf("%d wait, findings %+v", rep.Waiting, rep.Findings)
					}
					w.check(mailsync.CheckRequest{Repair: true})
					w.quiet()
					w.holdsOnce(len(files), "after a repair")
					w.lose(0)
					w.holdsOnce(len(files), "after a lost state")
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
