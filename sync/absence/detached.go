package absence

import (
	"context"
	"slices"

	"satchel/maildir"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// keepUnseen leaves a mailbox with void UIDs to a later cycle or run when a message of
// it was not found. Where another mailbox has new mail that was not looked at, it may
// have been moved there; and a file in a folder that this run is not about has to
// wait for one that is, which needs the row.
func (s *Absence) keepUnseen(ctx context.Context) error {
	var lost []*view.Message
	for _, m := range s.Messages {
		if m.UIDVoid && m.Item.Remote.State == plan.Removed && m.OnDisk() {
			lost = append(lost, m)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	if err := s.ConfirmVanished(ctx); err != nil {
		return err
	}
	for _, m := range lost {
		if s.RemoteIncomplete || !s.Asked(m.File.Folder) {
			s.ByID[m.Row.MailboxID].RemoteIncomplete = true
		}
	}
	return nil
}

// ReleaseDetached gives up pairs that UIDVALIDITY voided and that were not
// found again: what is on disk is new, so that it is not lost, and what is on
// neither side is forgotten.
func (s *Absence) ReleaseDetached(ctx context.Context) error {
	s.keepEvicted()
	s.neverCame()
	s.keepDetached()
	if err := s.keepUnseen(ctx); err != nil {
		return err
	}
	released := map[*view.Message]bool{}
	for id, m := range s.Messages {
		if !m.UIDVoid || m.Item.Remote.State != plan.Removed || s.ByID[m.Row.MailboxID].Frozen() {
			continue
		}
		delete(s.Messages, id)
		released[m] = true
		if !m.OnDisk() {
			continue
		}
		row := m.Row
		f := &view.Message{File: m.File, Date: row.Date, Guessed: true, Content: &maildir.Content{DiskSize: row.DiskSize, Size: row.Size,
			Digest: row.Digest, Form: row.Form, RawDigest: row.Digest, Essence: row.Identity(), ModTime: row.Date}}
		f.Item = plan.Item{Ref: f, Size: row.Size, Local: plan.Side{State: plan.New, Mailbox: m.File.Folder, Key: m.File.Base(), Flags: m.Item.Local.Flags}}
		s.NewLocal = append(s.NewLocal, f)
	}
	// Their rows go, so there is nothing to be noted in them.
	s.Touched = slices.DeleteFunc(s.Touched, func(m *view.Message) bool { return released[m] })
	return nil
}

// neverCame gives up the UIDs of messages that this account put on the server, that
// it never showed, and that its UIDNEXT has not come to in a day, when a person says
// so: no message has them, whatever APPENDUID or COPYUID said. Their files are new again.
func (s *Absence) neverCame() {
	for _, m := range s.Messages {
		mb := s.ByID[m.Row.MailboxID]
		if m.Item.Remote.State == plan.Removed && m.Item.Local.State.Present() && !m.UIDVoid && mb != nil && mb.Changes != nil && !mb.UIDsVoid && !mb.Frozen() &&
			!s.Trashed(m) && !s.match.WaitsForExpunge(m) && s.look.Beyond(m, mb) && m.Row.UID >= mb.CursorOf().UIDNext && !s.look.MayBeShown(mb.Name) {
			m.UIDVoid = true
			s.DroppedPairs = append(s.DroppedPairs, m.Row.ID)
		}
	}
}

// keepDetached does the same as KeepUnshown where UIDNEXT went down so that all was paired
// anew: a mailbox whose messages all have the UIDs that they had is the one
// that it was. Of its other messages, which the server does not show although it
// has come as far, nothing is known: they are paired anew.
func (s *Absence) keepDetached() {
	same := s.look.KeptUIDs()
	for _, m := range s.Messages {
		mb := s.ByID[m.Row.MailboxID]
		if m.UIDVoid && same[mb] && m.Item.Remote.State == plan.Removed && !s.Trashed(m) && s.look.Beyond(m, mb) && s.look.MayBeShown(mb.Name) {
			s.look.Keep(m, mb)
			m.Item.Awaited = m.Item.Local.State == plan.Removed
		}
	}
	for _, m := range s.Messages {
		mb := s.ByID[m.Row.MailboxID]
		switch {
		case !m.UIDVoid || !same[mb] || mb.Behind == 0:
		case m.Item.Remote.State.Present():
			m.UIDVoid = false
		default:
			s.DroppedPairs = append(s.DroppedPairs, m.Row.ID)
		}
	}
	for mb := range same {
		mb.UIDsVoid = mb.UIDsVoid && mb.Behind == 0
	}
}

// keepEvicted takes back that the UIDs of such messages are another's, or no message's
// (see misplaced), where nothing that the server shows was found to be them.
func (s *Absence) keepEvicted() {
	s.DroppedPairs = slices.DeleteFunc(s.DroppedPairs, func(id int64) bool {
		m := s.Messages[id]
		if m == nil || !m.UIDVoid || m.Item.Remote.State != plan.Removed || s.Trashed(m) {
			return false
		}
		mb := s.ByID[m.Row.MailboxID]
		if mb == nil || mb.Changes == nil || mb.UIDsVoid || !s.look.Beyond(m, mb) || !s.look.MayBeShown(mb.Name) {
			return false
		}
		m.UIDVoid = false // KeepUnshown does the rest
		return true
	})
}
