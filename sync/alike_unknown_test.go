package sync_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"satchel/maildir/faultfs"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// withheld suppresses FETCH responses while it is told to.
type withheld struct {
	mu sync.Mutex
	of *regexp.Regexp // nil: nothing
}

func (h *withheld) set(of *regexp.Regexp) { h.mu.Lock(); defer h.mu.Unlock(); h.of = of }

// mangle is for [imaptest.Options].
func (h *withheld) mangle(_ *imaptest.Conn, line string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of != nil && h.of.MatchString(line) {
		return ""
	}
	return line
}

// TestHeaderNotSent: what the server does not send of a message that it altered is
// unknown. The message and the files that it may be wait, and nothing doubles.
func TestHeaderNotSent(t *testing.T) {
	for kind, stores := range imaptest.Alterations() {
		for what, of := range map[string]*regexp.Regexp{
			"the fields of all": regexp.MustCompile(`FETCH \(UID \d+ BODY\[HEADER\.FIELDS \(MESSAGE-ID X-TUID`),
			"the fields of one": regexp.MustCompile(`FETCH \(UID 2 BODY\[HEADER\.FIELDS \(MESSAGE-ID X-TUID`),
			"all of one":        regexp.MustCompile(`FETCH \(UID 2 .*BODY\[\]`),
		} {
			t.Run(kind+"/"+what, func(t *testing.T) {
				t.Parallel()
				h := &withheld{}
				w := newWorld(t, imaptest.Options{Caps: levels()["plain"], Stores: stores, Mangle: h.mangle})
				w.acct.NoFsync = true
				w.sync()
				files := w.written()
				w.write("INBOX", files)
				w.sync()
				w.holdsOnce("INBOX", len(files), "before")
				must(w, os.RemoveAll(w.acct.StateDir))
				h.set(of)
				for i := range 2 {
					_, err := w.trySync(mailsync.Request{})
					must(w, err)
					w.holdsOnce("INBOX", len(files), fmt.Sprintf("run %d without it", i+1))
				}
				h.set(nil)
				w.sync()
				w.quiet()
				w.holdsOnce("INBOX", len(files), "after")
			})
		}
	}
}

// TestAlteredUploadNotSent: the server says which UID an upload got, and does not send
// what it made of it. Nothing doubles.
func TestAlteredUploadNotSent(t *testing.T) {
	for what, of := range map[string]*regexp.Regexp{
		"header": regexp.MustCompile(`FETCH \(UID \d+ BODY\[HEADER\]`),
		"body":   regexp.MustCompile(`FETCH \(UID \d+ .*BODY\[\]`),
		"both":   regexp.MustCompile(`FETCH \(UID \d+ .*BODY\[(HEADER)?\]`),
		"all":    regexp.MustCompile(`FETCH \(UID \d+ .*BODY\[`),
	} {
		for kind, stores := range imaptest.Alterations() {
			t.Run(kind+"/"+what, func(t *testing.T) {
				t.Parallel()
				h := &withheld{}
				w := newWorld(t, imaptest.Options{Caps: levels()["plain"], Stores: stores, Mangle: h.mangle})
				w.acct.NoFsync = true
				w.sync()
				files := w.written()
				w.write("INBOX", files)
				h.set(of)
				for i := range 2 {
					_, err := w.trySync(mailsync.Request{})
					must(w, err)
					w.holdsOnce("INBOX", len(files), fmt.Sprintf("run %d without it", i+1))
				}
				h.set(nil)
				w.sync()
				w.quiet()
				w.holdsOnce("INBOX", len(files), "after")
				w.check(mailsync.CheckRequest{Repair: true})
				w.quiet()
				w.holdsOnce("INBOX", len(files), "after a repair")
			})
		}
	}
}

// TestFileNotReadableNow: a file that is to be compared with a message and cannot be
// read at that moment may be that message.
func TestFileNotReadableNow(t *testing.T) {
	for kind, stores := range imaptest.Alterations() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var now, whole atomic.Bool // the state is lost; messages were fetched, and nothing else since
			w := newWorld(t, imaptest.Options{Caps: levels()["plain"], Stores: stores, Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
				whole.Store(now.Load() && verb == "UID FETCH" && (whole.Load() || strings.Contains(line, "BODY.PEEK[]")))
				return imaptest.Action{}
			}})
			w.acct.NoFsync = true
			w.sync()
			files := w.written()
			w.write("INBOX", files)
			w.sync()
			w.holdsOnce("INBOX", len(files), "before")
			must(w, os.RemoveAll(w.acct.StateDir))
			now.Store(true)
			w.opts.FS = &faultfs.FS{Before: func(op faultfs.Op, name string) error {
				if op == faultfs.Open && strings.Contains(name, ".written") && whole.Load() {
					return errors.New("not now")
				}
				return nil
			}}
			_, err := w.trySync(mailsync.Request{})
			must(w, err)
			w.holdsOnce("INBOX", len(files), "while it cannot be read")
			w.opts.FS = nil
			w.sync()
			w.quiet()
			w.holdsOnce("INBOX", len(files), "after")
		})
	}
}
