package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// Within one UIDVALIDITY the UIDNEXT of a mailbox only grows (RFC 3501
// §2.3.1.1). A server that tells one which a message of the base has reached
// already, and does not show that message, is behind: a replica, or a store that
// does not list at once what it took. Nothing is known of such messages; they
// are no more gone than they are new here. One that still shows what this account
// removed from it is behind as well, and those messages are no new ones.

// faultBehind is what is remembered of such a mailbox.
const faultBehind = "behind"

// believeBehind is how long a server has to show what it said OK to. A mailbox that is
// behind for longer was brought back from an older copy, or told a UID that no
// message has, or is a replica that takes its time. Nothing tells these apart, so
// the next step is a person's: --full, which is no answer before that.
const believeBehind = 24 * time.Hour

// parkedUIDs are UIDs that the state gives to rows without one; see
// [state.Tx.ParkUIDs].
const parkedUIDs = mail.UID(0xF0000000)

// keepUnshown takes back that messages went, where the server is behind. What has no
// file any more is removed once the server shows it.
func (s *session) keepUnshown(context.Context) error {
	for _, m := range s.messages {
		mb := s.byID[m.row.MailboxID]
		if m.item.Remote.State == plan.Removed && !m.detached && mb != nil && mb.changes != nil && !mb.detached &&
			!s.trashed(m) && s.beyond(m, mb) && s.mayBeShown(mb.name) {
			s.keep(m, mb)
			m.item.Awaited = m.item.Local.State == plan.Removed
		}
	}
	stale := s.leaveStale()
	s.unshown = s.unshown || len(stale) > 0
	for _, name := range s.names {
		mb := s.mailboxes[name]
		s.unshown = s.unshown || mb.behind > 0
		switch {
		case mb.behind > 0:
			s.hold(true, name)
			s.sayBehind(mb)
		case stale[mb]:
			s.hold(true, name)
			s.rep.notice("%s: the server still shows messages that have left it; they are left alone until it shows them no more, "+
				"for a day at most", name)
		case mb.changes != nil:
			s.absolve(fault{name, faultBehind}) // it has caught up
		}
	}
	return nil
}

// sayBehind tells people of a mailbox that is behind; after a day, what they can do.
func (s *session) sayBehind(mb *mailbox) {
	text := fmt.Sprintf("the server shows it as it was before %d of its messages came (UIDNEXT is %d); "+
		"they stay as they are until it shows them", mb.behind, mb.changes.ToldNext)
	if s.start.Sub(s.since(fault{mb.name, faultBehind})) < believeBehind {
		s.rep.notice("%s: %s", mb.name, text)
		return
	}
	s.rep.problem(mb.name, "", &mail.Error{Op: "look for messages", Mailbox: mb.name, Kind: mail.KindMailbox, Err: errors.New(text),
		Hint: "look for them with another mail program; if they are not on the server, sync with --full to send them again"})
}

// leaveStale leaves alone what a server that is behind shows under a UID that it had
// given out when the mailbox was read last, and that no message had then. The message
// has left the mailbox since, and is no new one. It returns the mailboxes of such
// messages.
func (s *session) leaveStale() map[*mailbox]bool {
	behind := false
	for _, mb := range s.mailboxes {
		behind = behind || mb.behind > 0 || mb.changes != nil && mb.changes.Doubts&remote.DoubtModSeq != 0 || s.showsRemoved(mb)
	}
	if !behind {
		return nil
	}
	stale := map[*mailbox]bool{}
	s.newRemote = slices.DeleteFunc(s.newRemote, func(n *message) bool {
		mb := s.mailboxes[n.item.Remote.Mailbox]
		if n.replaces != 0 || mb.detached || s.windowed(mb) || n.uid >= mb.cursorOf().UIDNext {
			return false
		}
		stale[mb] = true
		return true
	})
	return stale
}

// showsRemoved reports whether the server shows, in a mailbox, what this run removed
// from it, or an earlier run of the same day found it behind there.
func (s *session) showsRemoved(mb *mailbox) bool {
	if mb.row == nil || mb.changes == nil || mb.detached {
		return false
	}
	if since := s.since(fault{mb.name, faultBehind}); since.Unix() > 0 {
		return s.start.Sub(since) < believeBehind
	}
	return slices.ContainsFunc(s.newRemote, func(n *message) bool {
		return n.item.Remote.Mailbox == mb.name && n.replaces == 0 && s.tookOut(mb, n.uid)
	}) && s.maybeBehind(mb.name)
}

