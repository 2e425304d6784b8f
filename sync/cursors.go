package sync

import (
	"context"
	"maps"

	"satchel/state"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// commitCursors moves cursors and stamps: a cursor to where the server was read, when
// everything seen there is applied and durable (RFC 7162 §3.2.5.3: only after
// all of it), a stamp to what the folder looked like, when nothing seen there
// waits. What this cycle itself changed is confirmed by the next one.
func (s *session) commitCursors(ctx context.Context, p *plan.Plan) error {
	var changed []*view.Mailbox
	unknown, nameless := s.survey.UnknownFolders(), s.nameless()
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		if mb.Row == nil || mb.Frozen() {
			continue
		}
		before := *mb.Row
		if mb.Remote != nil && mb.Remote.MailboxID != "" {
			mb.Row.MailboxID = mb.Remote.MailboxID
		}
		if ch := mb.Changes; ch != nil {
			switch seen := ch.Cursor.HighestModSeq; {
			case !mb.HoldCursor && !p.HoldsRemote(name):
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
		switch {
		case mb.Listing != nil && !mb.Table.Unread:
			mb.Row.Letters = mb.Table.Use.Encode()
		case mb.Given != nil:
			mb.Row.Letters = mb.Given.Encode()
		}
		settled := !mb.HoldStamp && !p.HoldsLocal(name)
		if mb.Listing != nil && settled && !mb.LocalDirty {
			st := mb.Listing.Stamp
			mb.Row.Files, mb.Row.Names = 0, 0
			if mb.Expected != nil {
				mb.Row.Files, mb.Row.Names = mb.Expected.Files+1, mb.Expected.Sum
			}
			mb.Row.DirMTime, mb.Row.CurMTime, mb.Row.NewMTime, mb.Row.Inode = st.Dir, st.Cur, st.New, st.Inode
		}
		if mb.Overtaken || mb.Folder != nil && mb.Folder.Hides || s.SayAgain && name == "INBOX" || s.survey.HoldsAny(name, unknown) || nameless[mb.Row.ID] {
			mb.Row.DirMTime = 0
		}
		if *mb.Row != before {
			changed = append(changed, mb)
		}
	}
	s.holdWindows(p)
	s.AddConflicts(p.Conflicts)
	s.noteUnheld(p)
	s.quirks.NoteDistrusted()
	if len(changed) == 0 && len(p.Conflicts) == 0 && len(s.Rep.Notices) == 0 {
		return nil
	}
	now := s.Now()
	var fresh []string
	err := s.DB.Update(context.WithoutCancel(ctx), func(tx *state.Tx) error {
		for _, mb := range changed {
			if err := tx.PutMailbox(mb.Row); err != nil {
				return err
			}
		}
		for _, c := range p.Conflicts {
			if err := tx.AddConflict(state.Conflict{Time: now, Mailbox: c.Mailbox, Message: c.Message,
				Kind: c.Kind.String(), Outcome: c.Outcome}); err != nil {
				return err
			}
		}
		for _, n := range s.Rep.Notices {
			is, err := tx.Notice(n, now)
			if err != nil {
				return err
			}
			if is || s.Said[n] {
				fresh = append(fresh, n)
				s.Said[n] = true
			}
		}
		return nil
	})
	s.Rep.Notices = append([]string{}, fresh...)
	return err
}

// nameless returns the mailboxes with a row that names no file: it has to be looked for
// again, however the folder looks.
func (s *session) nameless() map[int64]bool {
	in := map[int64]bool{}
	for _, m := range s.Messages {
		if m.Row != nil && m.Row.Info == view.InfoUnknown {
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
