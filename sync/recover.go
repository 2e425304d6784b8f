package sync

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// An interrupted run leaves intents in the journal. What it had done already
// must not be taken for a change by the user: otherwise a flag that satchel
// itself set on one side would win over the user's clearing it on the other.
// So before anything is planned, the base is brought up to what was done; an
// intent that was not carried out needs nothing, since the change that led to
// it is still seen.
//
// A dry run changes no state; it looks at the sides as they are.

// recoverLocal completes intents on the Maildir.
func (s *session) recoverLocal(ctx context.Context) error {
	return s.recover(ctx, func(i *state.Intent, m *message) bool {
		switch i.Kind {
		case state.IntentLocalMove:
			flags := m.rebase(i.Delta, m.item.Local, &m.item.Remote) // they went with the file
			to := s.mailboxes[i.Mailbox]
			if to == nil || to.row == nil || to.detached || m.item.Local.State != plan.Moved || m.item.Local.Mailbox != i.Mailbox {
				return flags
			}
			s.byID[m.row.MailboxID].baseCount--
			to.baseCount++
			m.row.MailboxID, m.row.UID = to.row.ID, i.UID
			to.resumed = append(to.resumed, m)
			m.row.Base = m.file.Base()
			m.uid = i.UID
			if m.detached { // it is in a mailbox whose UIDs hold
				m.detached, m.item.Remote.State = false, plan.Same
			}
			m.item.Remote.Mailbox, m.item.Remote.Key = to.name, uidKey(i.UID)
			m.refresh(to.name)
			return true
		case state.IntentLocalFlags:
			return m.rebase(i.Delta, m.item.Local, &m.item.Remote)
		}
		return false
	})
}

// among calls f with the rows of a mailbox that have one of these UIDs, as the
// recovery left them: what it finds is written by a run, and not by a dry run.
func (s *session) among(ctx context.Context, mb *mailbox, uids mail.UIDSet, f func(*state.Message) error) error {
	err := s.db.Among(ctx, mb.row.ID, uids, func(row *state.Message) error {
		if m := s.messages[row.ID]; s.req.DryRun && m != nil && (m.row.MailboxID != row.MailboxID || m.row.UID != row.UID) {
			return nil // it has followed its file
		}
		return f(row)
	})
	if err != nil || !s.req.DryRun {
		return err
	}
	for _, m := range mb.resumed {
		if uids.Contains(m.row.UID) {
			if err := f(m.row); err != nil {
				return err
			}
		}
	}
	return nil
}

// resumedGone returns the UIDs of rows that came to a mailbox after the server
// was asked, and whose messages it has no more. Its answer does not tell: a
// message beyond the cursor is not said to have vanished unless it was asked
// for. What it listed anew is there.
func (s *session) resumedGone(ctx context.Context, mb *mailbox) (mail.UIDSet, error) {
	var uids []mail.UID
	for _, m := range mb.resumed {
		if uid := m.row.UID; !slices.ContainsFunc(mb.changes.New, func(n remote.NewMessage) bool { return n.UID == uid }) {
			uids = append(uids, uid)
		}
	}
	if len(uids) == 0 {
		return nil, nil
	}
	open := mail.UIDSetOf(uids)
	c, err := s.pool.first(ctx)
	if err != nil {
		return nil, err
	}
	there, err := c.There(ctx, mb.name, mb.changes.Cursor.UIDValidity, open)
	if err != nil {
		return nil, err
	}
	return open.Minus(there), nil
}

// recoverRemoteFlags completes intents to change flags on the server.
func (s *session) recoverRemoteFlags(ctx context.Context) error {
	return s.recover(ctx, func(i *state.Intent, m *message) bool {
		switch i.Kind {
		case state.IntentRemoteFlags:
			return m.rebase(i.Delta, m.item.Remote, nil)
		case state.IntentRemoteRemove:
			return s.unmarkFound(i, m)
		}
		return false
	})
}

// recoverRemoteMoves completes moves on the server, once matchRemote found
// where messages went.
func (s *session) recoverRemoteMoves(ctx context.Context) error {
	err := s.recover(ctx, func(i *state.Intent, m *message) bool {
		if i.Kind == state.IntentRemoteFlags && m.item.Remote.State == plan.Moved && !m.detached {
			return m.rebase(i.Delta, m.item.Remote, nil) // now that it was found
		}
		if m.marked() && !s.frozen(i) && (m.item.Remote.Mailbox != i.Mailbox || i.Home == i.Mailbox) && s.unmarkFound(i, m) {
			return true // its other half is not there any more; that one never had our mark
		}
		to := s.mailboxes[i.Mailbox]
		if i.Kind != state.IntentRemoteMove || to == nil || to.row == nil ||
			m.item.Remote.State != plan.Moved || m.item.Remote.Mailbox != i.Mailbox {
			return false
		}
		if to.detached {
			// The row is written when the old ones there are gone.
			s.explained = append(s.explained, i)
			return false
		}
		m.row.MailboxID, m.row.UID, m.detached = to.row.ID, m.uid, false
		m.row.RemoteFlags = s.shown(to, m.row.RemoteFlags, m.item.Remote.Flags)
		m.item.Remote.Base = s.shown(to, m.item.Remote.Base, m.item.Remote.Flags)
		if m.item.Local.State.Present() {
			m.row.Base = m.file.Base()
		}
		s.readFrom(to, m)
		m.refresh(to.name)
		return true
	})
	if err != nil {
		return err
	}
	if err := s.carryFromLeft(ctx); err != nil {
		return err
	}
	s.recoverPostponed()
	s.hideMarks()
	return s.dropIntents(ctx)
}

