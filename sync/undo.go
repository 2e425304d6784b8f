package sync

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"satchel/maildir"
	"satchel/sync/mail"
)

// undoLayout is how runs are named in the undo folder: the time at which the
// run began, in UTC, so that names sort by time.
const undoLayout = "20060102T150405Z"

// undoRun names the folder that keeps what this run removes.
func (s *session) undoRun() string { return s.start.UTC().Format(undoLayout) }

// UndoRun is what one run removed from the Maildir.
type UndoRun struct {
	Run      string           `json:"run"` // the argument to Restore
	Time     time.Time        `json:"time"`
	Messages []RemovedMessage `json:"messages"`
}

// RemovedMessage is one message in the undo folder.
type RemovedMessage struct {
	Mailbox string `json:"mailbox"`
	File    string `json:"file"`
	Path    string `json:"path"`
	Subject string `json:"subject"`
	removed maildir.Removed
}

// UndoRuns lists what syncs removed from the Maildir and is still kept, the
// newest first.
func (e *Engine) UndoRuns(ctx context.Context) ([]UndoRun, error) {
	store, err := maildir.Open(e.account.Maildir, e.maildirOptions())
	if err != nil {
		return nil, err
	}
	names, err := store.UndoRuns()
	if err != nil {
		return nil, err
	}
	slices.Reverse(names)
	runs := []UndoRun{}
	for _, n := range names {
		removed, err := store.Discarded(ctx, n)
		if err != nil {
			return nil, err
		}
		if len(removed) == 0 {
			continue
		}
		r := UndoRun{Run: n}
		if t, err := time.Parse(undoLayout, n); err == nil {
			r.Time = t
		}
		for _, m := range removed {
			r.Messages = append(r.Messages, RemovedMessage{Mailbox: m.Folder, File: m.Name, Path: m.Path,
				Subject: subject(m.Path), removed: m})
		}
		runs = append(runs, r)
	}
	return runs, nil
}

// Restore brings messages of a run back into the Maildir: those whose file
// name is in files, or all when files is empty. The next sync puts them back
// on the server. It returns what it brought back.
func (e *Engine) Restore(ctx context.Context, run string, files []string) ([]RemovedMessage, error) {
	unlock, err := lock(filepath.Join(e.account.StateDir, e.account.Name+".lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	runs, err := e.UndoRuns(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(runs, func(r UndoRun) bool { return r.Run == run })
	if i < 0 {
		return nil, &mail.Error{Op: "undo run " + run, Kind: mail.KindConfig, Err: mail.ErrGone,
			Hint: "satchel undo " + e.account.Name + " lists the runs"}
	}
	store, err := maildir.Open(e.account.Maildir, e.maildirOptions())
	if err != nil {
		return nil, err
	}
	var back []RemovedMessage
	var errs []error
	for _, m := range runs[i].Messages {
		if len(files) > 0 && !slices.Contains(files, m.File) {
			continue
		}
		if err := e.restore(ctx, store, m); err != nil {
			errs = append(errs, err)
			continue
		}
		back = append(back, m)
	}
	for _, f := range files {
		if !slices.ContainsFunc(runs[i].Messages, func(m RemovedMessage) bool { return m.File == f }) {
			errs = append(errs, &mail.Error{Op: "undo " + f, Kind: mail.KindMessage, Err: mail.ErrGone})
		}
	}
	return back, errors.Join(errs...)
}

// restore puts one file back. A message of that name may be there again,
// when it was restored or delivered once more; then this one gets a new name.
func (e *Engine) restore(ctx context.Context, store *maildir.Store, m RemovedMessage) error {
	if err := store.CreateFolder(ctx, m.Mailbox); err != nil {
		return err
	}
	_, err := store.Restore(ctx, m.removed)
	return err
}

// subject returns the Subject of a message as it stands in the header, for
// lists; "" if there is none to be read.
func subject(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	return readSubject(f)
}

// forgetUndo deletes for good what was removed longer ago than undo_days.
func (s *session) forgetUndo(ctx context.Context) error {
	runs, err := s.store.UndoRuns()
	if err != nil {
		return err
	}
	for _, r := range runs {
		t, err := time.Parse(undoLayout, r)
		if err != nil || s.start.Sub(t) < time.Duration(max(0, s.account.UndoDays))*24*time.Hour {
			continue
		}
		if err := s.store.ForgetRun(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
