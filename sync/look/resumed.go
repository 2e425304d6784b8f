package look

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// among calls f with the rows of a mailbox that have one of these UIDs, as the
// recovery left them: what it finds is written when the plan is carried out.
func (s *Look) among(ctx context.Context, mb *view.Mailbox, uids mail.UIDSet, f func(*state.Message) error) error {
	err := s.DB.Among(ctx, mb.Row.ID, uids, func(row *state.Message) error {
		if s.followed(row) {
			return nil
		}
		return f(row)
	})
	if err != nil {
		return err
	}
	for _, m := range mb.Resumed {
		if uids.Contains(m.Row.UID) {
			if err := f(m.Row); err != nil {
				return err
			}
		}
	}
	return nil
}

// KnownUIDs calls f with the UIDs that the base has of a mailbox, from one on and in order, as the
// recovery left them.
func (s *Look) KnownUIDs(ctx context.Context, mb *view.Mailbox, from mail.UID, f func(mail.UID)) error {
	if len(mb.Left)+len(mb.Resumed) == 0 {
		return s.DB.UIDs(ctx, mb.Row.ID, from, f)
	}
	var known []mail.UID
	if err := s.DB.UIDs(ctx, mb.Row.ID, from, func(uid mail.UID) {
		if !slices.Contains(mb.Left, uid) {
			known = append(known, uid)
		}
	}); err != nil {
		return err
	}
	for _, m := range mb.Resumed {
		if m.Row.UID != 0 && m.Row.UID >= from {
			known = append(known, m.Row.UID)
		}
	}
	slices.Sort(known)
	for _, uid := range slices.Compact(known) {
		f(uid)
	}
	return nil
}

// followed reports whether the message of a row has followed its file, which is written when
// the plan is carried out.
func (s *Look) followed(row *state.Message) bool {
	m := s.Messages[row.ID]
	return m != nil && (m.Row.MailboxID != row.MailboxID || m.Row.UID != row.UID)
}

// withoutUID returns the rows of a mailbox whose messages it has no more, by what a run
// that was interrupted knew.
func (s *Look) withoutUID(ctx context.Context, mb *view.Mailbox) ([]*state.Message, error) {
	if !s.Unfinished.WithoutUID[mb.Row.ID] {
		return nil, nil
	}
	rows, err := s.DB.WithoutUID(ctx, mb.Row.ID)
	return slices.DeleteFunc(rows, s.followed), err
}

// resumedGone returns the UIDs of rows that came to a mailbox after the server
// was asked, and whose messages it has no more. Its answer does not tell: a
// message beyond the cursor is not said to have vanished unless it was asked
// for. What it listed anew is there.
func (s *Look) resumedGone(ctx context.Context, mb *view.Mailbox) (mail.UIDSet, error) {
	var uids []mail.UID
	for _, m := range mb.Resumed {
		if uid := m.Row.UID; !slices.ContainsFunc(mb.Changes.New, func(n remote.NewMessage) bool { return n.UID == uid }) {
			uids = append(uids, uid)
		}
	}
	if len(uids) == 0 {
		return nil, nil
	}
	open := mail.UIDSetOf(uids)
	c, err := s.Pool.First(ctx)
	if err != nil {
		return nil, err
	}
	there, err := c.ExistingUIDs(ctx, mb.Name, mb.Changes.Cursor.UIDValidity, open)
	if err != nil {
		return nil, err
	}
	return open.Minus(there), nil
}