// unknownPlace reports whether a new message has the content of one that the server,
// being behind, does not show yet. It may be just that one, where it was before it was
// moved.
func (s *session) unknownPlace(sus *suspect) bool {
	stays := func(c *message) bool { // with its UID, in a mailbox that is paired anew
		return c.row != nil && c.row.UID == sus.m.uid && s.byID[c.row.MailboxID] == s.mailboxes[sus.m.item.Remote.Mailbox]
	}
	return !slices.ContainsFunc(sus.candidates, stays) && slices.ContainsFunc(sus.candidates, func(c *message) bool {
		if c.row == nil || c.digest() != sus.digest || c.item.Remote.State != plan.Removed || !c.item.Local.State.Present() {
			return false
		}
		// In a mailbox that is paired anew it may as well be that message under
		// another UID.
		mb := s.byID[c.row.MailboxID]
		return mb != nil && mb.changes != nil && c.detached == mb.detached && (!mb.detached || sus.m.item.Remote.Mailbox != mb.name) &&
			mb.changes.Cursor.UIDValidity == mb.row.Cursor.UIDValidity && s.beyond(c, mb) && s.mayBeShown(mb.name)
	})
}

// showsFormer reports whether the server shows a mailbox under the UIDVALIDITY that it
// had before the present one. That one is over (RFC 3501 §2.3.1.1: what follows is
// greater), so the server is behind: paired anew, what came since would go up again.
// What somebody renamed, and then renamed back, looks the same, and waits as well.
func (s *session) showsFormer(mb *mailbox, ch *remote.Changes) bool {
	v := ch.Cursor.UIDValidity
	if mb.row == nil || v != mb.row.Former || v >= mb.row.Cursor.UIDValidity {
		return false
	}
	if !s.maybeBehind(mb.name) {
		return false
	}
	s.remoteBlind = true
	s.rep.notice("%s: the server shows it as it was before its UIDVALIDITY changed to %d; it stays as it is until the server shows that again",
		mb.name, mb.row.Cursor.UIDValidity)
	return true
}

// neverCame gives up the UIDs of messages that this account put on the server, that
// it never showed, and that its UIDNEXT has not come to in a day, when a person says
// so: no message has them, whatever APPENDUID or COPYUID said. Their files are new again.
func (s *session) neverCame() {
	for _, m := range s.messages {
		mb := s.byID[m.row.MailboxID]
		if m.item.Remote.State == plan.Removed && m.item.Local.State.Present() && !m.detached && mb != nil && mb.changes != nil && !mb.detached && !mb.frozen() &&
			!s.trashed(m) && !s.leftBehind(m) && s.beyond(m, mb) && m.row.UID >= mb.cursorOf().UIDNext && !s.mayBeShown(mb.name) {
			m.detached = true
			s.evicted = append(s.evicted, m.row.ID)
		}
	}
}

// keepEvicted takes back that the UIDs of such messages are another's, or no message's
// (see misplaced), where nothing that the server shows was found to be them.
func (s *session) keepEvicted() {
	s.evicted = slices.DeleteFunc(s.evicted, func(id int64) bool {
		m := s.messages[id]
		if m == nil || !m.detached || m.item.Remote.State != plan.Removed || s.trashed(m) {
			return false
		}
		mb := s.byID[m.row.MailboxID]
		if mb == nil || mb.changes == nil || mb.detached || !s.beyond(m, mb) || !s.mayBeShown(mb.name) {
			return false
		}
		m.detached = false // keepUnshown does the rest
		return true
	})
}

