package apply

import (
	"context"
	"errors"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// creates makes missing mailboxes and gives a row to every mailbox that both
// sides have.
func (a *applier) creates(ctx context.Context, ops []plan.Op) error {
	var conn *remote.Conn
	var made []creation
	for i := range ops {
		op := &ops[i]
		var err error
		switch op.Kind {
		case plan.CreateLocal:
			if err = a.createLocal(ctx, op); err == nil {
				a.done(op)
			}
		case plan.CreateRemote:
			if conn == nil {
				if conn, err = a.Pool.First(ctx); err != nil {
					return err
				}
			}
			var existed bool
			if existed, err = conn.Create(ctx, op.Mailbox); err == nil {
				made = append(made, creation{op, existed})
			}
		}
		if err != nil {
			if pool.Fatal(ctx, err) {
				return err
			}
			a.Mailboxes[op.Mailbox].RemoteIncomplete = true
			a.skip(op, diskFull(err))
		}
	}
	if err := a.confirmMade(ctx, conn, made); err != nil {
		return err
	}
	return a.commitMailboxes(ctx)
}

func (a *applier) createLocal(ctx context.Context, op *plan.Op) error {
	mb := a.Mailboxes[op.Mailbox]
	if err := a.startAnewLocally(ctx, mb); err != nil {
		return err
	}
	if err := a.Store.CreateFolder(ctx, op.Mailbox); err != nil {
		return err
	}
	mb.Folder = &maildir.Folder{Name: op.Mailbox, Cur: true, New: true}
	mb.Expected = &maildir.Fingerprint{}
	return nil
}

// startAnewLocally forgets the messages of a folder that comes back before it
// is made. A run that is stopped with the folder made and still empty would
// leave rows whose files seem to have been removed one by one. Those of which the
// files may be elsewhere keep their rows, which say so.
func (a *applier) startAnewLocally(ctx context.Context, mb *view.Mailbox) error {
	if mb.Row == nil {
		return nil
	}
	var gone []int64
	var away []*state.Message
	for _, m := range a.Messages {
		switch {
		case m.Row.MailboxID != mb.Row.ID || m.Item.Local.State != plan.Removed || m.Row.ID <= 0:
		case m.NotHeld():
			gone = append(gone, m.Row.ID)
			m.Row.ID, m.ID = 0, 0
		default:
			m.Row.ForgetName(state.FileNameAway)
			away = append(away, m.Row)
		}
	}
	v := a.Validity(mb)
	if mb.UIDsVoid {
		v = mb.Row.Cursor.UIDValidity // what moved elsewhere on disk still has a row, under a void UID
	}
	if len(gone) > 0 || len(away) == 0 {
		mb.Row.Cursor = mail.Cursor{UIDValidity: v} // all is reported anew
	}
	return a.commit(ctx, func(tx *state.Tx) error {
		return errors.Join(tx.DeleteMessages(gone...), tx.PutMessages(away), tx.PutMailbox(mb.Row))
	})
}

// startAnew voids the UIDs of a mailbox that was made again on the server,
// before new messages take the same ones. Until they are uploaded its files
// are new ones, also for a run that resumes. Messages that the server has
// elsewhere now keep their rows, by which a run that resumes finds them there
// again, and lose their UIDs.
func (a *applier) startAnew(ctx context.Context, mb *view.Mailbox) error {
	var moved []*state.Message
	for _, m := range a.Messages {
		switch {
		case m.Row.MailboxID != mb.Row.ID:
		case m.Item.Remote.State == plan.Moved && m.Row.ID > 0:
			moved = append(moved, m.Row)
		default:
			m.Row.ID, m.ID = 0, 0
		}
	}
	mb.Row.Cursor = mail.Cursor{}
	mb.Row.Refused = mail.Flags{}          // was said of the mailbox of before, or by a replica that was behind
	mb.Row.MailboxID = mb.Remote.MailboxID // another mailbox; an identity that LIST does not tell is asked for by the next run
	mb.Row.LookAgain()
	delete(a.look.Created, mb.Row.ID)
	return a.commit(ctx, func(tx *state.Tx) error {
		if err := tx.DetachOthers(mb.Row.ID, moved...); err != nil {
			return err
		}
		if err := tx.PutMessages(moved); err != nil {
			return err
		}
		return tx.PutMailbox(mb.Row)
	})
}

// commitMailboxes stores rows for mailboxes that both sides have now.
func (a *applier) commitMailboxes(ctx context.Context) error {
	var fresh []*view.Mailbox
	for _, name := range a.Names {
		mb := a.Mailboxes[name]
		if mb.Row == nil && mb.Folder != nil && mb.Remote != nil && !mb.Frozen() {
			fresh = append(fresh, mb)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return a.commit(ctx, func(tx *state.Tx) error {
		for _, mb := range fresh {
			row := &state.Mailbox{Name: mb.Name, PermanentAny: true, MailboxID: mb.Remote.MailboxID}
			// From now on rows name UIDs, so it must be known for which
			// UIDVALIDITY they hold.
			row.Cursor.UIDValidity = a.Validity(mb)
			if err := tx.PutMailbox(row); err != nil {
				return err
			}
			mb.Row = row
			a.ByID[row.ID] = mb
		}
		// A run that dies behind it would leave rows of mailboxes that the next one does
		// not know by their names on the server.
		return a.survey.RememberNames(tx)
	})
}

// deletes removes mailboxes, after one more look at whether they are empty.
func (a *applier) deletes(ctx context.Context, ops []plan.Op) error {
	var left map[string]bool // the mailboxes that the server has
	for i := range ops {
		op := &ops[i]
		if op.Kind.Stage() != plan.StageDelete {
			continue
		}
		mb := a.Mailboxes[op.Mailbox]
		if n, err := a.DB.Count(ctx, mb.Row.ID); err != nil {
			return err
		} else if n > 0 {
			// Something above it failed; the next cycle sees it again.
			a.skip(op, mail.ErrChanged)
			continue
		}
		if op.Kind == plan.DeleteRemote && a.look.ShowsLess() {
			a.look.SayStays(op.Mailbox)
			a.leaveForLater(op)
			continue
		}
		var err error
		switch op.Kind {
		case plan.DeleteLocal:
			// A run that died here while it fetched has left half a file.
			if err = a.Store.SweepTmp(ctx, op.Mailbox, a.Start); err == nil {
				err = a.Store.RemoveFolder(ctx, op.Mailbox)
			}
		case plan.DeleteRemote:
			if left == nil {
				if left, err = a.remaining(ctx); err != nil {
					return err
				}
			}
			if err = a.deleteRemote(ctx, op.Mailbox, left); err == nil {
				delete(a.Boxes, op.Mailbox)
			}
		}
		if err != nil {
			if pool.Fatal(ctx, err) {
				return err
			}
			a.skip(op, err)
			continue
		}
		if err := a.commit(ctx, func(tx *state.Tx) error { return tx.DeleteMailbox(mb.Row.ID) }); err != nil {
			return err
		}
		mb.Row = nil
		a.done(op)
	}
	return nil
}

// remaining asks which mailboxes the server has now.
func (a *applier) remaining(ctx context.Context) (map[string]bool, error) {
	c, err := a.Pool.First(ctx)
	if err != nil {
		return nil, err
	}
	boxes, err := c.ListMailboxes(ctx)
	if err != nil {
		return nil, err
	}
	is := make(map[string]bool, len(boxes))
	for _, b := range boxes {
		is[b.Name] = b.Selectable
	}
	return is, nil
}

// deleteRemote removes a mailbox that is there and empty.
func (a *applier) deleteRemote(ctx context.Context, name string, left map[string]bool) error {
	if !left[name] {
		return nil
	}
	c, err := a.Pool.First(ctx)
	if err != nil {
		return err
	}
	return c.DeleteEmpty(ctx, name)
}
