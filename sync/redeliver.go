package sync

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// A row that is pending stands for a message of the server whose file is not
// there yet: a run that was interrupted while it delivered, or a server that
// kept a message which was to be taken out of its mailbox.

// passed reports whether the server may not report the message of a pending
// row again, because the cursor is beyond it.
func (s *session) passed(m *message) bool {
	return m.row.Pending && m.row.UID < s.byID[m.row.MailboxID].cursorOf().UIDNext
}

// redelivers reports whether the message of the row is to be delivered again.
func (mb *mailbox) redelivers(row *state.Message) bool {
	return slices.ContainsFunc(mb.undelivered, func(u *state.Message) bool { return u.ID == row.ID })
}

// stands returns the row that stands for a message until it is delivered, 0 where
// the row is dropped because the server reports the message again. A dry run drops
// none, and looks at the message in the same way.
func (mb *mailbox) stands(row *state.Message) int64 {
	if row.UID >= mb.cursorOf().UIDNext {
		return 0
	}
	return row.ID
}

// redeliver makes such messages new again, unless the server reported them
// anyway or they are gone. Where UIDVALIDITY changed, their UIDs are void: all
// messages of the mailbox are reported, and none is one of these by its number.
func (s *session) redeliver(ctx context.Context, mb *mailbox) error {
	if len(mb.undelivered) == 0 {
		return nil
	}
	var gone []int64
	reported := map[mail.UID]*message{}
	for _, m := range slices.Backward(s.newRemote) {
		if m.item.Remote.Mailbox == mb.name && !mb.detached {
			reported[m.uid] = m
		}
	}
	for _, row := range mb.undelivered {
		m := reported[row.UID]
		switch {
		case m != nil:
			m.replaces = mb.stands(row)
		case s.gone(mb, row.UID):
			gone = append(gone, row.ID)
		default:
			s.newMessage(mb, again(row))
			s.newRemote[len(s.newRemote)-1].replaces = mb.stands(row)
		}
	}
	if len(gone) == 0 || s.req.DryRun {
		return nil
	}
	return s.db.Update(ctx, func(tx *state.Tx) error { return tx.DeleteMessages(gone...) })
}

// again describes a message of the server as the row knows it. Without an
// identity its content is fetched, so the rest of what the row says is not
// needed.
func again(row *state.Message) remote.NewMessage {
	if row.EmailID == "" {
		return remote.NewMessage{UID: row.UID}
	}
	return remote.NewMessage{UID: row.UID, Flags: row.RemoteFlags, Size: row.Size, Date: row.Date, HasMeta: true, EmailID: row.EmailID}
}
