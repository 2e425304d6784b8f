package recovery

import (
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/match"
	"satchel/sync/plan"
)

// recoverPostponed makes the planner see that only the removal is left to do.
// That the message was marked for it is no change of the user's.
func (s *Recovery) recoverPostponed() {
	for _, i := range s.Intents {
		m := s.Messages[i.Message]
		if !s.stillPostponed(i) {
			continue
		}
		m.Item.Trashed, m.Item.Left = true, match.Left(i)
		if m.Marked() {
			m.Item.Remote.Flags.System &^= mail.Deleted
			m.Refresh(s.ByID[m.Row.MailboxID].Name)
		}
	}
}

// stillPostponed reports whether a removal still waits: the message has not
// come back, is not gone, and nobody took our mark off.
func (s *Recovery) stillPostponed(i *state.Intent) bool {
	if i.Kind != state.IntentExpunge {
		return false
	}
	m := s.Messages[i.Message]
	if m == nil || m.Item.Local.State != plan.Removed || !m.Item.Remote.State.Present() || m.Item.Remote.Mailbox != i.Home {
		return false
	}
	return (m.Item.Remote.Base.System&^m.Item.Remote.Flags.System)&mail.Deleted == 0
}
