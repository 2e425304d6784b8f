package sync

import (
	"context"
	"maps"
	"time"

	"satchel/conflict"
	"satchel/state"
	"satchel/sync/plan"
)

// settle moves cursors and stamps: a cursor to where the server was read, when
// everything seen there is applied and durable (RFC 7162 §3.2.5.3: only after
// all of it), a stamp to what the folder looked like, when nothing seen there
// waits. What this cycle itself changed is confirmed by the next one.
func (s *session) settle(ctx context.Context, p *plan.Plan) error {
	var changed []*mailbox
	unknown, nameless := s.unknownFolders(), s.nameless()
	for _, name := range s.names {
		mb := s.mailboxes[name]
		if mb.row == nil || mb.frozen() {
			continue
		}
		before := *mb.row
		if mb.remote != nil && mb.remote.MailboxID != "" {
			mb.row.MailboxID = mb.remote.MailboxID
		}
		if ch := mb.changes; ch != nil {
			switch seen := ch.Cursor.HighestModSeq; {
			case !mb.holdCursor && !p.HoldsRemote(name):
				mb.row.Cursor = ch.Cursor
				if !s.windowed(mb) {
					mb.remote.Status = ch.Cursor
				}
			case seen > 0 && seen < mb.row.Cursor.HighestModSeq && ch.Cursor.UIDValidity == mb.row.Cursor.UIDValidity:
				mb.row.Cursor.HighestModSeq = seen // the flags that were taken over are those of then
			}
			s.learnPermanent(mb)
			if ch.MailboxID != "" {
				mb.row.MailboxID = ch.MailboxID
			}
		}
		switch {
		case mb.listing != nil && !mb.table.Unread:
			mb.row.Letters = mb.table.Use.Encode()
		case mb.given != nil:
			mb.row.Letters = mb.given.Encode()
		}
		settled := !mb.holdStamp && !p.HoldsLocal(name)
		if mb.listing != nil && settled && !mb.localDirty {
			st := mb.listing.Stamp
			mb.row.Files, mb.row.Names = 0, 0
			if mb.expected != nil {
				mb.row.Files, mb.row.Names = mb.expected.Files+1, mb.expected.Sum
			}
			mb.row.DirMTime, mb.row.CurMTime, mb.row.NewMTime, mb.row.Inode = st.Dir, st.Cur, st.New, st.Inode
		}
		if mb.overtaken || mb.folder != nil && mb.folder.Hides || s.sayAgain && name == "INBOX" || s.holdsAny(name, unknown) || nameless[mb.row.ID] {
			mb.row.DirMTime = 0
		}
		if *mb.row != before {
			changed = append(changed, mb)
		}
	}
	s.holdWindows(p)
	s.addConflicts(p.Conflicts)
	s.noteUnheld(p)
	s.noteDistrusted()
	if len(changed) == 0 && len(p.Conflicts) == 0 && len(s.rep.Notices) == 0 {
		return nil
	}
	now := s.now()
	var fresh []string
	err := s.db.Update(context.WithoutCancel(ctx), func(tx *state.Tx) error {
		for _, mb := range changed {
			if err := tx.PutMailbox(mb.row); err != nil {
				return err
			}
		}
		for _, c := range p.Conflicts {
			if err := tx.AddConflict(state.Conflict{Time: now, Mailbox: c.Mailbox, Message: c.Message,
				Kind: c.Kind.String(), Outcome: c.Outcome}); err != nil {
				return err
			}
		}
		for _, n := range s.rep.Notices {
			is, err := tx.Notice(n, now)
			if err != nil {
				return err
			}
			if is || s.said[n] {
				fresh = append(fresh, n)
				s.said[n] = true
			}
		}
		return nil
	})
	s.rep.Notices = append([]string{}, fresh...)
	return err
}

// nameless returns the mailboxes with a row that names no file: it has to be looked for
// again, however the folder looks.
func (s *session) nameless() map[int64]bool {
	in := map[int64]bool{}
	for _, m := range s.messages {
		if m.row != nil && m.row.Info == infoUnknown {
			in[m.row.MailboxID] = true
		}
	}
	return in
}

// remember notes for the next cycle what this one leaves it.
func (s *session) remember(p *plan.Plan) {
	s.askAgain = map[string]bool{}
	for _, name := range s.names {
		mb := s.mailboxes[name]
		// What waits was seen, and is not in the base: a cycle that does not see it
		// again takes the message for one that is still there.
		if mb.remoteDirty || mb.holdCursor || p.HoldsRemote(name) {
			s.askAgain[name] = true
		}
		if mb.row != nil {
			s.expect(mb, !mb.holdStamp && !p.HoldsLocal(name) && !mb.frozen())
		}
	}
}

// addConflicts puts what was settled into the report.
func (s *session) addConflicts(list []conflict.Conflict) {
	for _, c := range list {
		s.rep.Conflicts = append(s.rep.Conflicts, conflictEntry(c, s.now().Truncate(time.Second)))
	}
}

// noteUnheld says, once, which flags a side cannot hold.
func (s *session) noteUnheld(p *plan.Plan) {
	for name, flags := range p.Unheld {
		s.noticeUnheld(name, flags)
	}
	for name, flags := range p.Stuck {
		s.rep.notice("%s: the server does not let %s be cleared; it stays there", name, flags)
	}
	for name := range p.Denied {
		s.rep.notice("%s: the server does not let everything be changed there; what you did in the Maildir waits, and nothing of it is lost", name)
	}
	s.mu.Lock()
	unheld := maps.Clone(s.unheld)
	s.mu.Unlock()
	for name, flags := range unheld {
		s.rep.notice("%s: no letter is left for %s; they stay on the server", name, flags)
	}
}
