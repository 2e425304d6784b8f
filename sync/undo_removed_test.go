package sync_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/conflict"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// removedHere is a message that was removed on disk, and where it is since.
type removedHere struct {
	name       string
	removal    conflict.Removal
	away       bool // the trash is emptied here, and not synced yet
	copied     bool
	fate       mailsync.Whereabouts
	place      string
	restorable bool
}

// TestUndoOfRemovalsHere: what a person removed here by mistake, so that the sync
// removed it on the server, is listed with where it is; it comes back from there,
// or undo says that it cannot.
func TestUndoOfRemovalsHere(t *testing.T) {
	for _, tt := range []removedHere{
		{name: "expunged", removal: conflict.Expunge, fate: mailsync.Gone},
		{name: "in the trash", removal: conflict.Trash, fate: mailsync.InTrash, place: "Trash", restorable: true},
		{name: "in a trash that is not here", removal: conflict.Trash, away: true, fate: mailsync.InTrash, place: "Trash"},
		{name: "expunged, with a copy elsewhere", removal: conflict.Expunge, copied: true, fate: mailsync.Copied, place: "Work", restorable: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.undo(t)
		})
	}
}

func (tt removedHere) undo(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	before := tt.remove(w)
	runs := w.undoRuns()
	tt.isListed(t, runs)
	back, err := w.at(time.Now()).Restore(t.Context(), runs[0].Run, nil)
	if !tt.restorable {
		if len(back) > 0 || mail.KindOf(err) != mail.KindMessage || mail.HintOf(err) == "" {
			t.Errorf("%+v, %v", back, err)
		}
		if again := w.undoRuns(); len(again) != 1 {
			t.Errorf("what could not be brought back is forgotten: %+v", again)
		}
		return
	}
	if err != nil || len(back) != 1 {
		t.Fatalf("%+v, %v", back, err)
	}
	if runs := w.undoRuns(); len(runs) > 0 {
		t.Errorf("listed still: %+v", runs)
	}
	w.sync()
	w.quiet()
	if d := diff(before, w.agree()); d != "" {
		t.Errorf("it is not as before:\n%s", d)
	}
	w.sound()
}

var removedDate = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// remove syncs three messages, and removes one of them on disk.
func (tt removedHere) remove(w *world) (before snapshot) {
	w.acct.Policy.Removal = tt.removal
	for _, box := range []string{"Trash", "Work"} {
		must(w, w.srv.CreateMailbox(box))
	}
	w.srv.SetSpecialUse("Trash", `\Trash`)
	for range 3 {
		w.srv.Append("INBOX", []string{`\Seen`}, removedDate, w.message())
	}
	if tt.copied {
		w.srv.Copy("INBOX", 2, "Work")
	}
	w.sync()
	before = w.remoteSnapshot()
	must(w, os.Remove(w.fileOf(2)))
	w.sync()
	if tt.away {
		for _, f := range w.files("Trash") {
			must(w, os.Remove(w.path(f.file)))
		}
	}
	return before
}

// isListed checks what is said of the removal.
func (tt removedHere) isListed(t *testing.T, runs []mailsync.UndoRun) {
	t.Helper()
	if len(runs) != 1 || len(runs[0].Messages) != 1 || runs[0].Time.IsZero() {
		t.Fatalf("%+v", runs)
	}
	m := runs[0].Messages[0]
	if m.Mailbox != "INBOX" || m.Fate != tt.fate || m.Place != tt.place || m.Restorable != tt.restorable || !m.Date.Equal(removedDate) || m.Side != "remote" {
		t.Errorf("%+v", m)
	}
	if tt.restorable && (m.Subject != "message 2" || m.From != "ann@example.org") {
		t.Errorf("%+v", m)
	}
}

// TestUndoOfRemovalsTakenBack: what was brought back by another way, such as a
// copy that a mail program put there, is no more to be undone; and a removal that
// was undone is none for the brakes.
func TestUndoOfRemovalsTakenBack(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	for range 30 {
		w.srv.Append("INBOX", []string{`\Seen`}, time.Now(), w.message())
	}
	w.sync()
	path := w.fileOf(2)
	content, err := os.ReadFile(path)
	must(w, err)
	must(w, os.Remove(path))
	w.sync()
	must(w, os.WriteFile(path+"F", content, 0o600))
	w.sync()
	if runs := w.undoRuns(); len(runs) > 0 {
		t.Errorf("%+v", runs)
	}

	var uids []uint32
	for _, m := range w.srv.Messages("INBOX")[:12] {
		uids = append(uids, m.UID)
	}
	w.srv.Expunge("INBOX", uids...)
	w.sync()
	runs := w.undoRuns()
	if len(runs) != 1 || len(runs[0].Messages) != 12 {
		t.Fatalf("%+v", runs)
	}
	back, err := w.at(time.Now()).Restore(context.Background(), runs[0].Run, nil)
	if err != nil || len(back) != 12 {
		t.Fatalf("%+v, %v", back, err)
	}
	w.sync()
	uids = uids[:0]
	for _, m := range w.srv.Messages("INBOX")[:12] {
		uids = append(uids, m.UID)
	}
	slices.Sort(uids)
	w.srv.Expunge("INBOX", uids...)
	if _, err := w.trySync(mailsync.Request{}); err != nil && strings.Contains(err.Error(), "brake") {
		t.Errorf("removals that were undone count: %v", err)
	}
}
