package sync

import (
	"context"
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
)

// Where mailboxes are labels, a message that is moved, copied or appended to
// where it is already stays one message: the server answers with the UID that
// it has there. Then the Maildir has one file too many.

// errMerged is a message that the server took for one that it is not.
var errMerged = errors.New("the server took the message for another one that it has there")

// merged reports whether the UID at which a message ended is that of a message
// which the base has there already.
func (a *applier) merged(tx *state.Tx, n *notes, to *mailbox, x *laneChange, row *state.Message) (bool, error) {
	id, digest, err := tx.At(to.row.ID, x.uid)
	if err != nil || row != nil && id == row.ID && id != 0 {
		return false, err
	}
	if id == 0 {
		i := slices.IndexFunc(n.rows, func(r *state.Message) bool { return r.MailboxID == to.row.ID && r.UID == x.uid })
		if i < 0 {
			return false, nil
		}
		digest = n.rows[i].Digest
	}
	if digest != x.m.digest() {
		x.err = &mail.Error{Op: "store", Mailbox: to.name, UID: x.uid, Kind: mail.KindMessage, Err: errMerged,
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
	n.rows = slices.DeleteFunc(n.rows, func(r *state.Message) bool { return r.ID == x.m.row.ID && r.ID != 0 })
	if !x.kept {
		n.remove(x.m.row)
		return
	}
	row := *x.m.row
	row.Pending = true
	a.mu.Lock()
	a.moved = true
	a.mu.Unlock()
	a.hold(false, x.op.Mailbox)
	a.unexpected(x.op.Mailbox)
	n.put(&row)
}

// dropMerged moves the files of merged messages to the undo folder. A run that
// dies before does it when the file, which no row names, is seen again.
func (a *applier) dropMerged(ctx context.Context, changes []*laneChange) error {
	for _, x := range changes {
		if !x.merged || !x.m.onDisk() {
			continue
		}
		a.mu.Lock()
		a.mailboxes[x.m.file.Folder].localDirty = true
		a.mu.Unlock()
		a.unexpected(x.m.file.Folder)
		err := diskFull(a.store.Discard(ctx, x.m.file, a.undoRun()))
		if err == nil {
			err = diskFull(a.store.SyncFolders(ctx, x.m.file.Folder))
		}
		if err != nil && !errors.Is(err, mail.ErrGone) {
			if fatal(ctx, err) {
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
		if a.pool.shares() {
			var err error
			if id, _, err = tx.At(c.m.row.MailboxID, c.m.row.UID); err != nil {
				return nil, err
			}
		}
		if id != 0 && id != c.m.row.ID {
			c.err = mail.ErrChanged
			continue
		}
		rows = append(rows, c.m.row)
	}
	return rows, nil
}