// keepDetached does the same as keepUnshown where UIDNEXT went down so that all was paired
// anew: a mailbox whose messages all have the UIDs that they had is the one
// that it was. Of its other messages, which the server does not show although it
// has come as far, nothing is known: they are paired anew.
func (s *session) keepDetached() {
	same := s.keptUIDs()
	for _, m := range s.messages {
		mb := s.byID[m.row.MailboxID]
		if m.detached && same[mb] && m.item.Remote.State == plan.Removed && !s.trashed(m) && s.beyond(m, mb) && s.mayBeShown(mb.name) {
			s.keep(m, mb)
			m.item.Awaited = m.item.Local.State == plan.Removed
		}
	}
	for _, m := range s.messages {
		mb := s.byID[m.row.MailboxID]
		switch {
		case !m.detached || !same[mb] || mb.behind == 0:
		case m.item.Remote.State.Present():
			m.detached = false
		default:
			s.evicted = append(s.evicted, m.row.ID)
		}
	}
	for mb := range same {
		mb.detached = mb.detached && mb.behind == 0
	}
}

// keptUIDs returns those mailboxes paired anew in which all messages that were found
// have the UIDs that they had. Where none was found, nothing speaks against those that
// the server has not come to.
func (s *session) keptUIDs() map[*mailbox]bool {
	same := map[*mailbox]bool{}
	for _, m := range s.messages {
		mb := s.byID[m.row.MailboxID]
		if !m.detached || mb == nil || !mb.detached || mb.frozen() || mb.changes == nil ||
			mb.changes.Cursor.UIDValidity != mb.row.Cursor.UIDValidity {
			continue
		}
		was, seen := same[mb]
		switch {
		case m.item.Remote.State.Present():
			same[mb] = (was || !seen) && m.uid == m.row.UID && m.item.Remote.Mailbox == mb.name
		case !seen && s.beyond(m, mb):
			same[mb] = true
		}
	}
	return same
}

// setBack reports whether a message is to be found in a mailbox that is paired anew
// because UIDNEXT went down, and that came as far. Its file was removed; taken for a
// new message, it would come back.
func (s *session) setBack(m *message) bool {
	mb := s.byID[m.row.MailboxID]
	return m.detached && !s.restored && m.item.Local.State == plan.Removed && mb.detached && mb.changes != nil &&
		mb.changes.Cursor.UIDValidity == mb.row.Cursor.UIDValidity && m.row.UID < mb.changes.ToldNext
}

// beyond reports whether the server says that it has not come as far as the UID
// of a message.
func (s *session) beyond(m *message, mb *mailbox) bool {
	return mb.row != nil && mb.row.Cursor.UIDValidity != 0 && mb.remote != nil && m.row.UID < parkedUIDs &&
		m.row.UID >= mb.changes.ToldNext && tellsLess(mb.changes)
}

// keep leaves a message as it is.
func (s *session) keep(m *message, mb *mailbox) {
	m.item.Remote.State, m.uid = plan.Same, m.row.UID
	m.refresh(mb.name)
	mb.behind++
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

// mayBeShown reports whether a mailbox that is behind may come to show what it does not:
// for a day, and then as long as no person decides that it does not, by --full.
func (s *session) mayBeShown(mailbox string) bool { return s.maybeBehind(mailbox) || !s.req.Full }

// maybeBehind reports whether a mailbox is behind still, and remembers since
// when.
func (s *session) maybeBehind(mailbox string) bool {
	f := fault{mailbox, faultBehind}
	if since := s.since(f); since.Unix() > 0 {
		return s.start.Sub(since) < believeBehind
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.distrust[f] = s.start
	return true
}

// showsLess reports whether the server did not show, within a day, all that it has:
// messages, or a mailbox that it was to make. What it shows empty need not be empty.
func (s *session) showsLess() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f, since := range s.distrust {
		known := f.what == faultBehind || f.what == faultVanished || f.what == faultAlias
		if known && since.Unix() > 0 && s.start.Sub(since) < believeBehind {
			return true
		}
	}
	return false
}

// postponeDeletes leaves the mailboxes of such a server where they are.
func (s *session) postponeDeletes(p *plan.Plan) {
	if !s.showsLess() {
		return
	}
	p.Ops = slices.DeleteFunc(p.Ops, func(op plan.Op) bool {
		is := op.Kind == plan.DeleteRemote
		if is {
			p.LocalPending[op.Mailbox] = true
			s.sayStays(op.Mailbox)
		}
		return is
	})
}

// sayStays tells of a mailbox that such a server keeps, though its folder was removed.
func (s *session) sayStays(name string) {
	s.rep.notice("%s: its folder is gone; the mailbox stays on the server for a day, since the server did not show all that it has", name)
}
