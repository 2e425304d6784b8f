package sync_test

import (
	"strings"
	"testing"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// TestCheckNamesWhatItLeavesOut: a mailbox that has no name here, such as one
// with an empty level, is not compared, and a check does not pass it by.
func TestCheckNamesWhatItLeavesOut(t *testing.T) {
	w := newWorld(t, imaptest.Options{Mangle: func(_ *imaptest.Conn, line string) string {
		return strings.ReplaceAll(line, "Work/plans", "Work//plans")
	}})
	must(w, w.srv.CreateMailbox("Work/plans"))
	_, err := w.trySync(mailsync.Request{})
	must(w, err)
	if rep := w.check(mailsync.CheckRequest{}); len(rep.Findings) != 1 || !strings.Contains(rep.Findings[0].Mailbox, "Work//plans") {
		t.Errorf("%+v", rep)
	}
}
