package absence

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// ConfirmRemoved looks once more before files that seem to be gone are
// removed from the server. Folders are listed one after the other, so a file
// that a mail program moves from a folder not yet listed to one that is would
// be in neither listing.
func (s *Absence) ConfirmRemoved(ctx context.Context) error {
	some := false
	for _, m := range s.Messages {
		some = some || m.Item.Local.State == plan.Removed && m.Item.Remote.State != plan.Removed
	}
	if !some {
		return nil
	}
	return s.confirmFolders(ctx)
}

// HoldHidden finds the messages that seem to be gone from the Maildir and of which
// that is not known. The planner leaves them alone.
func (s *Absence) HoldHidden(ctx context.Context) error {
	return s.look.SearchAll(ctx, func(m *view.Message) bool {
		if m.Item.Local.State != plan.Removed || m.Item.Trashed || m.Item.Left || s.PostponedBefore(m.Row.ID) != nil {
			return false
		}
		m.Item.Held = s.HiddenFile(m.Row.Base, m.Row.DiskSize)
		return m.NotHeld() && m.Item.Remote.State.Present()
	})
}

// ConfirmNowhere does so before new messages on the server are compared with
// what is known, for what such a file may be: a message that seems to be gone
// from both sides, moved on both, or the upload that a run died in. That waits,
// where a folder did not hold still.
func (s *Absence) ConfirmNowhere(ctx context.Context) error {
	some := false
	for _, m := range s.Messages {
		if m.Item.Local.State == plan.Removed && m.Item.Remote.State == plan.Removed {
			some = some || slices.ContainsFunc(s.NewRemote, func(n *view.Message) bool { return s.quirks.MayHaveSize(m.Row.Size, n.Item.Size) })
		}
	}
	waits := map[*view.Message][]*state.Intent{}
	for _, i := range s.Intents {
		if !i.Uploads() || s.match.Uploaded(i) != nil {
			continue
		}
		for _, n := range s.NewRemote {
			if n.Item.Remote.Mailbox == i.Mailbox && s.quirks.MayHaveSize(i.Size, n.Item.Size) {
				waits[n] = append(waits[n], i)
			}
		}
	}
	if !some && len(waits) == 0 {
		return nil
	}
	if err := s.confirmFolders(ctx); err != nil {
		return err
	}
	for n, intents := range waits {
		if !s.LocalIncomplete && !slices.ContainsFunc(intents, func(i *state.Intent) bool { return s.HidesUpload(i) }) {
			delete(waits, n)
			continue
		}
		s.HoldCursor(n.Item.Remote.Mailbox)
		s.Waiting = append(s.Waiting, intents...)
	}
	s.NewRemote = slices.DeleteFunc(s.NewRemote, func(n *view.Message) bool { return waits[n] != nil })
	return nil
}

// confirmFolders finds out whether the folders are as they were listed.
func (s *Absence) confirmFolders(ctx context.Context) error {
	folders, skipped, err := s.Store.Survey(ctx, nil)
	if err != nil {
		return err
	}
	s.survey.FreezeSkipped(skipped)
	for i := range folders {
		still, err := s.match.HoldsStill(ctx, &folders[i])
		if err != nil {
			return err
		}
		if !still {
			s.LocalIncomplete, s.Moved = true, true
			return nil
		}
	}
	return nil
}
