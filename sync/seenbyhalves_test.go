package sync_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"satchel/sync/imaptest"
)

// TestMoveSeenByHalves: another client moves a message between two mailboxes of which
// the first was read already, and at that moment a mail program gives its file another
// name. The new message may be a copy of one whose file is not where it was, which
// says nothing of what is in the file: it waits, and the move stays a move.
func TestMoveSeenByHalves(t *testing.T) {
	var w *world
	var armed atomic.Bool
	w = newWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID), Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
		if verb == "SELECT" && strings.Contains(line, "Work") && armed.Swap(false) {
			w.srv.Move("INBOX", 1, "Work")
			_, disk := w.hands()
			for _, h := range disk.list("INBOX") {
				disk.flag(h, []string{`\Flagged`}, nil)
			}
		}
		return imaptest.Action{}
	}})
	must(w, w.srv.CreateMailbox("Work"))
	w.srv.Append("INBOX", nil, time.Unix(1_700_000_000, 0), w.message())
	w.sync()
	name, _, _ := strings.Cut(w.files("INBOX")[0].file.Name, ":")
	for _, box := range []string{"INBOX", "Work"} { // so that both are read
		w.srv.Append(box, nil, time.Unix(1_700_000_000, 0), w.message())
	}
	armed.Store(true)
	w.sync()
	if armed.Load() {
		t.Fatal("nobody moved anything")
	}
	w.sync()
	end := w.agree()
	if len(end["INBOX"]) != 1 || len(end["Work"]) != 2 {
		t.Errorf("the end is %v", end)
	}
	moved := false
	for _, f := range w.files("Work") {
		moved = moved || strings.HasPrefix(f.file.Name, name)
	}
	if !moved {
		t.Errorf("%s has another name: %v", name, w.files("Work"))
	}
	w.quiet()
}
