package absence

import (
	"context"
	"slices"

	"satchel/sync/plan"
	"satchel/sync/view"
)

// ConfirmStumps decides what of the files that have grown goes up now. The rest is
// seen again: a message that changes on either side is brought up to date first.
func (s *Absence) ConfirmStumps(ctx context.Context) error {
	for _, h := range s.HalfUploads {
		if i := slices.Index(s.NewLocal, h.Part); i >= 0 {
			s.NewLocal[i] = h.Whole // the server has nothing of it
		} else {
			s.Moved = true // the next cycle sees it grown
		}
	}
	for _, st := range s.Stumps {
		m, home := st.Message, s.ByID[st.Message.Row.MailboxID]
		paired := st.File != nil && st.File.Done
		gone := m.Item.Local.State.Present() && m.Item.Remote.State == plan.Removed && !m.UIDVoid
		if gone && st.File != nil && !paired {
			if err := s.ConfirmVanished(ctx); err != nil { // else it is elsewhere, and still the beginning of this file
				return err
			}
		}
		switch {
		case st.File == nil || paired:
		case m.Item.Local.State == plan.Same && m.Item.Remote.State == plan.Same && !m.UIDVoid && home.Name == m.File.Folder:
			continue
		case gone && !s.RemoteIncomplete:
			m.RemoveLocal() // somebody removed the stump, wherever its file is by now
			continue
		}
		if !paired {
			s.NewLocal = slices.DeleteFunc(s.NewLocal, func(f *view.Message) bool { return f == st.File })
			st.Next, st.File = st.File, nil
		}
	}
	return nil
}
