package sync

import (
	"context"
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// assign decides what a recognised message is. What half a move left is known by then
// (followStrays). The rest is, in this order: an interrupted upload; nothing, as long as the
// server is behind; a message that moved with its file; the other half of a new file; a
// message that moved; a copy.
func (s *session) assign(ctx context.Context, sus *suspect) error {
	n := sus.m
	if n.replaces != 0 {
		s.copyOf(n, sus)
		return nil
	}
	i, f, err := s.uploadedBefore(ctx, sus)
	if err != nil {
		return err
	}
	if f != nil {
		f.content.Is(sus.digest)
		return s.completeUpload(ctx, i, n, f)
	}
	if s.unknownPlace(sus) {
		n.done = true
		s.hold(true, n.item.Remote.Mailbox)
		return nil
	}
	// One with other line ends than the server's message, or with lines that a
	// program added, comes last, and one of another date behind one of the same. Of
	// files that are alike in all this, it is rather the one with the same flags.
	putFirst(sus.candidates, func(c *message) bool {
		return c.content != nil && (c.content.Digest == sus.digest || c.content.RawDigest == sus.digest)
	})
	putFirst(sus.candidates, func(c *message) bool { return c.row == nil && c.flaggedAs(n) })
	putFirst(sus.candidates, func(c *message) bool { return c.date == n.date })
	if from := s.movedAlong(sus); from != nil {
		s.movedTo(from, n)
		return nil
	}
	for _, c := range sus.candidates {
		if c.mayMeet(sus) {
			sent := c.content.Digest // as an interrupted upload announced it
			c.content.Is(sus.digest)
			s.meet(n, c, sent)
			return nil
		}
	}
	if done, err := s.completeMove(ctx, sus); done || err != nil {
		return err
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
func (c *message) mayMeet(sus *suspect) bool {
	return c.row == nil && !c.done && c.file.Folder == sus.m.item.Remote.Mailbox && slices.Contains(c.content.Digests(), sus.digest)
}

// meetsAtDate reports whether a new file has the content of the message and its
// date. Of several messages of one content, each gets the file of its date.
func (sus *suspect) meetsAtDate() bool {
	return slices.ContainsFunc(sus.candidates, func(c *message) bool { return c.date == sus.m.date && c.mayMeet(sus) })
}

// movedAlong returns the message that a new one is where both sides moved it to the
// same mailbox; a new file of that content there is another copy. Taken for the new
// message, it would leave the known one without any, and so without its file.
func (s *session) movedAlong(sus *suspect) *message {
	name := sus.m.item.Remote.Mailbox
	var from *message
	for _, c := range sus.candidates {
		if c.row != nil && c.digest() == sus.digest && c.item.Remote.State == plan.Removed && c.onDisk() && c.item.Local.State == plan.Moved &&
			c.item.Local.Mailbox == name && !s.stays(c, sus.m) && (from == nil || s.betterOrigin(c, from, sus.m)) {
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
func (s *session) movedFrom(sus *suspect) (from *message) {
	for _, c := range sus.candidates {
		if c.row == nil || c.digest() != sus.digest || c.item.Remote.State != plan.Removed ||
			!c.onDisk() && (s.trashed(c) || s.leftBehind(c)) {
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
func (s *session) explainUpload(from, n *message) *state.Intent {
	i := s.announcement(n.item.Remote.Mailbox, from, from.row.Digest)
	if i != nil {
		s.explained = append(s.explained, i)
	}
	return i
}

// copiedAgain takes into account that a message went up again as a copy of another one,
// by i: it has the flags of that one, and what its file has otherwise is a change.
func (s *session) copiedAgain(m *message, i *state.Intent) {
	if i == nil || !isCopy(i) || !m.onDisk() {
		return
	}
	m.row.LocalFlags = i.Delta.Add
	m.row.RemoteFlags = s.shown(s.mailboxes[i.Mailbox], i.Delta.Add, m.item.Remote.Flags)
	m.item.Local.Base, m.item.Remote.Base = m.row.LocalFlags, m.row.RemoteFlags
	m.refresh(s.byID[m.row.MailboxID].name)
}

// announcement returns what the journal says of an upload or copy of one of the
// digests into a mailbox, and that explains no message yet: rather one of the name of
// the file f, which others may have renamed since, and of several rather one that gave
// its flags. Nil if there is none.
func (s *session) announcement(mailbox string, f *message, digests ...mail.Digest) (found *state.Intent) {
	for _, i := range s.intendedAppends(mailbox) {
		named := i.Base == f.file.Base()
		switch {
		case !slices.Contains(digests, i.Digest) || slices.Contains(s.explained, i):
		case named && f.sentBy(i):
			return i
		case found == nil || named && found.Base != i.Base:
			found = i
		}
	}
	return found
}

// meet makes a new message and a new file one, whose content is said to be what
// the server has; sent is the digest of what an upload of it sends.
func (s *session) meet(n, f *message, sent mail.Digest) {
	f.done = true
	n.done = true
	s.inherit(n, f, sent, f.content.Digest)
	n.content, n.file, n.reading = f.content, f.file, f.reading
	base := n.item.Local.Base
	n.item.Local, n.item.Size, n.item.CopyOf = f.item.Local, f.content.Size, nil
	n.item.Local.Base = base
	s.paired = append(s.paired, n)
}

// movedTo makes the message from, which the server had elsewhere, the new
// message n.
func (s *session) movedTo(from, n *message) {
	name := n.item.Remote.Mailbox
	n.done = true
	from.uid, from.date = n.uid, n.date
	if n.emailID != "" {
		from.row.EmailID = n.emailID
	}
	from.item.Remote.State = plan.Same
	from.item.Remote.Mailbox, from.item.Remote.Key, from.item.Remote.Flags = name, n.item.Remote.Key, n.item.Remote.Flags
	home := s.byID[from.row.MailboxID].name
	if name != home {
		from.offer()
		s.offerThere(from)
	}
	if s.doubtsFlags(from, n) {
		from.uniteFlags()
		if from.detached { // then the row is written anew, whatever of this the run may carry over
			from.row.LocalFlags, from.row.RemoteFlags = from.item.Local.Base, from.item.Remote.Base
		}
	}
	from.refresh(home)
	s.touched = append(s.touched, from)
}

// doubtsFlags reports whether n, which is the message from in its new place, may
// have lost flags since the base, because a mailbox was made anew that it was in:
// a copy that was put back need not have them all. What another client moved has
// those that it was given, and so has what is in the mailbox of before, which got
// another name: RENAME keeps UIDVALIDITY and UIDs.
func (s *session) doubtsFlags(from, n *message) bool {
	home, mb := s.byID[from.row.MailboxID], s.mailboxes[n.item.Remote.Mailbox]
	switch {
	case s.sentTo(mb.name, from.row.Digest):
		return true // its flags may not have followed yet
	case !from.detached:
		return mb.detached && s.movedByUsTo(from, mb.name)
	case home.name == mb.name:
		return true
	}
	return s.startsAnew(n) && (n.uid != from.row.UID || s.validity(mb) != home.row.Cursor.UIDValidity)
}

// sentTo reports whether a message of that content was sent to a mailbox, and it is
// not noted yet where it went.
func (s *session) sentTo(mailbox string, d mail.Digest) bool {
	return slices.ContainsFunc(s.intendedAppends(mailbox), func(i *state.Intent) bool { return i.Digest == d })
}

// copyOf makes n a copy of a candidate.
func (s *session) copyOf(n *message, sus *suspect) {
	for _, c := range sus.candidates {
		if c.row != nil && c.digest() == sus.digest && c.onDisk() {
			n.item.CopyOf = &c.item
			c.item.Altered = s.alteredHere(c)
			return
		}
	}
}

// alteredHere reports whether the file of a message is known to have another size
// than what was synced, because somebody is still writing it, or has edited it. What
// has another name by now is not known.
func (s *session) alteredHere(m *message) bool {
	size, err := s.store.DiskSize(m.file)
	return err == nil && size != m.row.DiskSize
}

// betterOrigin reports whether a is rather than b the message that the server
// moved to where n is: rather one that is not to be found where it was, rather one that
// is on disk, as in bestMissing, rather one that stayed in its mailbox, and under its
// UID, rather one that was moved there on disk as well, rather one with the same flags.
func (s *session) betterOrigin(a, b, n *message) bool {
	for _, is := range []func(m *message) bool{
		func(m *message) bool { return !s.stays(m, n) },
		(*message).onDisk,
		func(m *message) bool { return s.stayed(m, n) },
		func(m *message) bool { return s.keptUID(m, n) },
		func(m *message) bool { return m.item.Local.Mailbox == n.item.Remote.Mailbox },
		func(m *message) bool { return m.row.RemoteFlags.Equal(n.item.Remote.Flags) },
	} {
		if x, y := is(a), is(b); x != y {
			return x
		}
	}
	return a.row.ID < b.row.ID
}

// stayed reports whether n is in the mailbox of m, as far as names and numbers
// tell: made anew, or under another name, which keeps UIDVALIDITY and UIDs.
func (s *session) stayed(m, n *message) bool {
	home, mb := s.byID[m.row.MailboxID], s.mailboxes[n.item.Remote.Mailbox]
	return home == mb && home.detached || home != mb && s.sameUID(m, n)
}

// stays reports whether m may be found as another new message than n, which has its
// content and stayed where m was, as n did not.
func (s *session) stays(m, n *message) bool {
	return !s.stayed(m, n) && slices.ContainsFunc(s.proven[m.digest()], func(o *message) bool {
		return o != n && !o.done && s.stayed(m, o)
	})
}

// sameUID reports whether n has the UID and the UIDVALIDITY that the base has of m.
func (s *session) sameUID(m, n *message) bool {
	home := s.byID[m.row.MailboxID]
	return n.uid == m.row.UID && home.row.Cursor.UIDValidity != 0 && s.validity(s.mailboxes[n.item.Remote.Mailbox]) == home.row.Cursor.UIDValidity
}

// keptUID reports whether n stayed, and has the UID of m. Of two messages of one
// content in a mailbox that is paired anew, each is the one that has its UID.
func (s *session) keptUID(m, n *message) bool { return s.stayed(m, n) && s.sameUID(m, n) }

// inherit gives a pair that an interrupted upload or copy made the flags with
// which it was made, so that what anybody changed since is a change.
func (s *session) inherit(n, f *message, digests ...mail.Digest) {
	i := s.announcement(n.item.Remote.Mailbox, f, digests...)
	if i == nil {
		return
	}
	s.explained = append(s.explained, i)
	n.item.Ancestor = true
	n.item.Local.Base = i.Delta.Add
	n.item.Remote.Base = s.shown(s.mailboxes[i.Mailbox], i.Delta.Add, n.item.Remote.Flags)
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
func (s *session) uploadedBefore(ctx context.Context, sus *suspect) (*state.Intent, *message, error) {
	name, d := sus.m.item.Remote.Mailbox, sus.digest
	var here, elsewhere []*state.Intent
	for _, i := range s.intents {
		switch {
		case i.Kind != state.IntentAppend || i.Digest != d || slices.Contains(s.explained, i):
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
		case f.file.Folder == name:
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
			if f == nil || f.file.Folder == name || s.showsAltered(i, f) || sure != s.wentOn(i) || !sure && s.lookedAt(i.Mailbox) {
				continue
			}
			if sure {
				s.gaps[i.Mailbox]--
			} else if known, err := s.db.ByDigest(ctx, d); err != nil || len(known) > 0 {
				return nil, nil, err
			}
			return i, f, nil
		}
	}
	return nil, nil, nil
}

// rowLater has the row of m written together with those of a mailbox that is
// paired from the start; not at all in a dry run. Until then it goes by a number
// that no row has.
func (s *session) rowLater(m *message) {
	m.row.ID, m.detached = 0, true
	s.messages[-int64(len(s.messages))-1] = m
	s.touched = append(s.touched, m)
}

// completeUpload makes an interrupted upload part of the base, as if it had
// been noted: then what was moved since, on either side, is a move.
func (s *session) completeUpload(ctx context.Context, i *state.Intent, n, f *message) error {
	home := s.mailboxes[i.Mailbox]
	if home == nil || home.row == nil {
		return nil
	}
	s.explained = append(s.explained, i)
	row := s.newRow(home, f, n)
	common := i.Delta.Add // what the upload gave the server
	row.LocalFlags, row.RemoteFlags = common, common
	if at := s.mailboxes[n.item.Remote.Mailbox]; at != nil {
		row.RemoteFlags = s.shown(at, common, n.item.Remote.Flags)
	}
	n.done, f.done = true, true
	m := &message{row: row, file: f.file, reading: f.reading, content: f.content, uid: n.uid, date: n.date, emailID: n.emailID}
	m.item = plan.Item{InBase: true, Size: row.Size, Ref: m,
		Local:  plan.Side{State: plan.Same, Mailbox: f.file.Folder, Key: f.item.Local.Key, Flags: f.item.Local.Flags, Base: common},
		Remote: plan.Side{State: plan.Same, Mailbox: n.item.Remote.Mailbox, Key: n.item.Remote.Key, Flags: n.item.Remote.Flags, Base: row.RemoteFlags}}
	if !s.readFrom(home, m) {
		m.place(home.row.ID, f.file) // what the file shows beyond the base is still to be seen
	}
	m.refresh(home.name)
	if s.req.DryRun || home.detached {
		s.rowLater(m)
		return nil
	}
	if n.item.Remote.Mailbox != home.name {
		// It has no UID at home any more. Until the file has followed, a run
		// that resumes finds it by a row under one that no message has.
		var err error
		if row.UID, err = s.unusedUID(ctx, home); err != nil {
			return err
		}
	}
	if err := s.db.Update(ctx, func(tx *state.Tx) error {
		return errors.Join(s.learnValidity(tx, home, s.validity(home)), tx.PutMessage(row), tx.DeleteIntents(i.ID))
	}); err != nil {
		return err
	}
	s.messages[row.ID] = m
	return nil
}
