package sync

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// What an emulated move leaves behind is marked, and waits to be expunged (ADR
// 7). Another client sees it struck through, and may change its flags. That is a
// change of the message, which is in its new place by now: there it is made. It does
// not keep the original, which would be a second one.

// carryFromLeft makes changes of what moves left behind to the copies.
func (s *session) carryFromLeft(ctx context.Context) error {
	for _, i := range s.intents {
		if !s.stillPostponed(i) || !left(i) || superseded(i) {
			continue
		}
		m := s.messages[i.Message]
		d := m.item.Remote.Flags.Diff(m.item.Remote.Base)
		d.Add.System &^= mail.Deleted // is ours
		if d.IsEmpty() {
			continue
		}
		if err := s.carryOver(ctx, i, m, d); err != nil {
			return err
		}
	}
	return nil
}

// carryOver makes the change d of the original m to its copy. Where that is not
// possible now, the original waits. Somebody may have removed the copy: then the
// original is all that is left, and what was edited is kept or not.
func (s *session) carryOver(ctx context.Context, i *state.Intent, m *message, d mail.Delta) error {
	n, err := s.copyOfLeft(ctx, i, m)
	if n == nil || err != nil {
		return err
	}
	to := s.mailboxes[n.item.Remote.Mailbox]
	want := mail.Delta{Add: s.keeps(to).Stores(d.Add).Minus(n.item.Remote.Flags), Remove: d.Remove.Intersect(n.item.Remote.Flags)}
	waits := s.req.Pull || to.frozen() || n.detached
	switch {
	case waits || want.IsEmpty():
	case s.req.DryRun:
		n.item.Remote.Flags = n.item.Remote.Flags.Apply(want)
	default:
		if err := s.carry(ctx, n, want); err != nil {
			return err
		}
		s.mu.Lock()
		to.remoteDirty = true
		s.mu.Unlock()
		waits = !n.item.Remote.Flags.Equal(n.item.Remote.Flags.Apply(want))
	}
	home := s.byID[m.row.MailboxID]
	if waits {
		home.blindRemote = true
		s.hold(true, home.name)
		return nil
	}
	n.refresh(s.byID[n.row.MailboxID].name)
	m.item.Remote.Base = m.item.Remote.Base.Apply(d)
	m.row.RemoteFlags = m.item.Remote.Base
	m.refresh(home.name)
	if s.req.DryRun {
		return nil
	}
	return s.db.Update(ctx, func(tx *state.Tx) error { return tx.PutMessage(m.row) })
}

// copyOfLeft returns the copy of what a move left behind: the message of its
// content that is where the move led, or went on from there. nil: it is gone.
func (s *session) copyOfLeft(ctx context.Context, i *state.Intent, m *message) (*message, error) {
	rows, err := s.db.ByDigest(ctx, m.row.Digest)
	if err != nil {
		return nil, err
	}
	var best *message
	for _, row := range slices.Backward(rows) { // the newest first
		mb := s.byID[row.MailboxID]
		if row.ID == m.row.ID || mb == nil || s.mailboxes[mb.name] == nil || s.postponedBefore(row.ID) != nil {
			continue
		}
		n := s.message(row)
		if n.item.Remote.State == plan.Removed || s.mailboxes[n.item.Remote.Mailbox] == nil {
			continue
		}
		if mb.name == i.Mailbox {
			return n, nil
		}
		if best == nil && row.ID > m.row.ID {
			best = n
		}
	}
	return best, nil
}
