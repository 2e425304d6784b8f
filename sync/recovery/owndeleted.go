package recovery

import (
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/run"
	"satchel/sync/view"
)

// What satchel removes from a mailbox it marks \Deleted first. A run that is
// stopped then leaves a mark that no person set. Should the message stay after
// all, since another client wants it, the mark must come off: the next EXPUNGE,
// whoever's it is, would take the message with it. So the journal knows which
// marks are ours until the message is gone, or is here again without one.

// takeBackDeleted makes our mark on a message that is on disk a change that the
// user takes back: the base has it, and the file has not.
func (s *Recovery) takeBackDeleted(i *state.Intent, m *view.Message) bool {
	return run.SetsDeleted(i) && i.Kind != state.IntentExpunge && m.Item.Local.State.Present() && m.Rebase(i.Delta, m.Item.Remote, nil)
}

// ignoreOwnDeleted makes the planner not see our marks on what is not on disk, so that
// it decides by what people did. Their entries stay in the journal.
func (s *Recovery) ignoreOwnDeleted() {
	for _, i := range s.Intents {
		if !run.SetsDeleted(i) {
			continue
		}
		m := s.Messages[i.Message]
		if m == nil {
			if slices.ContainsFunc(s.NewRemote, func(n *view.Message) bool { return n.Replaces == i.Message }) {
				s.OwnDeletions = append(s.OwnDeletions, i) // it was about to be delivered again
			}
			continue
		}
		if m.Item.Local.State != plan.Removed || !m.Item.Remote.State.Present() {
			continue
		}
		s.OwnDeletions = append(s.OwnDeletions, i)
		if m.Marked() {
			m.Item.Remote.Flags.System &^= mail.Deleted
			m.Refresh(s.ByID[m.Row.MailboxID].Name)
		}
	}
}

// BegunBefore returns the entry of an interrupted removal that says the same
// as i.
func (s *Recovery) BegunBefore(i *state.Intent) *state.Intent {
	for _, b := range s.OwnDeletions {
		if b.Kind == i.Kind && b.Message == i.Message && b.Mailbox == i.Mailbox && b.Home == i.Home {
			return b
		}
	}
	return nil
}
