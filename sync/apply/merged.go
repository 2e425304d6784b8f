package apply

import (
	"context"
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// Where mailboxes are labels, a message that is moved, copied or appended to
// where it is already stays one message: the server answers with the UID that
// it has there. Then the Maildir has one file too many.

// errMerged is a message that the server took for one that it is not.
var errMerged = errors.New("the server took the message for another one that it has there")

// merged reports whether the UID at which a message ended is that of a message
// which the base has there already.
func (a *applier) merged(tx *state.Tx, n *notes, to *view.Mailbox, x *laneChange, row *state.Message) (bool, error) {
	id, digest, err := tx.At(to.Row.ID, x.uid)
	if err != nil || row != nil && id == row.ID && id != 0 {
		return false, err
	}
	if id == 0 {
		i := slices.IndexFunc(n.rows, func(r *state.Message) bool { return r.MailboxID == to.Row.ID && r.UID == x.uid })
		if i < 0 {
			return false, nil
		}
		digest = n.rows[i].Digest
	}
	if digest != x.m.Digest() {
		x.err = &mail.Error{Op: "store", Mailbox: to.Name, UID: x.uid, Kind: mail.KindMessage, Err: errMerged,
			Hint: "the file stays in the Maildir"}
		return true, nil
	}
	x.merged = true
	return true, nil
}

// leave forgets a message that was taken out of its mailbox. One that the
// server kept there all the same is delivered again.
func (a *applier) leave(n *notes, x *laneChange) {
	// A change of its flags may be noted already.
	n.rows = slices.DeleteFunc(n.rows, func(r *state.Message) bool { return r.ID == x.m.Row.ID && r.ID != 0 })
	if !x.kept {
		n.remove(x.m.Row)
		return
	}
	row := *x.m.Row
	row.Pending = true
	a.Mu.Lock()
	a.Moved = true
	a.Mu.Unlock()
	a.HoldStamp(x.op.Mailbox)
	a.look.Unexpected(x.op.Mailbox)
	n.put(&row)
}

// dropMerged moves the files of merged messages to the undo folder. A run that
// dies before does it when the file, which no row names, is seen again.
func (a *applier) dropMerged(ctx context.Context, changes []*laneChange) error {
	for _, x := range changes {
		if !x.merged || !x.m.OnDisk() {
			continue
		}
		a.touchesFolders(x.m.File.Folder)
		a.look.Unexpected(x.m.File.Folder)
		err := diskFull(a.Store.Discard(ctx, x.m.File, a.UndoRun()))
		if err == nil {
			err = diskFull(a.Store.SyncFolders(ctx, x.m.File.Folder))
		}
		if err != nil && !errors.Is(err, mail.ErrGone) {
			if pool.Fatal(ctx, err) {
				return err
			}
			a.skip(x.op, err)
		}
	}
	return nil
}

// expectCopies returns the rows of copies, to be stored ahead of their files;
// not of those at whose UID a move of this same cycle ended.
func (a *applier) expectCopies(tx *state.Tx, copies []*localChange) ([]*state.Message, error) {
	rows := make([]*state.Message, 0, len(copies))
	for _, c := range copies {
		id := int64(0)
		if a.Pool.Shares() {
			var err error
			if id, _, err = tx.At(c.m.Row.MailboxID, c.m.Row.UID); err != nil {
				return nil, err
			}
		}
		if id != 0 && id != c.m.Row.ID {
			c.err = mail.ErrChanged
			continue
		}
		rows = append(rows, c.m.Row)
	}
	return rows, nil
}
