package sync

import (
	"context"
	"maps"
	"time"

	"satchel/state"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// commitCursors moves cursors and stamps: a cursor to where the server was read, when
// everything seen there is applied and durable (RFC 7162 §3.2.5.3: only after
// all of it), a stamp to what the folder looked like, when nothing seen there
// waits. What this cycle itself changed is confirmed by the next one.
func (s *session) commitCursors(ctx context.Context, p *plan.Plan) error {
	changed := s.moveCursors(p)
	s.holdWindows(p)
	s.AddConflicts(p.Conflicts)
	s.noteUnheld(p)
	s.quirks.NoteDistrusted()
	if len(changed) == 0 && len(p.Conflicts) == 0 && len(s.Rep.Notices) == 0 {
		return nil
	}
	now := s.Now()
	fresh := []string{} // no null in JSON
	err := s.DB.Update(context.WithoutCancel(ctx), func(tx *state.Tx) (err error) {
		for _, row := range changed {
			if err := tx.PutMailbox(row); err != nil {
				return err
			}
		}
		for _, c := range p.Conflicts {
			if err := tx.AddConflict(state.Conflict{Time: now, Mailbox: c.Mailbox, Message: c.Message,
				Kind: c.Kind.String(), Outcome: c.Outcome}); err != nil {
				return err
			}
		}
		fresh, err = s.sayOnce(tx, now)
		return err
	})
	s.Rep.Notices = fresh
	return err
}

// moveCursors moves cursors and stamps in memory, and returns the rows that changed.
func (s *session) moveCursors(p *plan.Plan) (changed []*state.Mailbox) {
	unknown, nameless := s.survey.UnknownFolders(), s.nameless()
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		if mb.Row == nil || mb.Frozen() {
			continue
		}
		before := *mb.Row
		s.moveCursor(mb, mb.HoldCursor || p.HoldsRemote(name))
		switch {
		case mb.Listing != nil && !mb.Table.Unread:
			mb.Row.Letters = mb.Table.Use.Encode()
		case mb.Given != nil:
			mb.Row.Letters = mb.Given.Encode()
		}
		if mb.Listing != nil && !mb.LocalDirty && !mb.HoldStamp && !p.HoldsLocal(name) {
			moveStamp(mb)
		}
		if mb.Overtaken || mb.Folder != nil && mb.Folder.Hides || s.SayAgain && name == "INBOX" || s.survey.HoldsAny(name, unknown) || nameless[mb.Row.ID] {
			mb.Row.DirMTime = 0 // it is looked at again, however it looks
		}
		if *mb.Row != before {
			changed = append(changed, mb.Row)
		}
	}
	return changed
}

// moveCursor takes over what the server said of a mailbox. One that is held stays where
// it is, unless the server is behind it.
func (s *session) moveCursor(mb *view.Mailbox, held bool) {
	if mb.Remote != nil && mb.Remote.MailboxID != "" {
		mb.Row.MailboxID = mb.Remote.MailboxID
	}
	ch := mb.Changes
	if ch == nil {
		return
	}
	switch seen := ch.Cursor.HighestModSeq; {
	case !held:
		mb.Row.Cursor = ch.Cursor
		if !s.Windowed(mb) {
			mb.Remote.Status = ch.Cursor
		}
	case seen > 0 && seen < mb.Row.Cursor.HighestModSeq && ch.Cursor.UIDValidity == mb.Row.Cursor.UIDValidity:
		mb.Row.Cursor.HighestModSeq = seen // the flags that were taken over are those of then
	}
	s.quirks.LearnPermanent(mb)
	if ch.MailboxID != "" {
		mb.Row.MailboxID = ch.MailboxID
	}
}

// moveStamp takes over what a folder looked like, and the files that it holds if only
// this run changes it.
func moveStamp(mb *view.Mailbox) {
	st := mb.Listing.Stamp
	mb.Row.DirMTime, mb.Row.CurMTime, mb.Row.NewMTime, mb.Row.Inode = st.Dir, st.Cur, st.New, st.Inode
	mb.Row.Files, mb.Row.Names = 0, 0
	if mb.Expected != nil {
		mb.Row.Files, mb.Row.Names = mb.Expected.Files+1, mb.Expected.Sum
	}
}

// sayOnce returns the notices that are new, or that this run said before, and remembers
// them.
func (s *session) sayOnce(tx *state.Tx, now time.Time) (fresh []string, err error) {
	fresh = []string{}
	for _, n := range s.Rep.Notices {
		is, err := tx.Notice(n, now)
		if err != nil {
			return fresh, err
		}
		if is || s.Said[n] {
			fresh = append(fresh, n)
			s.Said[n] = true
		}
	}
	return fresh, nil
}

// nameless returns the mailboxes with a row that names no file: it has to be looked for
// again, however the folder looks.
func (s *session) nameless() map[int64]bool {
	in := map[int64]bool{}
	for _, m := range s.Messages {
		if m.Row != nil && m.Row.FileName == state.FileNameUnknown {
			in[m.Row.MailboxID] = true
		}
	}
	return in
}

// remember notes for the next cycle what this one leaves it.
func (s *session) remember(p *plan.Plan) {
	s.AskAgain = map[string]bool{}
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		// What waits was seen, and is not in the base: a cycle that does not see it
		// again takes the message for one that is still there.
		if mb.RemoteDirty || mb.HoldCursor || p.HoldsRemote(name) {
			s.AskAgain[name] = true
		}
		if mb.Row != nil {
			s.look.Expect(mb, !mb.HoldStamp && !p.HoldsLocal(name) && !mb.Frozen())
		}
	}
}

// noteUnheld says, once, which flags a side cannot hold.
func (s *session) noteUnheld(p *plan.Plan) {
	for name, flags := range p.Unheld {
		s.quirks.NoticeUnsupported(name, flags)
	}
	for name, flags := range p.Stuck {
		s.Rep.Notice("%s: the server does not let %s be cleared; it stays there", name, flags)
	}
	for name := range p.Denied {
		s.Rep.Notice("%s: the server does not let everything be changed there; what you did in the Maildir waits, and nothing of it is lost", name)
	}
	s.Mu.Lock()
	unheld := maps.Clone(s.Unheld)
	s.Mu.Unlock()
	for name, flags := range unheld {
		s.Rep.Notice("%s: no letter is left for %s; they stay on the server", name, flags)
	}
}
