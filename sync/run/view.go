package run

import (
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// Windowed reports whether the mailbox is listed in parts.
func (s *Run) Windowed(mb *view.Mailbox) bool {
	return slices.ContainsFunc(s.Queue, func(w *view.Window) bool { return w.Mailbox == mb })
}

// LearnValidity notes the UIDVALIDITY of a mailbox that this run made, or one
// that died before it could settle it, before rows name its UIDs. Without it the
// next run would take them for those of a mailbox that was made again.
func (s *Run) LearnValidity(tx *state.Tx, mb *view.Mailbox, v mail.UIDValidity) error {
	known := s.Validity(mb)
	if v == 0 || mb.Row == nil || mb.Row.Cursor.UIDValidity != 0 || known != 0 && known != v {
		return nil
	}
	s.Mu.Lock()
	mb.Row.Cursor.UIDValidity = v
	s.Mu.Unlock()
	return tx.PutMailbox(mb.Row)
}

// Message returns the view of a row, made on first use as unchanged on both
// sides.
func (s *Run) Message(row *state.Message) *view.Message {
	if m := s.Messages[row.ID]; m != nil {
		return m
	}
	mb := s.ByID[row.MailboxID]
	m := &view.Message{Row: row, UID: row.UID, Date: row.Date, EmailID: row.EmailID,
		File: view.FileOf(mb.Name, row)}
	m.Item = plan.Item{
		InBase: true, Size: row.Size, Away: row.FileName == state.FileNameAway, Ref: m,
		Local:  plan.Side{State: plan.Same, Mailbox: mb.Name, Key: row.Base, Flags: row.LocalFlags, Base: row.LocalFlags},
		Remote: plan.Side{State: plan.Same, Mailbox: mb.Name, Key: view.UIDKey(row.UID), Flags: row.RemoteFlags, Base: row.RemoteFlags},
	}
	s.Messages[row.ID] = m
	return m
}

// NewRow joins a file and a message of the server; flags are the caller's.
func (s *Run) NewRow(mb *view.Mailbox, local, rem *view.Message) *state.Message {
	f, c := local.File, local.Content
	row := &state.Message{ID: rem.Replaces, MailboxID: mb.Row.ID, UID: rem.UID, Base: f.Base(), New: f.New, Info: f.Name[len(f.Base()):],
		Digest: c.Digest, Size: c.Size, DiskSize: c.DiskSize, Form: c.Form, Date: rem.Date, EmailID: rem.EmailID}
	row.Identify(c.Essence)
	if row.Date == 0 {
		row.Date = local.Date
	}
	return row
}

// Validity returns the UIDVALIDITY for which the UIDs of the plan hold.
func (s *Run) Validity(mb *view.Mailbox) mail.UIDValidity {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if mb.Changes != nil {
		return mb.Changes.Cursor.UIDValidity
	}
	if mb.Row != nil && mb.Row.Cursor.UIDValidity != 0 {
		return mb.Row.Cursor.UIDValidity
	}
	if mb.Remote != nil {
		return mb.Remote.Status.UIDValidity
	}
	return 0
}

// PostponedBefore returns the journal's entry about a removal that waits.
func (s *Run) PostponedBefore(message int64) *state.Intent {
	for _, i := range s.Intents {
		if i.Kind == state.IntentExpunge && i.Message == message {
			return i
		}
	}
	return nil
}

// SetsDeleted reports whether the intent says that a mark is our own.
func SetsDeleted(i *state.Intent) bool {
	switch i.Kind {
	case state.IntentRemoteRemove, state.IntentExpunge, state.IntentTrash, state.IntentRemoteMove:
		return i.Delta.Add.System&mail.Deleted != 0
	}
	return false
}

// OwnDeleted returns the journal's entry by which the message of a row was marked.
func (s *Run) OwnDeleted(row int64) *state.Intent {
	for _, i := range s.Intents {
		if row != 0 && i.Message == row && SetsDeleted(i) {
			return i
		}
	}
	return nil
}

// Trashed reports whether an interrupted run was moving the message to the
// trash because it was removed locally.
func (s *Run) Trashed(m *view.Message) bool {
	return slices.ContainsFunc(s.Intents, func(i *state.Intent) bool {
		return i.Kind == state.IntentTrash && i.Message == m.Row.ID
	})
}

// IntendedAppends returns the interrupted uploads into a mailbox, and the copies that
// were made for files.
func (s *Run) IntendedAppends(mailbox string) []*state.Intent {
	var list []*state.Intent
	for _, i := range s.Intents {
		if i.Uploads() && i.Mailbox == mailbox {
			list = append(list, i)
		}
	}
	return list
}
