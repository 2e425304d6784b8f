package sync_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"satchel/maildir"
	"satchel/sync/imaptest"
)

// TestIncludedLater: the folder of a mailbox that was excluded from the first run on
// is found when it is included, though the directory that leads to it is as it was:
// both sides are paired, and nothing is transferred.
func TestIncludedLater(t *testing.T) {
	for _, layout := range []maildir.Layout{maildir.Nested, maildir.MaildirPP} {
		t.Run(fmt.Sprint(layout), func(t *testing.T) {
			w := newWorld(t, imaptest.Options{})
			w.acct.Layout = layout
			inbox, dir := "INBOX", "Work/Old"
			if layout == maildir.MaildirPP {
				inbox, dir = "", ".Work.Old"
			}
			for _, box := range []string{"Work", "Work/Old"} {
				must(w, w.srv.CreateMailbox(box))
			}
			for i := range 3 {
				m := w.message()
				w.srv.Append("Work/Old", nil, time.Unix(1_700_000_000, 0), m)
				w.plant(dir, fmt.Sprintf("new/1700000000.%d.elsewhere", i), m)
			}
			one := w.message()
			w.srv.Append("INBOX", nil, time.Unix(1_700_000_000, 0), one)
			w.plant(inbox, "new/1700000000.inbox.elsewhere", one)
			w.acct.Exclude = []string{"Work/Old"}
			w.sync()
			past := time.Now().Add(-time.Hour) // stamps that are old enough are believed
			must(w, filepath.WalkDir(w.acct.Maildir, func(path string, e os.DirEntry, err error) error {
				if err != nil || !e.IsDir() {
					return err
				}
				return os.Chtimes(path, past, past)
			}))
			w.sync()
			w.acct.Exclude = nil
			rep := w.sync()
			for _, op := range []string{"download", "upload", "remote-copy", "local-copy"} {
				if rep.Counts[op] > 0 {
					t.Errorf("did %v", rep.Counts)
				}
			}
			if n := len(w.agree()["Work/Old"]); n != 3 {
				t.Errorf("%d messages", n)
			}
			w.quiet()
		})
	}
}
