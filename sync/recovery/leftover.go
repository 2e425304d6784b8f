package recovery

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/match"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// What an emulated move leaves behind is marked, and waits to be expunged (ADR
// 7). Another client sees it struck through, and may change its flags. That is a
// change of the message, which is in its new place by now: there it is made. It does
// not keep the original, which would be a second one.

// carryFromLeft makes changes of what moves left behind to the copies.
func (s *Recovery) carryFromLeft(ctx context.Context) error {
	for _, i := range s.Intents {
		if !s.stillPostponed(i) || !match.Left(i) || match.Superseded(i) {
			continue
		}
		m := s.Messages[i.Message]
		d := m.Item.Remote.Flags.Diff(m.Item.Remote.Base)
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
func (s *Recovery) carryOver(ctx context.Context, i *state.Intent, m *view.Message, d mail.Delta) error {
	n, err := s.copyOfLeft(ctx, i, m)
	if n == nil || err != nil {
		return err
	}
	to := s.Mailboxes[n.Item.Remote.Mailbox]
	want := mail.Delta{Add: s.quirks.PermanentFlags(to).Stores(d.Add).Minus(n.Item.Remote.Flags), Remove: d.Remove.Intersect(n.Item.Remote.Flags)}
	home := s.ByID[m.Row.MailboxID]
	if s.Req.Pull || to.Frozen() || n.UIDVoid {
		home.RemoteIncomplete = true
		s.HoldCursor(home.Name)
		return nil
	}
	m.Item.Remote.Base = m.Item.Remote.Base.Apply(d)
	m.Row.RemoteFlags = m.Item.Remote.Base
	m.Refresh(home.Name)
	if want.IsEmpty() {
		s.ResolveRow(m.Row)
		return nil
	}
	row := m.Row.AsItIs()
	s.match.Carry(view.Carry{Original: m, Copy: n, Delta: want, Done: func(tx *state.Tx) error { return tx.PutMessage(row) }})
	n.Refresh(s.ByID[n.Row.MailboxID].Name)
	return nil
}

// copyOfLeft returns the copy of what a move left behind: the message of its
// content that is where the move led, or went on from there. nil: it is gone.
func (s *Recovery) copyOfLeft(ctx context.Context, i *state.Intent, m *view.Message) (*view.Message, error) {
	rows, err := s.DB.ByDigest(ctx, m.Row.Digest)
	if err != nil {
		return nil, err
	}
	var best *view.Message
	for _, row := range slices.Backward(rows) { // the newest first
		mb := s.ByID[row.MailboxID]
		if row.ID == m.Row.ID || mb == nil || s.Mailboxes[mb.Name] == nil || s.PostponedBefore(row.ID) != nil {
			continue
		}
		n := s.Message(row)
		if n.Item.Remote.State == plan.Removed || s.Mailboxes[n.Item.Remote.Mailbox] == nil {
			continue
		}
		if mb.Name == i.Mailbox {
			return n, nil
		}
		if best == nil && row.ID > m.Row.ID {
			best = n
		}
	}
	return best, nil
}
