package match

import (
	"context"
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/keyword"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/run"
	"satchel/sync/view"
)

// assign decides what a recognised message is. What half a move left is known by then
// (followMovedSources). The rest is, in this order: an interrupted upload; nothing, as long as the
// server is behind; a message that moved with its file; the other half of a new file; a
// message that moved; a copy.
func (s *Match) assign(ctx context.Context, sus *unidentified) error {
	n := sus.m
	if n.Replaces != 0 {
		s.copyOf(n, sus)
		return nil
	}
	i, f, err := s.uploadedBefore(ctx, sus)
	if err != nil {
		return err
	}
	if f != nil {
		f.Content.Is(sus.digest)
		return s.completeUpload(ctx, i, n, f)
	}
	if s.unknownPlace(sus) {
		n.Done = true
		s.Hold(true, n.Item.Remote.Mailbox)
		return nil
	}
	// One with other line ends than the server's message, or with lines that a
	// program added, comes last, and one of another date behind one of the same. Of
	// files that are alike in all this, it is rather the one with the same flags.
	PutFirst(sus.candidates, func(c *view.Message) bool {
		return c.Content != nil && (c.Content.Digest == sus.digest || c.Content.RawDigest == sus.digest)
	})
	PutFirst(sus.candidates, func(c *view.Message) bool { return c.Row == nil && flaggedAs(c, n) })
	PutFirst(sus.candidates, func(c *view.Message) bool { return c.Date == n.Date })
	if from := s.movedAlong(sus); from != nil {
		s.movedTo(from, n)
		return nil
	}
	for _, c := range sus.candidates {
		if mayMeet(c, sus) {
			sent := c.Content.Digest // as an interrupted upload announced it
			c.Content.Is(sus.digest)
			s.meet(n, c, sent)
			return nil
		}
	}
	if s.resumeMove(sus) {
		return nil
	}
	if from := s.movedFrom(sus); from != nil {
		i := s.explainUpload(from, n)
		s.movedTo(from, n)
		s.copiedAgain(from, i)
		return nil
	}
	s.copyOf(n, sus)
	return nil
}

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

// explainUpload keeps the journal's word of an upload of from that led to n until
// the base knows of n: else a run that dies in between sends it again. It returns that,
// nil if there is none.
func (s *Match) explainUpload(from, n *view.Message) *state.Intent {
	i := s.announcement(n.Item.Remote.Mailbox, from, from.Row.Digest)
	if i != nil {
		s.Explained = append(s.Explained, i)
	}
	return i
}

// copiedAgain takes into account that a message went up again as a copy of another one,
// by i: it has the flags of that one, and what its file has otherwise is a change.
func (s *Match) copiedAgain(m *view.Message, i *state.Intent) {
	if i == nil || !run.IsCopy(i) || !m.OnDisk() {
		return
	}
	m.Row.LocalFlags = i.Delta.Add
	m.Row.RemoteFlags = s.look.Shown(s.Mailboxes[i.Mailbox], i.Delta.Add, m.Item.Remote.Flags)
	m.Item.Local.Base, m.Item.Remote.Base = m.Row.LocalFlags, m.Row.RemoteFlags
	m.Refresh(s.ByID[m.Row.MailboxID].Name)
}

