package match

import (
	"context"
	"strconv"

	"satchel/state"
	"satchel/sync/plan"
)

// A Maildir may be brought back from a backup. Its files are then older than
// the state, and mail that arrived since would look as if the user had removed
// it. So every run that changes something notes a number in the root and in
// the state; a root that is behind is an older copy.

// UniteRestored merges what an older Maildir says of messages with what the server
// says now: nothing tells which flags are newer, and an old place does not win.
func (s *Match) UniteRestored(context.Context) error {
	if !s.Restored {
		return nil
	}
	for _, m := range s.Messages {
		l, r := &m.Item.Local, &m.Item.Remote
		if !l.State.Present() || !r.State.Present() {
			continue
		}
		if !m.UIDVoid && !l.Flags.Equal(l.Base) {
			m.UniteFlags()
			m.Refresh(s.ByID[m.Row.MailboxID].Name)
		}
		if l.State == plan.Moved {
			r.State = plan.Moved
		}
	}
	return nil
}

// NoteGeneration tells the state what was noted in the root.
func (s *Match) NoteGeneration(tx *state.Tx) error {
	if !s.Bumped {
		return nil
	}
	return tx.SetMeta(state.MetaGeneration, strconv.FormatInt(s.Generation, 10))
}
