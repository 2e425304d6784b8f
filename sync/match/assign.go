package match

import (
	"slices"

	"satchel/sync/keyword"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// mayMeet reports whether c is a new file where the message of sus is, and has its
// content in one of its forms.
func mayMeet(c *view.Message, sus *unidentified) bool {
	return c.Row == nil && !c.Done && c.File.Folder == sus.m.Item.Remote.Mailbox && slices.Contains(c.Content.Digests(), sus.digest)
}

// meetsAtDate reports whether a new file has the content of the message and its
// date. Of several messages of one content, each gets the file of its date.
func (sus *unidentified) meetsAtDate() bool {
	return slices.ContainsFunc(sus.candidates, func(c *view.Message) bool { return c.Date == sus.m.Date && mayMeet(c, sus) })
}

// movedAlong returns the message that a new one is where both sides moved it to the
// same mailbox; a new file of that content there is another copy. Taken for the new
// message, it would leave the known one without any, and so without its file.
func (s *Match) movedAlong(sus *unidentified) *view.Message {
	name := sus.m.Item.Remote.Mailbox
	var from *view.Message
	for _, c := range sus.candidates {
		if c.Row != nil && c.Digest() == sus.digest && c.Item.Remote.State == plan.Removed && c.OnDisk() && c.Item.Local.State == plan.Moved &&
			c.Item.Local.Mailbox == name && !s.stays(c, sus.m) && (from == nil || s.betterOrigin(c, from, sus.m)) {
			from = c
		}
	}
	if from != nil && s.sentRather(from, sus.m) {
		return nil // the new file may have gone up as this message
	}
	return from
}

// movedFrom returns the message that the server moved to where a new one is, nil if
// there is none.
func (s *Match) movedFrom(sus *unidentified) (from *view.Message) {
	for _, c := range sus.candidates {
		if c.Row == nil || c.Digest() != sus.digest || c.Item.Remote.State != plan.Removed ||
			!c.OnDisk() && (s.Trashed(c) || s.WaitsForExpunge(c)) {
			continue
		}
		if from == nil || s.betterOrigin(c, from, sus.m) {
			from = c
		}
	}
	return from
}

// meet makes a new message and a new file one, whose content is said to be what
// the server has; sent is the digest of what an upload of it sends.
func (s *Match) meet(n, f *view.Message, sent mail.Digest) {
	f.Done = true
	n.Done = true
	s.inherit(n, f, sent, f.Content.Digest)
	n.Content, n.File, n.Reading = f.Content, f.File, f.Reading
	base := n.Item.Local.Base
	n.Item.Local, n.Item.Size, n.Item.CopyOf = f.Item.Local, f.Content.Size, nil
	n.Item.Local.Base = base
	s.Paired = append(s.Paired, n)
}

// movedTo makes the message from, which the server had elsewhere, the new
// message n.
func (s *Match) movedTo(from, n *view.Message) {
	name := n.Item.Remote.Mailbox
	n.Done = true
	from.UID, from.Date = n.UID, n.Date
	if n.EmailID != "" {
		from.Row.EmailID = n.EmailID
	}
	from.Item.Remote.State = plan.Same
	from.Item.Remote.Mailbox, from.Item.Remote.Key, from.Item.Remote.Flags = name, n.Item.Remote.Key, n.Item.Remote.Flags
	home := s.ByID[from.Row.MailboxID].Name
	if name != home {
		keyword.Offer(from)
		s.look.OfferThere(from)
	}
	if s.doubtsFlags(from, n) {
		from.UniteFlags()
		if from.UIDVoid { // then the row is written anew, whatever of this the run may carry over
			from.Row.LocalFlags, from.Row.RemoteFlags = from.Item.Local.Base, from.Item.Remote.Base
		}
	}
	from.Refresh(home)
	s.Touched = append(s.Touched, from)
}

// doubtsFlags reports whether n, which is the message from in its new place, may
// have lost flags since the base, because a mailbox was made anew that it was in:
// a copy that was put back need not have them all. What another client moved has
// those that it was given, and so has what is in the mailbox of before, which got
// another name: RENAME keeps UIDVALIDITY and UIDs.
func (s *Match) doubtsFlags(from, n *view.Message) bool {
	home, mb := s.ByID[from.Row.MailboxID], s.Mailboxes[n.Item.Remote.Mailbox]
	switch {
	case s.sentTo(mb.Name, from.Row.Digest):
		return true // its flags may not have followed yet
	case !from.UIDVoid:
		return mb.UIDsVoid && s.movedByUsTo(from, mb.Name)
	case home.Name == mb.Name:
		return true
	}
	return s.StartsAnew(n) && (n.UID != from.Row.UID || s.Validity(mb) != home.Row.Cursor.UIDValidity)
}

// copyOf makes n a copy of a candidate.
func (s *Match) copyOf(n *view.Message, sus *unidentified) {
	for _, c := range sus.candidates {
		if c.Row != nil && c.Digest() == sus.digest && c.OnDisk() {
			n.Item.CopyOf = &c.Item
			c.Item.Altered = s.AlteredHere(c)
			return
		}
	}
}

// AlteredHere reports whether the file of a message is known to have another size
// than what was synced, because somebody is still writing it, or has edited it. What
// has another name by now is not known.
func (s *Match) AlteredHere(m *view.Message) bool {
	size, err := s.Store.DiskSize(m.File)
	return err == nil && size != m.Row.DiskSize
}

// betterOrigin reports whether a is rather than b the message that the server
// moved to where n is: rather one that is not to be found where it was, rather one that
// is on disk, as in bestMissing, rather one that stayed in its mailbox, and under its
// UID, rather one that was moved there on disk as well, rather one with the same flags.
func (s *Match) betterOrigin(a, b, n *view.Message) bool {
	for _, is := range []func(m *view.Message) bool{
		func(m *view.Message) bool { return !s.stays(m, n) },
		(*view.Message).OnDisk,
		func(m *view.Message) bool { return s.stayed(m, n) },
		func(m *view.Message) bool { return s.keptUID(m, n) },
		func(m *view.Message) bool { return m.Item.Local.Mailbox == n.Item.Remote.Mailbox },
		func(m *view.Message) bool { return m.Row.RemoteFlags.Equal(n.Item.Remote.Flags) },
	} {
		if x, y := is(a), is(b); x != y {
			return x
		}
	}
	return a.Row.ID < b.Row.ID
}

// stayed reports whether n is in the mailbox of m, as far as names and numbers
// tell: made anew, or under another name, which keeps UIDVALIDITY and UIDs.
func (s *Match) stayed(m, n *view.Message) bool {
	home, mb := s.ByID[m.Row.MailboxID], s.Mailboxes[n.Item.Remote.Mailbox]
	return home == mb && home.UIDsVoid || home != mb && s.sameUID(m, n)
}

// stays reports whether m may be found as another new message than n, which has its
// content and stayed where m was, as n did not.
func (s *Match) stays(m, n *view.Message) bool {
	return !s.stayed(m, n) && slices.ContainsFunc(s.proven[m.Digest()], func(o *view.Message) bool {
		return o != n && !o.Done && s.stayed(m, o)
	})
}

// sameUID reports whether n has the UID and the UIDVALIDITY that the base has of m.
func (s *Match) sameUID(m, n *view.Message) bool {
	home := s.ByID[m.Row.MailboxID]
	return n.UID == m.Row.UID && home.Row.Cursor.UIDValidity != 0 && s.Validity(s.Mailboxes[n.Item.Remote.Mailbox]) == home.Row.Cursor.UIDValidity
}

// keptUID reports whether n stayed, and has the UID of m. Of two messages of one
// content in a mailbox that is paired anew, each is the one that has its UID.
func (s *Match) keptUID(m, n *view.Message) bool { return s.stayed(m, n) && s.sameUID(m, n) }
