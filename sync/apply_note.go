package sync

import (
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// noteRemote brings the base up to what was done. After an error of the
// connection, operations whose outcome is unknown keep their intent.
func (a *applier) noteRemote(tx *state.Tx, changes []*laneChange, fatal error) error {
	var n notes
	for _, x := range changes {
		if fatal != nil && x.err != nil {
			continue
		}
		if errors.Is(x.err, errWaits) || errors.Is(x.err, errKept) {
			note := a.notePostponed
			if errors.Is(x.err, errKept) {
				note = a.noteKept
			}
			note(&n, x)
			continue
		}
		if x.op.Kind == plan.RemoteMove || x.op.Kind == plan.RemoteCopy {
			if taken, err := a.taken(tx, a.mailboxes[x.op.To], x); err != nil {
				return err
			} else if taken {
				x.uid, x.err = 0, mail.ErrChanged
			}
		}
		// A copy or move whose end is unknown is recognised by its intent, and
		// so is the \Deleted of a message that the server would not expunge, and
		// a copy whose original stayed, whatever the reason.
		changed := errors.Is(x.err, mail.ErrChanged)
		copied := x.err != nil && x.byHalves || remote.NotDone(x.err) != nil && x.op.Kind != plan.RemoteFlags
		keep := copied || x.err != nil && (changed && (x.op.Kind == plan.RemoteCopy || x.op.Kind == plan.RemoteMove || x.op.Kind == plan.RemoteTrash) ||
			errors.Is(x.err, errRefused) || errors.Is(x.err, errUnverified) || errors.Is(x.err, errUnseen) || !changed && x.op.Kind == plan.RemoteRemove)
		if !keep && (x.err == nil || !slices.Contains(a.begun, x.intent)) {
			n.over(x.intent)
		}
		if x.err == nil {
			if err := a.noteRemoteChange(tx, &n, x); err != nil {
				return err
			}
		}
	}
	return errors.Join(n.write(tx), a.noteAwaited(tx, changes))
}

func (a *applier) noteRemoteChange(tx *state.Tx, n *notes, x *laneChange) error {
	m := x.m
	if left := x.op.Kind == plan.RemoteRemove || x.op.Kind == plan.RemoteTrash || x.op.Kind == plan.RemoteMove; left && !x.kept {
		a.takeOut(a.mailboxes[x.op.Mailbox], m.uid)
	}
	switch x.op.Kind {
	case plan.RemoteRemove, plan.RemoteTrash:
		if i := a.postponedBefore(m.row.ID); i != nil {
			n.over(i)
		}
		if !x.kept {
			a.noteRemoval(n, x.op, x.uid)
		}
		a.leave(n, x)
		return nil
	case plan.RemoteFlags:
		m.settled(x.op, x.unheld)
		m.item.Remote.Flags = m.item.Remote.Flags.Apply(x.op.Delta).Minus(x.unheld)
		if m.onDisk() && a.byID[m.row.MailboxID].name == m.file.Folder {
			m.place(m.row.MailboxID, m.file)
		}
	case plan.RemoteMove:
		if merged, err := a.merged(tx, n, a.mailboxes[x.op.To], x, m.row); err != nil || merged {
			a.leave(n, x)
			return err
		}
		if x.kept {
			// The row goes with the file; what stays is another message.
			a.leave(n, x)
			row := *m.row
			row.ID = 0
			m.row = &row
		}
		m.uid = x.uid
		m.row.MailboxID, m.row.UID = a.mailboxes[x.op.To].row.ID, x.uid
		m.place(a.mailboxes[x.op.To].row.ID, m.file)
		// What somebody cleared on the server, and this run left at that, did not come along.
		a.putThere(a.mailboxes[x.op.To], m.row, true, m.row.RemoteFlags.Minus(m.item.Remote.Flags))
	case plan.RemoteCopy:
		if merged, err := a.merged(tx, n, a.mailboxes[x.op.To], x, m.row); err != nil || merged {
			return err
		}
		// The copy has the flags of its source; how the file differs from
		// them is a change like any other, which the next cycle carries
		// over.
		src := ref(x.op.Source)
		m.uid, m.date, m.emailID = x.uid, src.date, "" // the next cycle is told
		row := a.newRow(a.mailboxes[x.op.To], m, m)
		if m.row != nil {
			row.ID = m.row.ID // it was elsewhere, and is gone there
		}
		m.row = row
		m.row.LocalFlags, m.row.RemoteFlags = src.item.Remote.Flags.Minus(m.cannot), src.item.Remote.Flags
		m.place(m.row.MailboxID, m.file)
		a.hold(false, x.op.To)
		a.follows(a.mailboxes[x.op.To], x.uid)
		a.putThere(a.mailboxes[x.op.To], m.row, true, mail.Flags{})
	}
	n.put(m.row)
	return nil
}
