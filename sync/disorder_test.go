package sync_test

import (
	"os"
	"testing"
	"time"

	"satchel/sync/imaptest"
)

// TestAnswersOutOfOrder: where answers to several commands come out of order, one
// command at a time does, in this run and, at once, in the next.
func TestAnswersOutOfOrder(t *testing.T) {
	for level, caps := range levels() {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, imaptest.Options{Disorder: true, Caps: caps})
			must(w, w.srv.CreateMailbox("Work"))
			for range 30 {
				w.srv.Append("INBOX", nil, time.Unix(1700000000, 0), w.message())
				w.srv.Append("Work", nil, time.Unix(1700000000, 0), w.message())
			}
			rep := w.sync()
			if len(rep.Notices) == 0 {
				t.Error("nothing was said")
			}
			if n := len(w.agree()["INBOX"]); n != 30 {
				t.Errorf("%d messages", n)
			}
			w.srv.Move("INBOX", 3, "Work")
			w.srv.StoreFlags("INBOX", 4, []string{`\Flagged`}, nil)
			for _, f := range w.files("Work")[:3] {
				must(w, os.Remove(w.path(f.file)))
			}
			w.srv.ResetStats()
			w.sync()
			w.agree()
			if n := w.srv.Stats().Connections; n != 1 {
				t.Errorf("%d connections", n)
			}
			w.quiet()
		})
	}
}
