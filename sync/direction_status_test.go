package sync_test

import (
	"os"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// TestOneWayCountsAsGood: for an account that goes one way, a run that carried
// over all that it may is a good one, whatever the other side keeps to itself;
// what does not go anywhere is no change that waits. With the other way open, it
// is.
func TestOneWayCountsAsGood(t *testing.T) {
	for _, direction := range []mailsync.Direction{mailsync.Pull, mailsync.Push} {
		t.Run(string(direction), func(t *testing.T) {
			w := newWorld(t, imaptest.Options{})
			for range 3 {
				w.srv.Append("INBOX", []string{`\Seen`}, time.Now(), w.message())
			}
			w.sync()
			w.acct.Direction = direction
			// A run before the change is none of this account's.
			if st := w.status(); st.Complete {
				t.Errorf("proven by a run that went both ways: %+v", st)
			}
			start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
			if direction == mailsync.Pull {
				must(w, os.Remove(w.fileOf(1)))
				must(w, os.Rename(w.fileOf(2), w.fileOf(2)+"F"))
			} else {
				w.srv.Append("INBOX", nil, time.Now(), w.message())
			}
			rep := w.sync()
			if rep.Changed() || len(rep.Waiting) > 0 {
				t.Errorf("did %v, waiting %q", rep.Counts, rep.Waiting)
			}
			w.syncAt(start)
			st := w.status()
			if st.Problem != "" || st.LocalChanges != 0 || !st.LastSync.Equal(start) || st.Complete != (direction == mailsync.Pull) {
				t.Errorf("%+v", st)
			}
			w.acct.Direction = ""
			if st := w.status(); direction == mailsync.Pull && st.LocalChanges != 2 || st.Complete {
				t.Errorf("with both ways: %+v", st)
			}
		})
	}
}