// announcement returns what the journal says of an upload or copy of one of the
// digests into a mailbox, and that explains no message yet: rather one of the name of
// the file f, which others may have renamed since, and of several rather one that gave
// its flags. Nil if there is none.
func (s *Match) announcement(mailbox string, f *view.Message, digests ...mail.Digest) (found *state.Intent) {
	for _, i := range s.IntendedAppends(mailbox) {
		named := i.Base == f.File.Base()
		switch {
		case !slices.Contains(digests, i.Digest) || slices.Contains(s.Explained, i):
		case named && sentBy(f, i):
			return i
		case found == nil || named && found.Base != i.Base:
			found = i
		}
	}
	return found
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

// sentTo reports whether a message of that content was sent to a mailbox, and it is
// not noted yet where it went.
func (s *Match) sentTo(mailbox string, d mail.Digest) bool {
	return slices.ContainsFunc(s.IntendedAppends(mailbox), func(i *state.Intent) bool { return i.Digest == d })
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

// inherit gives a pair that an interrupted upload or copy made the flags with
// which it was made, so that what anybody changed since is a change.
func (s *Match) inherit(n, f *view.Message, digests ...mail.Digest) {
	i := s.announcement(n.Item.Remote.Mailbox, f, digests...)
	if i == nil {
		return
	}
	s.Explained = append(s.Explained, i)
	n.Item.Ancestor = true
	n.Item.Local.Base = i.Delta.Add
	n.Item.Remote.Base = s.look.Shown(s.Mailboxes[i.Mailbox], i.Delta.Add, n.Item.Remote.Flags)
}

// uploadedBefore returns the intent and the new file of an interrupted upload
// that n is the outcome of, unless both are still where the upload led: those
// are paired like any two. In another mailbox than the upload led to, n is believed to
// be it only if
//
//   - something left the mailbox that the upload led to, or that one could not be looked
//     at and nobody could have copied n from there
//   - no other upload led to where n is, and no message was there before
//   - the server does not show it altered in the mailbox that it was sent to
func (s *Match) uploadedBefore(ctx context.Context, sus *unidentified) (*state.Intent, *view.Message, error) {
	name, d := sus.m.Item.Remote.Mailbox, sus.digest
	var here, elsewhere []*state.Intent
	for _, i := range s.Intents {
		switch {
		case i.Kind != state.IntentAppend || i.Digest != d || slices.Contains(s.Explained, i):
		case i.Mailbox == name:
			here = append(here, i)
		default:
			elsewhere = append(elsewhere, i)
		}
	}
	var moved *state.Intent
	for _, i := range here {
		switch f := s.intended(i); {
		case f == nil:
		case f.File.Folder == name:
			return nil, nil, nil
		case moved == nil:
			moved = i
		}
	}
	if moved != nil {
		return moved, s.intended(moved), nil
	}
	if from := s.movedFrom(sus); len(here) > 0 || from != nil && s.stayed(from, sus.m) {
		return nil, nil, nil
	}
	for _, sure := range []bool{true, false} {
		for _, i := range elsewhere {
			f := s.intended(i)
			if f == nil || f.File.Folder == name || s.showsAltered(i, f) || sure != s.mayHaveLeft(i) || !sure && s.LookedAt(i.Mailbox) {
				continue
			}
			if sure {
				s.uidGaps[i.Mailbox]--
			} else if known, err := s.DB.ByDigest(ctx, d); err != nil || len(known) > 0 {
				return nil, nil, err
			}
			return i, f, nil
		}
	}
	return nil, nil, nil
}

// rowLater has the row of m written together with those of a mailbox that is
// paired from the start.
func (s *Match) rowLater(m *view.Message) {
	m.Row.ID, m.UIDVoid = 0, true
	s.rowless(m)
	s.Touched = append(s.Touched, m)
}

// rowFirst has the row of m, as it is now, written before anything else is done.
func (s *Match) rowFirst(m *view.Message) {
	key, now := s.rowless(m), m.Row.AsItIs()
	s.Resolve(func(tx *state.Tx) error {
		err := tx.PutMessage(now)
		delete(s.Messages, key)
		m.Row.ID, m.ID = now.ID, now.ID
		s.Messages[now.ID] = m
		return err
	})
}

// rowless takes a message into the view that has no row yet, and returns the key by which it
// goes until then: one that no row has.
func (s *Match) rowless(m *view.Message) (key int64) {
	key = -1
	for s.Messages[key] != nil {
		key--
	}
	s.Messages[key] = m
	return key
}

// completeUpload makes an interrupted upload part of the base, as if it had
// been noted: then what was moved since, on either side, is a move.
func (s *Match) completeUpload(ctx context.Context, i *state.Intent, n, f *view.Message) error {
	home := s.Mailboxes[i.Mailbox]
	if home == nil || home.Row == nil {
		return nil
	}
	s.Explained = append(s.Explained, i)
	row := s.NewRow(home, f, n)
	common := i.Delta.Add // what the upload gave the server
	row.LocalFlags, row.RemoteFlags = common, common
	if at := s.Mailboxes[n.Item.Remote.Mailbox]; at != nil {
		row.RemoteFlags = s.look.Shown(at, common, n.Item.Remote.Flags)
	}
	n.Done, f.Done = true, true
	m := &view.Message{Row: row, File: f.File, Reading: f.Reading, Content: f.Content, UID: n.UID, Date: n.Date, EmailID: n.EmailID}
	m.Item = plan.Item{InBase: true, Size: row.Size, Ref: m,
		Local:  plan.Side{State: plan.Same, Mailbox: f.File.Folder, Key: f.Item.Local.Key, Flags: f.Item.Local.Flags, Base: common},
		Remote: plan.Side{State: plan.Same, Mailbox: n.Item.Remote.Mailbox, Key: n.Item.Remote.Key, Flags: n.Item.Remote.Flags, Base: row.RemoteFlags}}
	if !s.ReadFrom(home, m) {
		m.Place(home.Row.ID, f.File) // what the file shows beyond the base is still to be seen
	}
	m.Refresh(home.Name)
	if home.UIDsVoid {
		s.rowLater(m)
		return nil
	}
	if n.Item.Remote.Mailbox != home.Name {
		// It has no UID at home any more. Until the file has followed, a run
		// that resumes finds it by a row under one that no message has.
		var err error
		if row.UID, err = s.unusedUID(ctx, home); err != nil {
			return err
		}
	}
	s.rowFirst(m)
	s.Resolve(func(tx *state.Tx) error {
		return errors.Join(s.LearnValidity(tx, home, s.Validity(home)), tx.DeleteIntents(i.ID))
	})
	return nil
}
