package look

import (
	"context"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// What a message is given by MOVE, COPY or APPEND need not all be stored in the
// mailbox that it comes to: the rights there may be fewer (RFC 4314 §4), and
// some servers drop flags without a word. A flag that is missing at the first
// look was not removed by anybody: it stays on the file. One that the mailbox
// is said to store is sent by STORE, once, and its effect looked at; what is
// missing then as well the mailbox does not store, whatever it says.

// arrived takes the flags with which the server shows a message that this run put
// there, when it shows them first.
func (s *Look) arrived(mb *view.Mailbox, row *state.Message, seen mail.Flags) {
	if m := s.Messages[row.ID]; m != nil {
		row = m.Row
	}
	s.Mu.Lock()
	o := s.Created[mb.Row.ID]
	var cleared mail.Flags
	first := false
	if o != nil {
		if cleared, first = o.Unseen[row.UID]; first {
			delete(o.Unseen, row.UID)
		}
	}
	s.Mu.Unlock()
	switch {
	case first:
		seen = seen.Union(cleared) // somebody's doing, not the mailbox's
		s.noteArrival(mb, row, row.RemoteFlags.Minus(seen), row.LocalFlags.Minus(seen))
	case row.UID >= mb.CursorOf().UIDNext:
		// A run that died put it there, or another client moved it: what the
		// mailbox is said to store was removed, by all that is known.
		s.noteArrival(mb, row, row.RemoteFlags.Minus(s.Shown(mb, row.RemoteFlags, seen)), mail.Flags{})
	}
}

// allArrived notes that the server was asked about all that this run put into a
// mailbox: what it did not show is as it was sent.
func (s *Look) allArrived(mb *view.Mailbox) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if mb.Row != nil && s.Created[mb.Row.ID] != nil {
		clear(s.Created[mb.Row.ID].Unseen)
	}
}

// Shown returns what the base is to say that the server has of a message which an
// interrupted run brought to a mailbox with these flags.
func (s *Look) Shown(mb *view.Mailbox, sent, seen mail.Flags) mail.Flags {
	lost := sent.Minus(seen)
	return sent.Minus(lost.Minus(s.quirks.PermanentFlags(mb).Stores(lost)))
}

// OfferThere makes flags that the old mailbox of a message did not store count as set
// on its file: the new one may store them. Nor is it believed any more that the old one
// does not: the message may have left before the STORE, and a server that is behind
// shows it without the flags all the same.
func (s *Look) OfferThere(m *view.Message) {
	unheld := m.Row.LocalFlags.Minus(m.Row.RemoteFlags)
	if m.UIDVoid || unheld.IsEmpty() {
		return
	}
	m.Item.Local.Base = m.Item.Local.Base.Minus(unheld)
	if home := s.ByID[m.Row.MailboxID]; home.Row != nil {
		home.Row.Refused = home.Row.Refused.Minus(unheld)
	}
}

// noteArrival notes what a mailbox did not store of a message. wish is what
// the file has beyond the message, of which some may be stored by now.
func (s *Look) noteArrival(mb *view.Mailbox, row *state.Message, lost, wish mail.Flags) {
	again := s.quirks.PermanentFlags(mb).Stores(wish)
	if rest := wish.Union(lost).Minus(again).Intersect(row.LocalFlags); !rest.IsEmpty() {
		s.quirks.NoticeUnsupported(mb.Name, rest)
	}
	if lost.IsEmpty() && again.IsEmpty() {
		return
	}
	m := s.Message(row)
	m.Row.RemoteFlags = m.Row.RemoteFlags.Minus(lost)
	m.Item.Remote.Base = m.Item.Remote.Base.Minus(lost)
	m.Item.Remote.Flags = m.Item.Remote.Flags.Minus(lost)
	s.sendAgain(mb, m, again)
	s.Touched = append(s.Touched, m)
}

// sendAgain makes flags of a file count as set there, so that they go to the
// server, where the effect is looked at.
func (s *Look) sendAgain(mb *view.Mailbox, m *view.Message, flags mail.Flags) {
	if flags.IsEmpty() {
		return
	}
	m.Doubted = m.Doubted.Union(flags)
	m.Row.LocalFlags = m.Row.LocalFlags.Minus(flags)
	m.Item.Local.Base = m.Item.Local.Base.Minus(flags)
	m.Refresh(mb.Name)
}

// storesMore sends what a mailbox did not store before, when it begins to
// announce that it does.
func (s *Look) storesMore(ctx context.Context, mb *view.Mailbox) error {
	if mb.Row == nil || mb.UIDsVoid || !mb.Announces || s.Req.DryRun {
		return nil
	}
	pm := s.quirks.PermanentFlags(mb)
	return s.DB.Unlike(ctx, mb.Row.ID, func(row *state.Message) error {
		m := s.Message(row)
		can := pm.Stores(m.Row.LocalFlags.Minus(m.Row.RemoteFlags))
		if can.IsEmpty() || m.Item.Remote.State != plan.Same && m.Item.Remote.State != plan.Edited {
			return nil
		}
		s.sendAgain(mb, m, can)
		s.Touched = append(s.Touched, m)
		return nil
	})
}
