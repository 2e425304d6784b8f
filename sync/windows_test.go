package sync_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/sync/imaptest"
)

// A first sync in small windows ends as one in a single window does, and
// never lists more at once than a window.
func TestWindows(t *testing.T) {
	for name, caps := range map[string]imaptest.Caps{
		"qresync":   imaptest.DefaultCaps.With(imaptest.CapObjectID),
		"condstore": imaptest.DefaultCaps.Without(imaptest.CapQResync),
		"plain":     imaptest.DefaultCaps.Without(imaptest.CapQResync).Without(imaptest.CapCondstore),
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var listed []string
			w := newWorld(t, imaptest.Options{Caps: caps, Hook: func(_ *imaptest.Conn, _, verb, args string) imaptest.Action {
				mu.Lock()
				defer mu.Unlock()
				if verb == "UID FETCH" && strings.Contains(args, "RFC822.SIZE") {
					listed = append(listed, args)
				}
				return imaptest.Action{}
			}})
			w.small = 5
			var double []byte
			for _, name := range []string{"INBOX", "Few", "Many", "Sparse", "Twins"} {
				if name != "INBOX" {
					must(w, w.srv.CreateMailbox(name))
				}
				n := map[string]int{"INBOX": 12, "Few": 2, "Many": 23, "Sparse": 40, "Twins": 3}[name]
				for i := range n {
					msg := w.message()
					if double == nil {
						double = msg
					}
					if name == "Twins" {
						msg = double
					}
					w.srv.Append(name, []string{`\Seen`}, time.Unix(1700000000, 0), msg)
					if name == "Sparse" && i%7 != 0 {
						w.srv.Expunge(name, uint32(i+1))
					}
				}
			}
			rep := w.sync()
			w.agree()
			if n := rep.Counts["download"] + rep.Counts["local-copy"]; n != 12+2+23+6+3 {
				t.Errorf("%v, want 46 messages", rep.Counts)
			}
			w.quiet()
			w.agree()
			if len(listed) < 8 {
				t.Errorf("listed in %d parts: %q", len(listed), listed)
			}
			whole := 0 // Few and Twins may fit into what is left of a window
			for _, l := range listed[:8] {
				if strings.Contains(l, ":4294967295") {
					whole++
				}
			}
			if whole > 2 {
				t.Errorf("%d mailboxes were listed at once: %q", whole, listed)
			}
		})
	}
}

// A message that FETCH leaves out once is found by counting.
func TestWindowLeavesOut(t *testing.T) {
	var mu sync.Mutex
	left := 0
	w := newWorld(t, imaptest.Options{Mangle: func(_ *imaptest.Conn, line string) string {
		mu.Lock()
		defer mu.Unlock()
		if left == 0 && strings.Contains(line, "FETCH (UID 17 ") && strings.Contains(line, "RFC822.SIZE") {
			left++
			return ""
		}
		return line
	}})
	w.small = 5
	for range 20 {
		w.srv.Append("INBOX", nil, time.Unix(1700000000, 0), w.message())
	}
	w.sync()
	w.agree()
	if left != 1 {
		t.Error("nothing was left out")
	}
	w.quiet()
}
