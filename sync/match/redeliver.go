package match

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// ScanRemote compares what the server reported with the base.
func (s *Match) ScanRemote(ctx context.Context) error {
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		var err error
		switch {
		case mb.RemoteIncomplete:
		case mb.Remote == nil && mb.Row != nil:
			err = s.look.RemovedAll(ctx, mb)
		case mb.Changes != nil:
			err = s.look.CompareRemote(ctx, mb)
		}
		if err != nil {
			return err
		}
		s.redeliver(mb)
	}
	return nil
}

// A row that is pending stands for a message of the server whose file is not
// there yet: a run that was interrupted while it delivered, or a server that
// kept a message which was to be taken out of its mailbox.

// passed reports whether the server may not report the message of a pending
// row again, because the cursor is beyond it.
func (s *Match) passed(m *view.Message) bool {
	return m.Row.Pending && m.Row.UID != 0 && m.Row.UID < s.ByID[m.Row.MailboxID].CursorOf().UIDNext
}

// stands returns the row that stands for a message until it is delivered, 0 where
// the row is dropped.
func stands(mb *view.Mailbox, row *state.Message) int64 {
	if mb.Drops(row) {
		return 0
	}
	return row.ID
}

// redeliver makes such messages new again, unless the server reported them
// anyway or they are gone. Where UIDVALIDITY changed, their UIDs are void: all
// messages of the mailbox are reported, and none is one of these by its number.
func (s *Match) redeliver(mb *view.Mailbox) {
	if len(mb.Undelivered) == 0 {
		return
	}
	var gone []int64
	reported := map[mail.UID]*view.Message{}
	for _, m := range slices.Backward(s.NewRemote) {
		if m.Item.Remote.Mailbox == mb.Name && !mb.UIDsVoid {
			reported[m.UID] = m
		}
	}
	for _, row := range mb.Undelivered {
		m := reported[row.UID]
		switch {
		case m != nil:
			m.Replaces = stands(mb, row)
		case s.look.Gone(mb, row.UID):
			gone = append(gone, row.ID)
		default:
			s.look.NewMessage(mb, again(row))
			s.NewRemote[len(s.NewRemote)-1].Replaces = stands(mb, row)
		}
	}
	if len(gone) > 0 {
		s.Resolve(func(tx *state.Tx) error { return tx.DeleteMessages(gone...) })
	}
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
