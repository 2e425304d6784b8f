package sync

import (
	"context"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// What a message is given by MOVE, COPY or APPEND need not all be stored in the
// mailbox that it comes to: the rights there may be fewer (RFC 4314 §4), and
// some servers drop flags without a word. A flag that is missing at the first
// look was not removed by anybody: it stays on the file. One that the mailbox
// is said to store is sent by STORE, once, and its effect looked at; what is
// missing then as well the mailbox does not store, whatever it says.

// arrived takes the flags with which the server shows a message that this run put
// there, when it shows them first.
func (s *session) arrived(mb *mailbox, row *state.Message, seen mail.Flags) {
	if m := s.messages[row.ID]; m != nil {
		row = m.row
	}
	s.mu.Lock()
	o := s.put[mb.row.ID]
	var cleared mail.Flags
	first := false
	if o != nil {
		if cleared, first = o.unseen[row.UID]; first {
			delete(o.unseen, row.UID)
		}
	}
	s.mu.Unlock()
	switch {
	case first:
		seen = seen.Union(cleared) // somebody's doing, not the mailbox's
		s.settleArrival(mb, row, row.RemoteFlags.Minus(seen), row.LocalFlags.Minus(seen))
	case row.UID >= mb.cursorOf().UIDNext:
		// A run that died put it there, or another client moved it: what the
		// mailbox is said to store was removed, by all that is known.
		s.settleArrival(mb, row, row.RemoteFlags.Minus(s.shown(mb, row.RemoteFlags, seen)), mail.Flags{})
	}
}

// allArrived notes that the server was asked about all that this run put into a
// mailbox: what it did not show is as it was sent.
func (s *session) allArrived(mb *mailbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if mb.row != nil && s.put[mb.row.ID] != nil {
		clear(s.put[mb.row.ID].unseen)
	}
}

// shown returns what the base is to say that the server has of a message which an
// interrupted run brought to a mailbox with these flags.
func (s *session) shown(mb *mailbox, sent, seen mail.Flags) mail.Flags {
	lost := sent.Minus(seen)
	return sent.Minus(lost.Minus(s.keeps(mb).Stores(lost)))
}

// offerThere makes flags that the old mailbox of a message did not store count as set
// on its file: the new one may store them. Nor is it believed any more that the old one
// does not: the message may have left before the STORE, and a server that is behind
// shows it without the flags all the same.
func (s *session) offerThere(m *message) {
	unheld := m.row.LocalFlags.Minus(m.row.RemoteFlags)
	if m.detached || unheld.IsEmpty() {
		return
	}
	m.item.Local.Base = m.item.Local.Base.Minus(unheld)
	if home := s.byID[m.row.MailboxID]; home.row != nil {
		home.row.Refused = home.row.Refused.Minus(unheld)
	}
}

// settleArrival notes what a mailbox did not store of a message. wish is what
// the file has beyond the message, of which some may be stored by now.
func (s *session) settleArrival(mb *mailbox, row *state.Message, lost, wish mail.Flags) {
	again := s.keeps(mb).Stores(wish)
	if rest := wish.Union(lost).Minus(again).Intersect(row.LocalFlags); !rest.IsEmpty() {
		s.noticeUnheld(mb.name, rest)
	}
	if lost.IsEmpty() && again.IsEmpty() {
		return
	}
	m := s.message(row)
	m.row.RemoteFlags = m.row.RemoteFlags.Minus(lost)
	m.item.Remote.Base = m.item.Remote.Base.Minus(lost)
	m.item.Remote.Flags = m.item.Remote.Flags.Minus(lost)
	s.sendAgain(mb, m, again)
	s.touched = append(s.touched, m)
}

// sendAgain makes flags of a file count as set there, so that they go to the
// server, where the effect is looked at.
func (s *session) sendAgain(mb *mailbox, m *message, flags mail.Flags) {
	if flags.IsEmpty() {
		return
	}
	m.doubted = m.doubted.Union(flags)
	m.row.LocalFlags = m.row.LocalFlags.Minus(flags)
	m.item.Local.Base = m.item.Local.Base.Minus(flags)
	m.refresh(mb.name)
}

// storesMore sends what a mailbox did not store before, when it begins to
// announce that it does.
func (s *session) storesMore(ctx context.Context, mb *mailbox) error {
	if mb.row == nil || mb.detached || !mb.announces || s.req.DryRun {
		return nil
	}
	pm := s.keeps(mb)
	return s.db.Unlike(ctx, mb.row.ID, func(row *state.Message) error {
		m := s.message(row)
		can := pm.Stores(m.row.LocalFlags.Minus(m.row.RemoteFlags))
		if can.IsEmpty() || m.item.Remote.State != plan.Same && m.item.Remote.State != plan.Edited {
			return nil
		}
		s.sendAgain(mb, m, can)
		s.touched = append(s.touched, m)
		return nil
	})
}
