package undo

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/report"
	"satchel/sync/run"
)

// Run is what one run removed from either side.
type Run struct {
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

// Undo is what undo looks at.
type Undo struct {
	db    *state.DB // nil: there is no state
	store *maildir.Store
	names map[int64]string // of mailboxes
}

// New looks at what is in the undo folder of store, and at what db remembers unless that
// is nil.
func New(db *state.DB, store *maildir.Store) *Undo {
	return &Undo{db: db, store: store}
}

// Runs lists what syncs removed, the newest run first.
func (u *Undo) Runs(ctx context.Context) ([]Run, error) {
	names, err := u.store.UndoRuns()
	if err != nil {
		return nil, err
	}
	runs := []Run{}
	for _, n := range names {
		removed, err := u.store.Discarded(ctx, n)
		if err != nil {
			return nil, err
		}
		began, err := time.Parse(run.UndoLayout, n)
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
	slices.SortStableFunc(runs, func(a, b Run) int { return strings.Compare(b.Run, a.Run) })
	return runs, nil
}

// addTo adds a message to the run of that name.
func addTo(runs []Run, name string, began time.Time, m RemovedMessage) []Run {
	i := slices.IndexFunc(runs, func(r Run) bool { return r.Run == name })
	if i < 0 {
		i = len(runs)
		runs = append(runs, Run{Run: name, Time: began})
	}
	runs[i].Messages = append(runs[i].Messages, m)
	return runs
}

// Restore brings back those messages whose file name is in files, or all.
func (u *Undo) Restore(ctx context.Context, list []RemovedMessage, files []string) (back []RemovedMessage, err error) {
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

// TakenBack makes the state forget removals that were undone: they are no loss
// that the brakes should add up.
func (u *Undo) TakenBack(ctx context.Context, back []RemovedMessage) error {
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
func (u *Undo) head(m maildir.Removed) (text, from string) {
	f, err := u.store.OpenRemoved(m)
	if err != nil {
		return "", ""
	}
	defer func() { _ = f.Close() }() // only read
	return report.ReadHead(f)
}
