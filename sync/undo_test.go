package sync_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/conflict"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// at is an engine at a time of its own.
func (w *world) at(now time.Time) *mailsync.Engine {
	w.t.Helper()
	e, err := mailsync.New(w.acct, mailsync.Options{Now: func() time.Time { return now }})
	must(w, err)
	return e
}

func (w *world) syncAt(now time.Time) {
	w.t.Helper()
	rep, err := w.at(now).Sync(context.Background(), mailsync.Request{AllowMassDelete: true})
	must(w, err)
	if len(rep.Problems) > 0 {
		w.t.Fatalf("%+v", rep.Problems)
	}
}

func (w *world) undoRuns() []mailsync.UndoRun {
	w.t.Helper()
	runs, err := w.at(time.Now()).UndoRuns(context.Background())
	must(w, err)
	return runs
}

func TestUndo(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, imaptest.Options{})
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	if runs := w.undoRuns(); len(runs) > 0 {
		t.Errorf("before the first sync: %+v", runs)
	}
	date := start.Add(-time.Hour)
	for i := range 6 {
		w.srv.Append("INBOX", [][]string{nil, {`\Flagged`, `\Seen`}}[i%2], date, w.message())
	}
	w.syncAt(start)
	before := w.remoteSnapshot()
	w.srv.Expunge("INBOX", 1, 2)
	w.syncAt(start.Add(time.Hour))
	w.srv.Expunge("INBOX", 4, 5)
	w.syncAt(start.Add(2 * time.Hour))
	runs := w.undoRuns()
	if len(runs) != 2 || runs[0].Run != "20260304T070607Z" || runs[1].Run != "20260304T060607Z" || !runs[1].Time.Equal(start.Add(time.Hour)) {
		t.Fatalf("%+v", runs)
	}
	var subjects []string
	for _, m := range runs[0].Messages {
		subjects = append(subjects, m.Mailbox+" "+m.Subject)
	}
	slices.Sort(subjects)
	if want := []string{"INBOX message 4", "INBOX message 5"}; !slices.Equal(subjects, want) {
		t.Errorf("%q", subjects)
	}

	e := w.at(start.Add(3 * time.Hour))
	w.restoresByName(e, runs[0])

	// The run is used up: undone twice is an error, and changes nothing.
	if back, err := e.Restore(ctx, runs[0].Run, nil); len(back) > 0 || mail.KindOf(err) != mail.KindConfig || mail.HintOf(err) == "" {
		t.Errorf("%v, %v", back, err)
	}
	if back, err := e.Restore(ctx, runs[1].Run, nil); len(back) != 2 || err != nil {
		t.Errorf("%v, %v", back, err)
	}
	w.syncAt(start.Add(4 * time.Hour))
	after := w.agree()
	if d := diff(before, after); d != "" {
		t.Errorf("it is not as before:\n%s", d)
	}
	for _, m := range w.srv.Messages("INBOX") {
		if !m.Date.Equal(date) {
			t.Errorf("uid %d has the date %v", m.UID, m.Date)
		}
	}
	w.quiet()
	w.sound()

	w.restoresAgain(e, start.Add(5*time.Hour), before)
}

// restoresByName restores one message by its name after the rest of its run: the other
// name is taken at first, even with other flags.
func (w *world) restoresByName(e *mailsync.Engine, run mailsync.UndoRun) {
	w.t.Helper()
	ctx := context.Background()
	taken := run.Messages[0]
	base, _, _ := strings.Cut(taken.File, ":2,")
	blocker := filepath.Join(w.acct.Maildir, "INBOX", "cur", base+":2,DT")
	must(w, os.WriteFile(blocker, []byte("Subject: taken\n\n"), 0o600))
	back, err := e.Restore(ctx, run.Run, nil)
	if len(back) != 1 || !errors.Is(err, mail.ErrExists) || mail.KindOf(err) != mail.KindMessage || !strings.Contains(err.Error(), taken.File) {
		w.t.Errorf("%v, %v", back, err)
	}
	must(w, os.Remove(blocker))
	back, err = e.Restore(ctx, run.Run, []string{taken.File, "nothing"})
	if len(back) != 1 || back[0].File != taken.File || err == nil || mail.KindOf(err) != mail.KindMessage {
		w.t.Errorf("%v, %v", back, err)
	}
}

