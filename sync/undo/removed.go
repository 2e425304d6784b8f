package undo

import (
	"context"
	"fmt"
	"strconv"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/report"
	"satchel/sync/run"
	"satchel/sync/view"
)

// A message that a sync removed from the server, because it was removed here, has
// no file in the undo folder: whoever removed it here had the file. What the state
// remembers of it tells where it is still, if anywhere (SPEC §8).

// Whereabouts says where a removed message is.
type Whereabouts string

// The whereabouts.
const (
	InUndo  Whereabouts = "undo"     // in the undo folder
	InTrash Whereabouts = "trash"    // in a mailbox of the server to which it was moved
	Copied  Whereabouts = "copy"     // the same message is in another mailbox
	Gone    Whereabouts = "expunged" // nowhere, as far as satchel knows
)

// removedThere adds to the runs in the undo folder what runs removed from the
// server.
func (u *Undo) removedThere(ctx context.Context, runs []Run) ([]Run, error) {
	if u.db == nil {
		return runs, nil
	}
	list, err := u.db.Removals(ctx, state.Remote)
	if err != nil {
		return nil, err
	}
	boxes, err := u.db.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	u.names = make(map[int64]string, len(boxes))
	for _, mb := range boxes {
		u.names[mb.ID] = mb.Name
	}
	for _, r := range list {
		m, back, err := u.locate(ctx, &r)
		if err != nil {
			return nil, err
		}
		if !back {
			runs = addTo(runs, r.Began.UTC().Format(run.UndoLayout), r.Began, m)
		}
	}
	return runs, nil
}

// locate finds out where a message is that was removed from the server; back
// reports that the mailbox has it again.
func (u *Undo) locate(ctx context.Context, r *state.Removal) (m RemovedMessage, back bool, err error) {
	m = RemovedMessage{Mailbox: r.Mailbox, File: r.Base, Side: state.Remote, Fate: Gone, Date: r.Date.Time(), id: r.ID}
	if r.Fate == state.FateTrash {
		m.Fate, m.Place = InTrash, r.Trash
	}
	rows, err := u.db.ByDigest(ctx, r.Digest)
	if err != nil {
		return m, false, err
	}
	for _, row := range rows {
		home := u.names[row.MailboxID]
		if home == r.Mailbox {
			return m, true, nil
		}
		if !row.NamesFile() {
			continue // the next sync knows its name
		}
		f := view.FileOf(home, row)
		if there, err := u.store.Exists(f); err != nil || !there {
			continue // renamed or removed since; the next sync sees to it
		}
		trash := r.Fate == state.FateTrash && home == r.Trash
		if m.source != nil && (!trash || row.UID != r.TrashUID) {
			continue // one is as good as the other
		}
		m.source, m.Place, m.Restorable = &f, home, true
		if m.Fate = Copied; trash {
			m.Fate = InTrash
		}
	}
	if m.source != nil {
		if h, err := u.store.OpenServerForm(*m.source, mail.FormRaw); err == nil {
			m.Subject, m.From = report.ReadHead(h)
			_ = h.Close() // only read
		}
	}
	return m, false, nil
}

// bring puts a message back that a sync removed from the server: out of the trash
// it is moved, of another mailbox's it becomes a copy.
func (u *Undo) bring(ctx context.Context, m RemovedMessage) error {
	if m.source == nil {
		return m.lost()
	}
	if err := u.store.CreateFolder(ctx, m.Mailbox); err != nil {
		return err
	}
	to := maildir.File{Folder: m.Mailbox, New: m.source.New, Name: m.source.Name}
	if m.Fate == Copied {
		to.Name = u.store.NewBase() + m.source.Name[len(m.source.Base()):]
		if err := u.store.Copy(ctx, *m.source, to); err != nil {
			return err
		}
	} else if err := u.store.Rename(ctx, *m.source, to); err != nil {
		return err
	}
	return u.store.SyncFolders(ctx, m.Mailbox, m.source.Folder)
}

// lost says why a message cannot be brought back, and what else can be done.
func (m RemovedMessage) lost() error {
	e := &mail.Error{Op: "bring back " + m.File + " to", Mailbox: m.Mailbox, Kind: mail.KindMessage}
	if m.Fate == InTrash {
		e.Err = fmt.Errorf("it is in the mailbox %s of the server, and not here", strconv.Quote(m.Place))
		e.Hint = "sync, if that mailbox is included; else move it back on the server"
		return e
	}
	e.Err = fmt.Errorf("it was removed here, so that the sync expunged it on the server, and no file of it is kept")
	e.Hint = "look for it in a backup"
	return e
}
