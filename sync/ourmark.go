package sync

import (
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// What satchel removes from a mailbox it marks \Deleted first. A run that is
// stopped then leaves a mark that no person set. Should the message stay after
// all, since another client wants it, the mark must come off: the next EXPUNGE,
// whoever's it is, would take the message with it. So the journal knows which
// marks are ours until the message is gone, or is here again without one.

// mark returns the \Deleted that a removal of m is going to set; nothing where
// the server has one already, which is somebody's.
func (m *message) mark() mail.Delta {
	deleted := mail.Flags{System: mail.Deleted}
	if m.item.Remote.Flags.Has(deleted) {
		return mail.Delta{}
	}
	return mail.Delta{Add: deleted}
}

// marks reports whether the intent says that a mark is our own.
func marks(i *state.Intent) bool {
	switch i.Kind {
	case state.IntentRemoteRemove, state.IntentExpunge, state.IntentTrash, state.IntentRemoteMove:
		return i.Delta.Add.System&mail.Deleted != 0
	}
	return false
}

// ourMark returns the journal's entry by which the message of a row was marked.
func (s *session) ourMark(row int64) *state.Intent {
	for _, i := range s.intents {
		if row != 0 && i.Message == row && marks(i) {
			return i
		}
	}
	return nil
}

// unmarkFound makes our mark on a message that is on disk a change that the
// user takes back: the base has it, and the file has not.
func (s *session) unmarkFound(i *state.Intent, m *message) bool {
	return marks(i) && i.Kind != state.IntentExpunge && m.item.Local.State.Present() && m.rebase(i.Delta, m.item.Remote, nil)
}

// hideMarks makes the planner not see our marks on what is not on disk, so that
// it decides by what people did. Their entries stay in the journal.
func (s *session) hideMarks() {
	for _, i := range s.intents {
		if !marks(i) {
			continue
		}
		m := s.messages[i.Message]
		if m == nil {
			if slices.ContainsFunc(s.newRemote, func(n *message) bool { return n.replaces == i.Message }) {
				s.begun = append(s.begun, i) // it was about to be delivered again
			}
			continue
		}
		if m.item.Local.State != plan.Removed || !m.item.Remote.State.Present() {
			continue
		}
		s.begun = append(s.begun, i)
		if m.marked() {
			m.item.Remote.Flags.System &^= mail.Deleted
			m.refresh(s.byID[m.row.MailboxID].name)
		}
	}
}

// begunBefore returns the entry of an interrupted removal that says the same
// as i.
func (s *session) begunBefore(i *state.Intent) *state.Intent {
	for _, b := range s.begun {
		if b.Kind == i.Kind && b.Message == i.Message && b.Mailbox == i.Mailbox && b.Home == i.Home {
			return b
		}
	}
	return nil
}
