package recovery

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// An interrupted run leaves intents in the journal. What it had done already
// must not be taken for a change by the user: otherwise a flag that satchel
// itself set on one side would win over the user's clearing it on the other.
// So before anything is planned, the base is brought up to what was done; an
// intent that was not carried out needs nothing, since the change that led to
// it is still seen.
//
// None of it is written here: a plan that is carried out begins with it.

// RecoverLocal completes intents on the Maildir.
func (s *Recovery) RecoverLocal(ctx context.Context) error {
	return s.recover(ctx, func(i *state.Intent, m *view.Message) bool {
		switch i.Kind {
		case state.IntentLocalMove:
			flags := m.Rebase(i.Delta, m.Item.Local, &m.Item.Remote) // they went with the file
			to := s.Mailboxes[i.Mailbox]
			if to == nil || to.Row == nil || to.UIDsVoid || m.Item.Local.State != plan.Moved || m.Item.Local.Mailbox != i.Mailbox {
				return flags
			}
			to.TakeRow(s.ByID[m.Row.MailboxID], m, i.UID)
			m.Row.Base = m.File.Base()
			m.UID = i.UID
			if m.UIDVoid { // it is in a mailbox whose UIDs hold
				m.UIDVoid, m.Item.Remote.State = false, plan.Same
			}
			m.Item.Remote.Mailbox, m.Item.Remote.Key = to.Name, view.UIDKey(i.UID)
			m.Refresh(to.Name)
			return true
		case state.IntentLocalFlags:
			return m.Rebase(i.Delta, m.Item.Local, &m.Item.Remote)
		}
		return false
	})
}

// RecoverRemoteFlags completes intents to change flags on the server.
func (s *Recovery) RecoverRemoteFlags(ctx context.Context) error {
	return s.recover(ctx, func(i *state.Intent, m *view.Message) bool {
		switch i.Kind {
		case state.IntentRemoteFlags:
			return m.Rebase(i.Delta, m.Item.Remote, nil)
		case state.IntentRemoteRemove:
			return s.takeBackDeleted(i, m)
		}
		return false
	})
}

// RecoverRemoteMoves completes moves on the server, once MatchRemote found
// where messages went.
func (s *Recovery) RecoverRemoteMoves(ctx context.Context) error {
	err := s.recover(ctx, func(i *state.Intent, m *view.Message) bool {
		if i.Kind == state.IntentRemoteFlags && m.Item.Remote.State == plan.Moved && !m.UIDVoid {
			return m.Rebase(i.Delta, m.Item.Remote, nil) // now that it was found
		}
		if m.Marked() && !s.Frozen(i) && (m.Item.Remote.Mailbox != i.Mailbox || i.Home == i.Mailbox) && s.takeBackDeleted(i, m) {
			return true // its other half is not there any more; that one never had our mark
		}
		to := s.Mailboxes[i.Mailbox]
		if i.Kind != state.IntentRemoteMove || to == nil || to.Row == nil ||
			m.Item.Remote.State != plan.Moved || m.Item.Remote.Mailbox != i.Mailbox {
			return false
		}
		if to.UIDsVoid {
			// The row is written when the old ones there are gone.
			s.Explained = append(s.Explained, i)
			return false
		}
		to.TakeRow(s.ByID[m.Row.MailboxID], m, m.UID)
		m.UIDVoid = false
		m.Row.RemoteFlags = s.look.Shown(to, m.Row.RemoteFlags, m.Item.Remote.Flags)
		m.Item.Remote.Base = s.look.Shown(to, m.Item.Remote.Base, m.Item.Remote.Flags)
		if m.Item.Local.State.Present() {
			m.Row.Base = m.File.Base()
		}
		s.match.ReadFrom(to, m)
		m.Refresh(to.Name)
		return true
	})
	if err != nil {
		return err
	}
	if err := s.carryFromLeft(ctx); err != nil {
		return err
	}
	s.recoverPostponed()
	s.ignoreOwnDeleted()
	s.dropIntents()
	return nil
}

// recover calls f for the intents about messages that the base still has, and
// stores the rows for which it returns true.
func (s *Recovery) recover(ctx context.Context, f func(*state.Intent, *view.Message) bool) error {
	var changed []*state.Message
	for _, i := range s.Intents {
		m, err := s.messageOf(ctx, i)
		if err != nil {
			return err
		}
		if m != nil && f(i, m) {
			changed = append(changed, m.Row.AsItIs())
		}
	}
	if len(changed) == 0 {
		return nil
	}
	s.Resolve(func(tx *state.Tx) error {
		for _, row := range changed {
			mb := s.ByID[row.MailboxID]
			if err := s.LearnValidity(tx, mb, s.Validity(mb)); err != nil {
				return err
			}
		}
		return tx.PutMessages(changed)
	})
	return nil
}

// dropIntents empties the journal of what was there when the cycle began,
// except for mailboxes that could not be compared. What an intent explains is
// noted by [applier.base], together with its end.
func (s *Recovery) dropIntents() {
	var over []*state.Intent
	stay := slices.Concat(s.OwnDeletions, s.Explained, s.Waiting)
	for _, i := range s.Intents {
		if !s.Frozen(i) && !s.stillPostponed(i) && !slices.Contains(stay, i) {
			over = append(over, i)
		}
	}
	if len(over) == 0 {
		return
	}
	s.Resolve(func(tx *state.Tx) error { // they may get their numbers in the same transaction
		var ids []int64
		for _, i := range over {
			ids = append(ids, i.ID)
		}
		return tx.DeleteIntents(ids...)
	})
}

// Frozen reports whether a mailbox that the intent speaks of could not be
// compared.
func (s *Recovery) Frozen(i *state.Intent) bool {
	return slices.ContainsFunc([]string{i.Mailbox, i.Home}, func(name string) bool {
		mb := s.Mailboxes[name]
		return mb != nil && mb.Frozen()
	})
}
