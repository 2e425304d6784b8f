package match

import (
	"slices"

	"satchel/state"
	"satchel/sync/view"
)

// movedByUs reports whether an interrupted run was moving the message on the
// server.
func (s *Match) movedByUs(m *view.Message) bool {
	return slices.ContainsFunc(s.Intents, func(i *state.Intent) bool {
		return i.Kind == state.IntentRemoteMove && i.Message == m.Row.ID
	})
}

// movedByUsTo is movedByUs, and to there.
func (s *Match) movedByUsTo(m *view.Message, mailbox string) bool {
	return slices.ContainsFunc(s.Intents, func(i *state.Intent) bool {
		return i.Kind == state.IntentRemoteMove && i.Message == m.Row.ID && i.Mailbox == mailbox
	})
}
