package sync

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

// UndoRun is what one run removed from either side.
type UndoRun struct {
	Run      string           `json:"run"` // the argument to Restore
	Time     time.Time        `json:"time"`
	Messages []RemovedMessage `json:"messages"`
}

// RemovedMessage is one message that a run removed.
type RemovedMessage struct {
	Mailbox    string      `json:"mailbox"`
	File       string      `json:"file"` // its name, or of one that was removed here first the unique part
	Path       string      `json:"path"` // in the undo folder
	Subject    string      `json:"subject"`
	From       string      `json:"from"`
	Date       time.Time   `json:"date"`       // at which it came to the server; zero: not known
	Side       state.Side  `json:"side"`       // that the sync removed it from
	Fate       Whereabouts `json:"fate"`       // where it is now
	Place      string      `json:"place"`      // the mailbox, unless that is the undo folder
	Restorable bool        `json:"restorable"` // else nothing of it is here
	removed    maildir.Removed
	source     *maildir.File // of a message that is in another mailbox
	id         int64         // of the removal that the state remembers, 0: none
}

// undoing is what undo looks at.
type undoing struct {
	db    *state.DB // nil: there is no state
	store *maildir.Store
	names map[int64]string // of mailboxes
}

// UndoRuns lists what syncs removed and is still remembered, the newest first.
func (e *Engine) UndoRuns(ctx context.Context) (runs []UndoRun, err error) {
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
	var db *state.DB
	if exists {
		if db, err = state.Open(ctx, e.statePath(), e.stateOptions); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	return newUndoing(db, store).runs(ctx)
}

// newUndoing looks at what is in the undo folder of store, and at what db remembers unless that
// is nil.
func newUndoing(db *state.DB, store *maildir.Store) *undoing {
	return &undoing{db: db, store: store}
}

// runs lists what syncs removed, the newest run first.
func (u *undoing) runs(ctx context.Context) ([]UndoRun, error) {
	names, err := u.store.UndoRuns()
	if err != nil {
		return nil, err
	}
	runs := []UndoRun{}
	for _, n := range names {
		removed, err := u.store.Discarded(ctx, n)
		if err != nil {
			return nil, err
		}
		began, err := time.Parse(undoLayout, n)
		if err != nil {
			began = time.Time{}
		}
		for _, m := range removed {
			text, from := u.head(m)
			runs = addTo(runs, n, began, RemovedMessage{Mailbox: m.Folder, File: m.Name, Path: m.Path, Subject: text, From: from,
				Side: state.Local, Fate: InUndo, Restorable: true, removed: m})
		}
	}
	if runs, err = u.removedThere(ctx, runs); err != nil {
		return nil, err
	}
	slices.SortStableFunc(runs, func(a, b UndoRun) int { return strings.Compare(b.Run, a.Run) })
	return runs, nil
}

// addTo adds a message to the run of that name.
func addTo(runs []UndoRun, name string, began time.Time, m RemovedMessage) []UndoRun {
	i := slices.IndexFunc(runs, func(r UndoRun) bool { return r.Run == name })
	if i < 0 {
		i = len(runs)
		runs = append(runs, UndoRun{Run: name, Time: began})
	}
	runs[i].Messages = append(runs[i].Messages, m)
	return runs
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
	exists, err := state.Exists(e.statePath())
	if err != nil {
		return nil, err
	}
	var db *state.DB
	if exists {
		if db, err = state.Open(ctx, e.statePath(), e.stateOptions); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	store, err := e.knownMaildir(ctx, db)
	if err != nil {
		return nil, err
	}
	u := newUndoing(db, store)
	runs, err := u.runs(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(runs, func(r UndoRun) bool { return r.Run == run })
	if i < 0 {
		return nil, &mail.Error{Op: "no messages are kept of a run " + strconv.Quote(run), Kind: mail.KindConfig,
			Hint: "satchel undo " + e.account.Name + " lists the runs"}
	}
	var errs []error
	for _, f := range files {
		if !slices.ContainsFunc(runs[i].Messages, func(m RemovedMessage) bool { return m.File == f }) {
			errs = append(errs, &mail.Error{Op: "the run did not remove " + strconv.Quote(f), Kind: mail.KindMessage,
				Hint: "satchel undo -v " + e.account.Name + " lists the files"})
		}
	}
	back, some := u.restore(ctx, runs[i].Messages, files)
	return back, errors.Join(append(errs, some, u.takenBack(context.WithoutCancel(ctx), back))...)
}

// restore brings back those messages whose file name is in files, or all.
func (u *undoing) restore(ctx context.Context, list []RemovedMessage, files []string) (back []RemovedMessage, err error) {
	var errs []error
	taken := map[string]map[string]bool{}
	for _, m := range list {
		if len(files) > 0 && !slices.Contains(files, m.File) {
			continue
		}
		var err error
		if m.Fate == InUndo {
			err = restore(ctx, u.store, m, taken)
		} else {
			err = u.bring(ctx, m)
		}
		if ctx.Err() != nil {
			return back, errors.Join(append(errs, err)...)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		back = append(back, m)
	}
	return back, errors.Join(errs...)
}

// takenBack makes the state forget removals that were undone: they are no loss
// that the brakes should add up.
func (u *undoing) takenBack(ctx context.Context, back []RemovedMessage) error {
	if u.db == nil || len(back) == 0 {
		return nil
	}
	local, err := u.db.Removals(ctx, state.Local)
	if err != nil {
		return err
	}
	type place struct{ mailbox, base string }
	ids := map[place]int64{}
	for _, r := range local {
		ids[place{r.Mailbox, r.Base}] = r.ID
	}
	var forget []int64
	for _, m := range back {
		id := m.id
		if m.Fate == InUndo {
			id = ids[place{m.Mailbox, maildir.File{Name: m.File}.Base()}]
		}
		if id != 0 {
			forget = append(forget, id)
		}
	}
	return u.db.Update(ctx, func(tx *state.Tx) error { return tx.DeleteRemovals(forget...) })
}

// knownMaildir opens the Maildir and, where there is a state, makes sure that
// it is the one that was synced: mail must not go beneath the mount point of a
// disk that is missing.
func (e *Engine) knownMaildir(ctx context.Context, db *state.DB) (store *maildir.Store, err error) {
	if db == nil {
		return maildir.Open(e.account.Maildir, e.maildirOptions())
	}
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

// head returns Subject and From of a message in the undo folder as they stand
// in its header, for lists; "" if there is none to be read.
func (u *undoing) head(m maildir.Removed) (text, from string) {
	f, err := u.store.OpenRemoved(m)
	if err != nil {
		return "", ""
	}
	defer func() { _ = f.Close() }() // only read
	return readHead(f)
}
