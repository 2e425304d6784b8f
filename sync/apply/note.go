package apply

import (
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// noteRemote brings the base up to what was done. After an error of the
// connection, operations whose outcome is unknown keep their intent.
func (a *applier) noteRemote(tx *state.Tx, changes []*laneChange, fatal error) error {
	var n notes
	for _, x := range changes {
		if fatal != nil && x.err != nil {
			continue
		}
		switch {
		case errors.Is(x.err, errKept):
			a.noteKept(&n, x)
			continue
		case errors.Is(x.err, errWaits):
			a.notePostponed(&n, x)
			continue
		}
		if x.op.Kind == plan.RemoteMove || x.op.Kind == plan.RemoteCopy {
			if taken, err := a.taken(tx, a.Mailboxes[x.op.To], x); err != nil {
				return err
			} else if taken {
				x.uid, x.err = 0, mail.ErrChanged
			}
		}
		if !keepsIntent(x) && (x.err == nil || !slices.Contains(a.OwnDeletions, x.intent)) {
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

// keepsIntent reports whether the journal goes on telling of an operation that was not
// carried out. A copy or move whose end is unknown is recognised by its intent, and so is
// the \Deleted of a message that the server would not expunge, and a copy whose original
// stayed, whatever the reason.
func keepsIntent(x *laneChange) bool {
	kind := x.op.Kind
	switch {
	case x.err == nil:
		return false
	case x.byHalves, errors.Is(x.err, quirk.ErrRefused), errors.Is(x.err, quirk.ErrUnverified), errors.Is(x.err, quirk.ErrUnseen):
		return true
	case remote.NotDone(x.err) != nil:
		return kind != plan.RemoteFlags
	case errors.Is(x.err, mail.ErrChanged):
		return kind == plan.RemoteCopy || kind == plan.RemoteMove || kind == plan.RemoteTrash
	}
	return kind == plan.RemoteRemove
}

// noteRemoteChange notes an operation that was carried out.
func (a *applier) noteRemoteChange(tx *state.Tx, n *notes, x *laneChange) error {
	switch x.op.Kind {
	case plan.RemoteRemove, plan.RemoteTrash:
		a.noteRemoved(n, x)
		return nil
	case plan.RemoteMove:
		return a.noteMoved(tx, n, x)
	case plan.RemoteCopy:
		return a.noteCopied(tx, n, x)
	}
	m := x.m
	m.Applied(x.op, x.unheld)
	m.Item.Remote.Flags = m.Item.Remote.Flags.Apply(x.op.Delta).Minus(x.unheld)
	a.placeFile(m)
	n.put(m.Row)
	return nil
}

// noteRemoved notes that a message went, for good or to the trash.
func (a *applier) noteRemoved(n *notes, x *laneChange) {
	if i := a.PostponedBefore(x.m.Row.ID); i != nil {
		n.over(i)
	}
	if !x.kept {
		a.look.NoteRemoved(a.Mailboxes[x.op.Mailbox], x.m.UID)
		a.noteRemoval(n, x.op, x.uid)
	}
	a.leave(n, x)
}

// noteMoved notes that a message is in another mailbox, where another one of the base may
// have been the same.
func (a *applier) noteMoved(tx *state.Tx, n *notes, x *laneChange) error {
	m, to := x.m, a.Mailboxes[x.op.To]
	if !x.kept {
		a.look.NoteRemoved(a.Mailboxes[x.op.Mailbox], m.UID)
	}
	if merged, err := a.merged(tx, n, to, x, m.Row); err != nil || merged {
		a.leave(n, x)
		return err
	}
	if x.kept {
		// The row goes with the file; what stays is another message.
		a.leave(n, x)
		row := *m.Row
		row.ID = 0
		m.Row = &row
	}
	m.UID = x.uid
	m.Row.MailboxID, m.Row.UID = to.Row.ID, x.uid
	m.Place(to.Row.ID, m.File)
	// What somebody cleared on the server, and this run left at that, did not come along.
	a.look.NoteCreated(to, m.Row, true, m.Row.RemoteFlags.Minus(m.Item.Remote.Flags))
	n.put(m.Row)
	return nil
}

// noteCopied notes that a file got its message by a copy. It has the flags of its source;
// how the file differs from them is a change like any other, which the next cycle
// carries over.
func (a *applier) noteCopied(tx *state.Tx, n *notes, x *laneChange) error {
	m, to := x.m, a.Mailboxes[x.op.To]
	if merged, err := a.merged(tx, n, to, x, m.Row); err != nil || merged {
		return err
	}
	src := view.Ref(x.op.Source)
	m.UID, m.Date, m.EmailID = x.uid, src.Date, "" // the next cycle is told
	row := a.NewRow(to, m, m)
	if m.Row != nil {
		row.ID = m.Row.ID // it was elsewhere, and is gone there
	}
	m.Row = row
	m.Row.LocalFlags, m.Row.RemoteFlags = src.Item.Remote.Flags.Minus(m.Cannot), src.Item.Remote.Flags
	m.Place(m.Row.MailboxID, m.File)
	a.HoldStamp(x.op.To)
	a.follows(to, x.uid)
	a.look.NoteCreated(to, m.Row, true, mail.Flags{})
	n.put(m.Row)
	return nil
}

// noteRemoval remembers, in the transaction that forgets the row, what was
// removed.
func (s *Apply) noteRemoval(n *notes, op *plan.Op, trashUID mail.UID) {
	if op.Item.Left {
		return
	}
	m := view.Ref(op.Item)
	r := state.Removal{Time: s.Now(), Side: state.Remote, Mailbox: m.Home, Fate: state.FateExpunged, Message: m.Row.ID,
		Digest: m.Row.Digest, Size: m.Row.Size, Date: m.Row.Date, Base: m.Row.Base}
	switch op.Kind {
	case plan.LocalRemove:
		r.Side, r.Fate = state.Local, state.FateUndo
	case plan.RemoteTrash:
		r.Fate, r.Trash, r.TrashUID = state.FateTrash, op.To, trashUID
	}
	n.losses, n.held = append(n.losses, r), s.decide.Before
}

// replacesStump notes, with the row of a message that is there as a whole now, that its
// stump is to go.
func (s *Apply) replacesStump(n *notes, m *view.Message, mb *view.Mailbox) {
	st := s.match.StumpOf(m.File)
	if st == nil || m.Row == st.Message.Row {
		return
	}
	n.grownUp = append(n.grownUp, st.Young)
	n.announced = append(n.announced, state.ExpungeStump(state.Subject{Message: st.Message.Row.ID, Home: mb.Name}, st.Message.UID, m.File.Base()))
	s.HoldStamp(mb.Name)
	s.look.Unexpected(mb.Name)
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.Moved = true // the next cycle removes it
}
