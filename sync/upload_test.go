package sync_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// ofSizes delivers n files of different sizes.
func (w *world) ofSizes(d diskSide, n int) {
	for i := range n {
		d.deliver("INBOX", append(w.message(), bytes.Repeat([]byte("more\r\n"), i)...), nil)
	}
}

// A server that stores the messages of one command in another order than
// APPENDUID says gets none of them taken for another.
func TestUploadBackwards(t *testing.T) {
	for name, caps := range levels() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: caps, AppendsBackwards: true})
			_, disk := w.hands()
			w.sync()
			w.ofSizes(disk, 6)
			w.sync()
			w.agree()
			h := disk.list("INBOX")[0]
			disk.flag(h, []string{`\Flagged`}, nil)
			w.sync()
			for _, m := range w.srv.Messages("INBOX") {
				if id := contentID(string(m.Content)); (fmt.Sprint(m.Flags) == `[\Flagged]`) != (id == h.id) {
					t.Errorf("%s has %v", id, m.Flags)
				}
			}
			w.agree()
			w.quiet()
		})
	}
}

// One message that the server refuses, or that is too large, stays; those that
// went with it in one command are there, once.
func TestUploadRefusedInGroup(t *testing.T) {
	refusal := ""
	w := newWorld(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
		if verb == "APPEND" && strings.Contains(line, `Draft`) {
			return imaptest.Action{Reply: refusal}
		}
		return imaptest.Action{}
	}})
	_, disk := w.hands()
	w.sync()
	for _, refusal = range []string{"NO [CANNOT] Not this one", "NO [TOOBIG] Too large", "BAD Command Argument Error", "NO Later"} {
		w.ofSizes(disk, 5)
		disk.deliver("INBOX", w.message(), []string{`\Draft`})
		w.ofSizes(disk, 5)
		before := len(w.srv.Messages("INBOX"))
		rep, err := w.trySync(mailsync.Request{})
		if err != nil || len(rep.Problems) != 1 || rep.Counts["upload"] != 10 {
			t.Fatalf("%s: %v, %v, %v", refusal, rep.Counts, texts(rep), err)
		}
		if n := len(w.srv.Messages("INBOX")); n != before+10 {
			t.Errorf("%s: %d messages arrived", refusal, n-before)
		}
		for _, h := range disk.list("INBOX") {
			if strings.Contains(fmt.Sprint(h.flags), `Draft`) {
				disk.remove(h)
			}
		}
		w.sync()
		w.agree()
		w.quiet()
	}
}
