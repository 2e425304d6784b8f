package look

import (
	"errors"
	"fmt"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/run"
	"satchel/sync/view"
)

// Within one UIDVALIDITY the UIDNEXT of a mailbox only grows (RFC 3501
// §2.3.1.1). A server that tells one which a message of the base has reached
// already, and does not show that message, is behind: a replica, or a store that
// does not list at once what it took. Nothing is known of such messages; they
// are no more gone than they are new here. One that still shows what this account
// removed from it is behind as well, and those messages are no new ones.

// SayBehind tells people of a mailbox that is behind; after a day, what they can do.
func (s *Look) SayBehind(mb *view.Mailbox) {
	text := fmt.Sprintf("the server shows it as it was before %d of its messages came (UIDNEXT is %d); "+
		"they stay as they are until it shows them", mb.Behind, mb.Changes.ToldNext)
	if s.Start.Sub(s.quirks.Since(run.Fault{Mailbox: mb.Name, What: run.FaultBehind})) < quirk.BelieveBehind {
		s.Rep.Notice("%s: %s", mb.Name, text)
		return
	}
	s.Rep.Problem(mb.Name, "", &mail.Error{Op: "look for messages", Mailbox: mb.Name, Kind: mail.KindMailbox, Err: errors.New(text),
		Hint: "look for them with another mail program; if they are not on the server, sync with --full to send them again"})
}

// LeaveStale leaves alone what a server that is behind shows under a UID that it had
// given out when the mailbox was read last, and that no message had then. The message
// has left the mailbox since, and is no new one. It returns the mailboxes of such
// messages.
func (s *Look) LeaveStale() map[*view.Mailbox]bool {
	behind := false
	for _, mb := range s.Mailboxes {
		behind = behind || mb.Behind > 0 || mb.Changes != nil && mb.Changes.Doubts&remote.DoubtModSeq != 0 || s.showsRemoved(mb)
	}
	if !behind {
		return nil
	}
	stale := map[*view.Mailbox]bool{}
	s.NewRemote = slices.DeleteFunc(s.NewRemote, func(n *view.Message) bool {
		mb := s.Mailboxes[n.Item.Remote.Mailbox]
		if n.Replaces != 0 || mb.UIDsVoid || s.Windowed(mb) || n.UID >= mb.CursorOf().UIDNext {
			return false
		}
		stale[mb] = true
		return true
	})
	return stale
}

// showsRemoved reports whether the server shows, in a mailbox, what this run removed
// from it, or an earlier run of the same day found it behind there.
func (s *Look) showsRemoved(mb *view.Mailbox) bool {
	if mb.Row == nil || mb.Changes == nil || mb.UIDsVoid {
		return false
	}
	if since := s.quirks.Since(run.Fault{Mailbox: mb.Name, What: run.FaultBehind}); since.Unix() > 0 {
		return s.Start.Sub(since) < quirk.BelieveBehind
	}
	return slices.ContainsFunc(s.NewRemote, func(n *view.Message) bool {
		return n.Item.Remote.Mailbox == mb.Name && n.Replaces == 0 && s.Removed(mb, n.UID)
	}) && s.quirks.MaybeBehind(mb.Name)
}

// showsFormer reports whether the server shows a mailbox under the UIDVALIDITY that it
// had before the present one. That one is over (RFC 3501 §2.3.1.1: what follows is
// greater), so the server is behind: paired anew, what came since would go up again.
// What somebody renamed, and then renamed back, looks the same, and waits as well.
func (s *Look) showsFormer(mb *view.Mailbox, ch *remote.Changes) bool {
	v := ch.Cursor.UIDValidity
	if mb.Row == nil || v != mb.Row.Former || v >= mb.Row.Cursor.UIDValidity {
		return false
	}
	if !s.quirks.MaybeBehind(mb.Name) {
		return false
	}
	s.RemoteIncomplete = true
	s.Rep.Notice("%s: the server shows it as it was before its UIDVALIDITY changed to %d; it stays as it is until the server shows that again",
		mb.Name, mb.Row.Cursor.UIDValidity)
	return true
}