// restoresAgain: what was restored can be removed and restored once more.
func (w *world) restoresAgain(e *mailsync.Engine, at time.Time, before snapshot) {
	w.t.Helper()
	w.srv.Expunge("INBOX", w.srv.Messages("INBOX")[5].UID)
	w.syncAt(at)
	runs := w.undoRuns()
	if len(runs) != 1 || len(runs[0].Messages) != 1 {
		w.t.Fatalf("%+v", runs)
	}
	_, err := e.Restore(context.Background(), runs[0].Run, nil)
	must(w, err)
	w.syncAt(at.Add(time.Hour))
	if d := diff(before, w.agree()); d != "" {
		w.t.Errorf("it is not as before:\n%s", d)
	}
}

// TestUndoFolder: the folder of a message that comes back is made again.
func TestUndoFolder(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.acct.Policy.MailboxDelete = conflict.Always
	must(w, w.srv.CreateMailbox("Lists/go"))
	for range 3 {
		w.srv.Append("Lists/go", []string{`\Seen`}, time.Now(), w.message())
	}
	start := time.Now()
	w.syncAt(start.Add(-2 * time.Hour))
	before := w.remoteSnapshot()
	must(w, w.srv.DeleteMailbox("Lists/go"))
	w.syncAt(start.Add(-time.Hour))
	if _, err := os.Stat(filepath.Join(w.acct.Maildir, "Lists", "go")); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the folder is still there: %v", err)
	}
	runs := w.undoRuns()
	back, err := w.at(start).Restore(context.Background(), runs[0].Run, nil)
	if len(back) != 3 || err != nil {
		t.Fatalf("%v, %v", back, err)
	}
	w.sync()
	if d := diff(before, w.agree()); d != "" {
		t.Errorf("it is not as before:\n%s", d)
	}
	w.quiet()
	w.sound()
}

// TestUndoForgets: after undo_days, and not before, it is gone for good.
func TestUndoForgets(t *testing.T) {
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, tt := range []struct {
		days, kept int
	}{{3, 3}, {0, 30}, {-1, 0}} {
		t.Run(fmt.Sprint(tt.days), func(t *testing.T) {
			w := newWorld(t, imaptest.Options{})
			w.acct.UndoDays = tt.days
			for range 3 {
				w.srv.Append("INBOX", nil, start, w.message())
			}
			w.syncAt(start)
			w.srv.Expunge("INBOX", 1)
			w.syncAt(start)
			if tt.kept > 0 {
				w.syncAt(start.AddDate(0, 0, tt.kept).Add(-time.Second))
				if runs := w.undoRuns(); len(runs) != 1 {
					t.Errorf("%+v", runs)
				}
				w.syncAt(start.AddDate(0, 0, tt.kept))
			}
			if runs := w.undoRuns(); len(runs) != 0 {
				t.Errorf("%+v", runs)
			}
			left := 0
			must(w, filepath.WalkDir(filepath.Join(w.acct.StateDir, "test.undo"), func(_ string, e os.DirEntry, err error) error {
				if err == nil && !e.IsDir() {
					left++
				}
				return err
			}))
			if left > 0 {
				t.Errorf("%d files are left", left)
			}
		})
	}
}

// TestUndoOtherMaildir: nothing is put beneath the mount point of a disk that
// is missing.
func TestUndoOtherMaildir(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.srv.Append("INBOX", nil, time.Now(), []byte("From: ann\r\nSubject:\r\n =?utf-8?q?caf=C3=A9?=\r\n and cake\r\n\r\nSubject: no\r\n"))
	w.sync()
	w.srv.Expunge("INBOX", 1)
	w.sync()
	runs := w.undoRuns()
	if s := runs[0].Messages[0].Subject; s != "café and cake" {
		t.Errorf("subject %q", s)
	}
	run := runs[0].Run
	must(w, os.Rename(w.acct.Maildir, w.acct.Maildir+"x"))
	must(w, os.Mkdir(w.acct.Maildir, 0o700))
	if back, err := w.at(time.Now()).Restore(context.Background(), run, nil); len(back) > 0 || mail.KindOf(err) != mail.KindBrake {
		t.Errorf("%v, %v", back, err)
	}
	must(w, os.Remove(w.acct.Maildir))
	must(w, os.Rename(w.acct.Maildir+"x", w.acct.Maildir))
	if back, err := w.at(time.Now()).Restore(context.Background(), run, nil); len(back) != 1 || err != nil {
		t.Errorf("%v, %v", back, err)
	}
}
