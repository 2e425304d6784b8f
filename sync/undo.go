package sync

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/undo"
)

// UndoRuns lists what syncs removed and is still remembered, the newest first.
func (e *Engine) UndoRuns(ctx context.Context) (runs []undo.Run, err error) {
	exists, err := state.Exists(e.StatePath())
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(e.Account.Maildir); !exists && errors.Is(err, os.ErrNotExist) {
		return []undo.Run{}, nil // never synced
	}
	store, err := maildir.Open(e.Account.Maildir, e.MaildirOptions())
	if err != nil {
		return nil, err
	}
	var db *state.DB
	if exists {
		if db, err = state.Open(ctx, e.StatePath(), e.StateOptions); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	return undo.New(db, store).Runs(ctx)
}

// Restore brings messages of a run back into the Maildir: those whose file
// name is in files, or all when files is empty. The next sync puts them back
// on the server. It returns what it brought back.
func (e *Engine) Restore(ctx context.Context, run string, files []string) (back []undo.RemovedMessage, err error) {
	unlock, err := lock(filepath.Join(e.Account.StateDir, e.Account.Name+".lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	exists, err := state.Exists(e.StatePath())
	if err != nil {
		return nil, err
	}
	var db *state.DB
	if exists {
		if db, err = state.Open(ctx, e.StatePath(), e.StateOptions); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	store, err := e.knownMaildir(ctx, db)
	if err != nil {
		return nil, err
	}
	u := undo.New(db, store)
	runs, err := u.Runs(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(runs, func(r undo.Run) bool { return r.Run == run })
	if i < 0 {
		return nil, &mail.Error{Op: "no messages are kept of a run " + strconv.Quote(run), Kind: mail.KindConfig,
			Hint: "satchel undo " + e.Account.Name + " lists the runs"}
	}
	var errs []error
	for _, f := range files {
		if !slices.ContainsFunc(runs[i].Messages, func(m undo.RemovedMessage) bool { return m.File == f }) {
			errs = append(errs, &mail.Error{Op: "the run did not remove " + strconv.Quote(f), Kind: mail.KindMessage,
				Hint: "satchel undo -v " + e.Account.Name + " lists the files"})
		}
	}
	back, some := u.Restore(ctx, runs[i].Messages, files)
	return back, errors.Join(append(errs, some, u.TakenBack(context.WithoutCancel(ctx), back))...)
}

// knownMaildir opens the Maildir and, where there is a state, makes sure that
// it is the one that was synced: mail must not go beneath the mount point of a
// disk that is missing.
func (e *Engine) knownMaildir(ctx context.Context, db *state.DB) (store *maildir.Store, err error) {
	if db == nil {
		return maildir.Open(e.Account.Maildir, e.MaildirOptions())
	}
	want, err := db.Meta(ctx, state.MetaRoot)
	if err != nil {
		return nil, err
	}
	if want == "" { // no sync got so far as to open one
		return maildir.Open(e.Account.Maildir, e.MaildirOptions())
	}
	store, _, err = e.openMaildir(ctx, db, true)
	return store, err
}
