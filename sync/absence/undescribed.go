package absence

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/look"
	"satchel/sync/view"
)

// PostponeUndescribed leaves alone, in a mailbox that is paired from the start,
// what may be two halves of one: files that found no message, and messages of
// which the server tells nothing.
func (s *Absence) PostponeUndescribed(context.Context) error {
	waits := func(name string) bool {
		mb := s.Mailboxes[name]
		return mb != nil && mb.Undescribed && (mb.UIDsVoid || mb.CursorOf().UIDNext == 0)
	}
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		if !mb.Undescribed || mb.Frozen() {
			continue
		}
		if slices.ContainsFunc(s.IntendedAppends(name), func(i *state.Intent) bool { return s.match.Uploaded(i) != nil }) {
			// One of them may be what was uploaded.
			s.FreezeRemote(mb, look.ErrUndescribed(name))
		}
	}
	files := map[string]bool{}
	s.NewLocal = slices.DeleteFunc(s.NewLocal, func(m *view.Message) bool {
		wait := waits(m.File.Folder)
		if wait {
			files[m.File.Folder] = true
			s.HoldStamp(m.File.Folder)
		}
		return wait
	})
	s.NewRemote = slices.DeleteFunc(s.NewRemote, func(m *view.Message) bool {
		name := m.Item.Remote.Mailbox
		wait := !m.HasMeta && waits(name) && files[name]
		if wait {
			s.HoldCursor(name)
			s.Rep.Problem(name, view.UIDKey(m.UID), look.ErrUndescribed(name))
		}
		return wait
	})
	return nil
}