// recover calls f for the intents about messages that the base still has, and
// stores the rows for which it returns true.
func (s *session) recover(ctx context.Context, f func(*state.Intent, *message) bool) error {
	var changed []*state.Message
	for _, i := range s.intents {
		m, err := s.messageOf(ctx, i)
		if err != nil {
			return err
		}
		if m != nil && f(i, m) {
			changed = append(changed, m.row)
		}
	}
	if len(changed) == 0 || s.req.DryRun {
		return nil
	}
	return s.db.Update(ctx, func(tx *state.Tx) error {
		for _, row := range changed {
			mb := s.byID[row.MailboxID]
			if err := s.learnValidity(tx, mb, s.validity(mb)); err != nil {
				return err
			}
		}
		return tx.PutMessages(changed)
	})
}

// rebase takes into the base what side shows of d, a change that an
// interrupted run was about to make there. The change came from the other
// side, so that side held it at that time; where the other side was not
// looked at yet, it is believed to hold it still.
func (m *message) rebase(d mail.Delta, side plan.Side, otherUnseen *plan.Side) bool {
	if !side.State.Present() {
		return false
	}
	done := mail.Delta{Add: d.Add.Intersect(side.Flags).Minus(side.Base), Remove: d.Remove.Minus(side.Flags).Intersect(side.Base)}
	if done.IsEmpty() {
		return false
	}
	m.row.LocalFlags = m.row.LocalFlags.Apply(done)
	m.row.RemoteFlags = m.row.RemoteFlags.Apply(done)
	m.item.Local.Base, m.item.Remote.Base = m.row.LocalFlags, m.row.RemoteFlags
	if m.onDisk() {
		m.row.Info = infoUnknown // it shows the flags of before; the look at the folder has the name
	}
	if otherUnseen != nil {
		otherUnseen.Flags = otherUnseen.Flags.Apply(done)
	}
	for _, x := range []*plan.Side{&m.item.Local, &m.item.Remote} {
		if x.State == plan.Same || x.State == plan.Edited {
			x.State = plan.Same
			if !x.Flags.Equal(x.Base) {
				x.State = plan.Edited
			}
		}
	}
	return true
}

// dropIntents empties the journal of what was there when the cycle began,
// except for mailboxes that could not be compared. What an intent explains is
// noted by [applier.base], together with its end.
func (s *session) dropIntents(ctx context.Context) error {
	if s.req.DryRun || len(s.intents) == 0 {
		return nil
	}
	var over []int64
	stay := slices.Concat(s.begun, s.explained, s.waiting)
	for _, i := range s.intents {
		if !s.frozen(i) && !s.stillPostponed(i) && !slices.Contains(stay, i) {
			over = append(over, i.ID)
		}
	}
	return s.db.Update(ctx, func(tx *state.Tx) error { return tx.DeleteIntents(over...) })
}

// frozen reports whether a mailbox that the intent speaks of could not be
// compared.
func (s *session) frozen(i *state.Intent) bool {
	return slices.ContainsFunc([]string{i.Mailbox, i.Home}, func(name string) bool {
		mb := s.mailboxes[name]
		return mb != nil && mb.frozen()
	})
}

// intendedAppends returns the interrupted uploads into a mailbox.
func (s *session) intendedAppends(mailbox string) []*state.Intent {
	var list []*state.Intent
	for _, i := range s.intents {
		if i.Kind == state.IntentAppend && i.Mailbox == mailbox {
			list = append(list, i)
		}
	}
	return list
}

// trashed reports whether an interrupted run was moving the message to the
// trash because it was removed locally.
func (s *session) trashed(m *message) bool {
	return slices.ContainsFunc(s.intents, func(i *state.Intent) bool {
		return i.Kind == state.IntentTrash && i.Message == m.row.ID
	})
}

// movedByUs reports whether an interrupted run was moving the message on the
// server.
func (s *session) movedByUs(m *message) bool {
	return slices.ContainsFunc(s.intents, func(i *state.Intent) bool {
		return i.Kind == state.IntentRemoteMove && i.Message == m.row.ID
	})
}

// movedByUsTo is movedByUs, and to there.
func (s *session) movedByUsTo(m *message, mailbox string) bool {
	return slices.ContainsFunc(s.intents, func(i *state.Intent) bool {
		return i.Kind == state.IntentRemoteMove && i.Message == m.row.ID && i.Mailbox == mailbox
	})
}
