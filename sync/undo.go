package sync

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"satchel/maildir"
	"satchel/state"
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
	exists, err := state.Exists(e.statePath())
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(e.account.Maildir); !exists && errors.Is(err, os.ErrNotExist) {
		return []UndoRun{}, nil // never synced
	}
	store, err := maildir.Open(e.account.Maildir, e.maildirOptions())
	if err != nil {
		return nil, err
	}
	return undoRuns(ctx, store)
}

func undoRuns(ctx context.Context, store *maildir.Store) ([]UndoRun, error) {
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
				Subject: subject(store, m), removed: m})
		}
		runs = append(runs, r)
	}
	return runs, nil
}

// Restore brings messages of a run back into the Maildir: those whose file
// name is in files, or all when files is empty. The next sync puts them back
// on the server. It returns what it brought back.
func (e *Engine) Restore(ctx context.Context, run string, files []string) (back []RemovedMessage, err error) {
	unlock, err := lock(filepath.Join(e.account.StateDir, e.account.Name+".lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	store, err := e.knownMaildir(ctx)
	if err != nil {
		return nil, err
	}
	runs, err := undoRuns(ctx, store)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(runs, func(r UndoRun) bool { return r.Run == run })
	if i < 0 {
		return nil, &mail.Error{Op: "no messages are kept of a run " + strconv.Quote(run), Kind: mail.KindConfig,
			Hint: "satchel undo " + e.account.Name + " lists the runs"}
	}
	var errs []error
	taken := map[string]map[string]bool{}
	for _, m := range runs[i].Messages {
		if len(files) > 0 && !slices.Contains(files, m.File) {
			continue
		}
		err := restore(ctx, store, m, taken)
		if ctx.Err() != nil {
			return back, errors.Join(append(errs, err)...)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		back = append(back, m)
	}
	for _, f := range files {
		if !slices.ContainsFunc(runs[i].Messages, func(m RemovedMessage) bool { return m.File == f }) {
			errs = append(errs, &mail.Error{Op: "the run did not remove " + strconv.Quote(f), Kind: mail.KindMessage,
				Hint: "satchel undo -v " + e.account.Name + " lists the files"})
		}
	}
	return back, errors.Join(errs...)
}

// knownMaildir opens the Maildir and, where there is a state, makes sure that
// it is the one that was synced: mail must not go beneath the mount point of a
// disk that is missing.
func (e *Engine) knownMaildir(ctx context.Context) (store *maildir.Store, err error) {
	exists, err := state.Exists(e.statePath())
	if err != nil {
		return nil, err
	}
	if !exists {
		return maildir.Open(e.account.Maildir, e.maildirOptions())
	}
	db, err := state.Open(ctx, e.statePath(), e.stateOptions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	want, err := db.Meta(ctx, state.MetaRoot)
	if err != nil {
		return nil, err
	}
	if want == "" { // no sync got so far as to open one
		return maildir.Open(e.account.Maildir, e.maildirOptions())
	}
	store, _, err = e.openMaildir(ctx, db, true)
	return store, err
}

// restore puts one file back. A message of that name may be there again, such
// as when a mail program put it back; then this one stays where it is. taken
// holds the names in each folder that was looked at.
func restore(ctx context.Context, store *maildir.Store, m RemovedMessage, taken map[string]map[string]bool) error {
	names := taken[m.Mailbox]
	if names == nil {
		if err := store.CreateFolder(ctx, m.Mailbox); err != nil {
			return err
		}
		l, err := store.Scan(ctx, m.Mailbox)
		if err != nil {
			return err
		}
		names = make(map[string]bool, len(l.Files))
		for _, f := range l.Files {
			names[f.Base()] = true
		}
		taken[m.Mailbox] = names
	}
	// With other flags it is the same message still.
	base := maildir.File{Name: m.File}.Base()
	if names[base] {
		return &mail.Error{Op: "bring back " + m.File + " to", Mailbox: m.Mailbox, Kind: mail.KindMessage, Err: mail.ErrExists}
	}
	if _, err := store.Restore(ctx, m.removed); err != nil {
		return err
	}
	names[base] = true
	return nil
}

// subject returns the Subject of a message as it stands in the header, for
// lists; "" if there is none to be read.
func subject(store *maildir.Store, m maildir.Removed) string {
	f, err := store.OpenRemoved(m)
	if err != nil {
		return ""
	}
	text := readSubject(f)
	_ = f.Close() // only read
	return text
}

// tidy removes what earlier runs left: messages that were kept long enough,
// files in tmp that a stopped run was writing, and folders that it was making.
// They do not show in the stamps of a folder, so after such a run all are looked at.
func (s *session) tidy(ctx context.Context) error {
	interrupted, err := s.db.Interrupted(ctx, s.runID)
	if err != nil {
		return err
	}
	for _, name := range s.names {
		if mb := s.mailboxes[name]; mb.folder == nil || mb.listing == nil && !interrupted {
			continue
		}
		if err := s.store.SweepTmp(ctx, name, s.start); err != nil {
			s.log.Debug("sweep tmp", "mailbox", name, "err", err)
		}
	}
	if interrupted || s.store.Unfinished() { // a run may have died before it was in the history
		s.store.SweepRoot(s.start)
	}
	return s.forgetUndo(ctx)
}

// forgetUndo deletes for good what was removed longer ago than undo_days, of
// runs that the state knows: what else is in the undo folder is not satchel's,
// or belongs to a state that was lost.
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
		if ours, err := s.db.Ran(ctx, t); err != nil {
			return err
		} else if !ours {
			continue
		}
		if err := s.store.ForgetRun(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
