package sync_test

import (
	"os"
	"testing"
	"time"

	"satchel/sync/imaptest"
)

// TestStampsLie: a file is gone and the time stamps of its folder are those of before,
// as after a copy that keeps them. The run that finds out by what it wants to do there
// looks at the folder again, and does not only say that all is well.
func TestStampsLie(t *testing.T) {
	for name, change := range map[string]func(w *world, uid uint32){
		"flagged there": func(w *world, uid uint32) { w.srv.StoreFlags("INBOX", uid, []string{`\Flagged`}, nil) },
		"removed there": func(w *world, uid uint32) { w.srv.Expunge("INBOX", uid) },
		"moved there":   func(w *world, uid uint32) { w.srv.Move("INBOX", uid, "Work") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{})
			must(w, w.srv.CreateMailbox("Work"))
			w.srv.Append("INBOX", nil, time.Time{}, w.message())
			w.sync()
			w.age()
			w.sync()
			must(w, os.Remove(w.path(w.files("INBOX")[0].file)))
			w.age()
			change(w, w.srv.Messages("INBOX")[0].UID)
			w.sync()
			w.quiet()
			if here, there := len(w.files("INBOX"))+len(w.files("Work")), len(w.srv.Messages("INBOX"))+len(w.srv.Messages("Work")); here != there {
				t.Errorf("%d messages here, %d there", here, there)
			}
		})
	}
}
