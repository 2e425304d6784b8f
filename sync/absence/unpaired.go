package absence

import (
	"context"
	"slices"

	"satchel/sync/plan"
	"satchel/sync/view"
)

// FindUnpaired looks among what is not synced for the files of messages that are gone
// from both sides, before new messages on the server are compared with what is known:
// one of these may be such a message, moved there or under another UID. It is the same
// message then, and downloaded it would be there twice.
func (s *Absence) FindUnpaired(ctx context.Context) error {
	if len(s.Elsewhere) == 0 || len(s.NewRemote) == 0 {
		return nil
	}
	return s.look.SearchAll(ctx, func(m *view.Message) bool {
		return m.Item.Local.State == plan.Removed && m.Item.Remote.State == plan.Removed &&
			!s.Trashed(m) && !s.match.WaitsForExpunge(m) && s.PostponedBefore(m.Row.ID) == nil &&
			slices.ContainsFunc(s.NewRemote, func(n *view.Message) bool { return s.quirks.MayHaveSize(m.Row.Size, n.Item.Size) })
	})
}
