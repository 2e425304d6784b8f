package look

import (
	"slices"

	"satchel/state"
	"satchel/sync/remote"
	"satchel/sync/run"
	"satchel/sync/view"
)

// DirtyLocal reports whether the folder may differ from the base.
func (s *Look) DirtyLocal(mb *view.Mailbox) bool {
	if mb.Folder == nil {
		return mb.Row != nil
	}
	if mb.Row == nil || s.Req.Full || s.Restored || mb.UIDsVoid || s.Unfinished.Pending[mb.Row.ID] || s.hasIntent(mb) {
		return true
	}
	return !mb.Folder.Cur || !mb.Folder.New || !mb.FolderAsKnown()
}

// DirtyRemote reports whether the server's mailbox may differ from the base.
// Without mod-sequences flags may have changed unseen.
func (s *Look) DirtyRemote(mb *view.Mailbox) bool {
	if mb.Remote == nil {
		return mb.Row != nil
	}
	if mb.Row == nil || s.Req.Full || mb.Again {
		return true
	}
	first := s.Rep.Cycles == 1
	if first && s.Unfinished.WithoutUID[mb.Row.ID] {
		return true // no counter tells that a file is still to follow its message
	}
	if s.quirks.DoubtsAbout(mb.Name)&remote.DoubtModSeq != 0 {
		mb.Remote.Status.HighestModSeq = 0 // it says nothing
	}
	if first && s.quirks.Since(run.Fault{Mailbox: mb.Name, What: run.FaultBehind}).Unix() > 0 {
		return true // it may say for ever that nothing has changed
	}
	if first && s.quirks.Denies(mb) && (s.DirtyLocal(mb) || s.mayGrow(mb)) {
		return true // what waits may be allowed by now, which no counter tells
	}
	return first && mb.Remote.Status.HighestModSeq == 0 || mb.Remote.Status != mb.Row.Cursor
}

// hasIntent reports whether the journal speaks of the mailbox.
func (s *Look) hasIntent(mb *view.Mailbox) bool {
	return slices.ContainsFunc(s.Intents, func(i *state.Intent) bool { return i.Mailbox == mb.Name || i.Home == mb.Name })
}