// KeptUIDs returns those mailboxes paired anew in which all messages that were found
// have the UIDs that they had. Where none was found, nothing speaks against those that
// the server has not come to.
func (s *Look) KeptUIDs() map[*view.Mailbox]bool {
	same := map[*view.Mailbox]bool{}
	for _, m := range s.Messages {
		mb := s.ByID[m.Row.MailboxID]
		if !m.UIDVoid || mb == nil || !mb.UIDsVoid || mb.Frozen() || mb.Changes == nil ||
			mb.Changes.Cursor.UIDValidity != mb.Row.Cursor.UIDValidity {
			continue
		}
		was, seen := same[mb]
		switch {
		case m.Item.Remote.State.Present():
			same[mb] = (was || !seen) && m.UID == m.Row.UID && m.Item.Remote.Mailbox == mb.Name
		case !seen && s.Beyond(m, mb):
			same[mb] = true
		}
	}
	return same
}

// SetBack reports whether a message is to be found in a mailbox that is paired anew
// because UIDNEXT went down, and that came as far. Its file was removed; taken for a
// new message, it would come back.
func (s *Look) SetBack(m *view.Message) bool {
	mb := s.ByID[m.Row.MailboxID]
	return m.UIDVoid && !s.Restored && m.Item.Local.State == plan.Removed && mb.UIDsVoid && mb.Changes != nil &&
		mb.Changes.Cursor.UIDValidity == mb.Row.Cursor.UIDValidity && m.Row.UID != 0 && m.Row.UID < mb.Changes.ToldNext
}

// Beyond reports whether the server says that it has not come as far as the UID
// of a message.
func (s *Look) Beyond(m *view.Message, mb *view.Mailbox) bool {
	return mb.Row != nil && mb.Row.Cursor.UIDValidity != 0 && mb.Remote != nil && m.Row.UID != 0 &&
		m.Row.UID >= mb.Changes.ToldNext && tellsLess(mb.Changes)
}

// Keep leaves a message as it is.
func (s *Look) Keep(m *view.Message, mb *view.Mailbox) {
	m.Item.Remote.State, m.UID = plan.Same, m.Row.UID
	m.Refresh(mb.Name)
	mb.Behind++
}

// tellsLess reports whether all that a server shows of a mailbox is below the
// UIDNEXT that it tells. Else that number is wrong, and not the list.
func tellsLess(ch *remote.Changes) bool {
	next := ch.ToldNext
	if next == 0 || ch.Present.Intersect(mail.UIDSet{{Start: next, Stop: ^mail.UID(0)}}).Count() > 0 {
		return false
	}
	for _, f := range ch.Flags {
		if f.UID >= next {
			return false
		}
	}
	return !slices.ContainsFunc(ch.New, func(n remote.NewMessage) bool { return n.UID >= next })
}

// MayBeShown reports whether a mailbox that is behind may come to show what it does not:
// for a day, and then as long as no person decides that it does not, by --full.
func (s *Look) MayBeShown(mailbox string) bool { return s.quirks.MaybeBehind(mailbox) || !s.Req.Full }

// ShowsLess reports whether the server did not show, within a day, all that it has:
// messages, or a mailbox that it was to make. What it shows empty need not be empty.
func (s *Look) ShowsLess() bool {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for f, since := range s.quirks.Distrust {
		known := f.What == run.FaultBehind || f.What == run.FaultVanished || f.What == run.FaultAlias
		if known && since.Unix() > 0 && s.Start.Sub(since) < quirk.BelieveBehind {
			return true
		}
	}
	return false
}

// PostponeDeletes leaves the mailboxes of such a server where they are.
func (s *Look) PostponeDeletes(p *plan.Plan) {
	if !s.ShowsLess() {
		return
	}
	p.Ops = slices.DeleteFunc(p.Ops, func(op plan.Op) bool {
		is := op.Kind == plan.DeleteRemote
		if is {
			p.LocalPending[op.Mailbox] = true
			s.SayStays(op.Mailbox)
		}
		return is
	})
}

// SayStays tells of a mailbox that such a server keeps, though its folder was removed.
func (s *Look) SayStays(name string) {
	s.Rep.Notice("%s: its folder is gone; the mailbox stays on the server for a day, since the server did not show all that it has", name)
}
