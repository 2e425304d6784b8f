package sync

import (
	"context"
	"slices"
	"strings"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// suspect is a new message on the server together with the messages, known
// or new on disk, that it may be.
type suspect struct {
	m          *message
	candidates []*message
	left       []*message        // candidates that all evidence so far speaks for
	noID       bool              // it has no Message-ID
	unsure     bool              // a candidate's file could not be read just now
	whole      bool              // its size is not to be believed, so nothing else will do either
	deep       bool              // only the digest of the whole message will do
	copied     bool              // a candidate is still where it was on the server
	doubted    map[*message]bool // candidates of which parts of the message do not show whether they are it
	digest     mail.Digest       // proven; zero when it is none of them
}

// matchRemote finds out which new messages on the server have a content that
// is here already: interrupted uploads, new files in the same mailbox,
// messages that vanished from where they were, copies. Nothing is believed
// from size and Message-ID alone; see prove.
func (s *session) matchRemote(ctx context.Context) error {
	if len(s.newRemote) == 0 {
		return nil
	}
	slices.SortFunc(s.newRemote, func(a, b *message) int {
		if c := strings.Compare(a.item.Remote.Mailbox, b.item.Remote.Mailbox); c != 0 {
			return c
		}
		return int(int64(a.uid) - int64(b.uid))
	})
	if err := s.findGaps(ctx); err != nil {
		return err
	}
	suspects, err := s.suspects(ctx)
	if err != nil {
		return err
	}
	if err := s.prove(ctx, suspects); err != nil {
		return err
	}
	s.proven = map[mail.Digest][]*message{}
	for _, sus := range suspects {
		s.proven[sus.digest] = append(s.proven[sus.digest], sus.m)
	}
	putFirst(suspects, (*suspect).meetsAtDate)
	putFirst(suspects, (*suspect).meetsAlike)
	// Originals of half moves are found first, then their copies, then others. Of
	// those, messages that stayed in their mailbox go first, or they would lose
	// their rows to copies elsewhere, and ahead of these the ones that have their UIDs.
	for _, is := range []func(m, n *message) bool{s.stayed, s.keptUID} {
		putFirst(suspects, func(sus *suspect) bool {
			return slices.ContainsFunc(sus.candidates, func(c *message) bool { return c.row != nil && is(c, sus.m) })
		})
	}
	putFirst(suspects, s.awaited)
	if err := s.followStrays(ctx, suspects); err != nil {
		return err
	}
	for _, sus := range suspects {
		if !sus.digest.IsZero() && !sus.m.done {
			if err := s.assign(ctx, sus); err != nil {
				return err
			}
		}
	}
	for _, sus := range suspects {
		if !sus.digest.IsZero() || !sus.unsure && !slices.ContainsFunc(sus.candidates, s.unread) {
			continue
		}
		s.leaveSuspect(sus)
	}
	if err := s.matchAlike(ctx); err != nil {
		return err
	}
	s.postponeTwins()
	if err := s.postponeUnsure(ctx); err != nil {
		return err
	}
	s.newRemote = slices.DeleteFunc(s.newRemote, func(m *message) bool { return m.done })
	s.newLocal = slices.DeleteFunc(s.newLocal, func(m *message) bool { return m.done })
	return nil
}

// meetsAlike reports whether a new file has the content, the date and the flags of the
// message.
func (sus *suspect) meetsAlike() bool {
	return slices.ContainsFunc(sus.candidates, func(c *message) bool { return c.date == sus.m.date && c.flaggedAs(sus.m) && c.mayMeet(sus) })
}

// flaggedAs reports whether a file has the flags of a message on the server.
func (c *message) flaggedAs(n *message) bool { return c.item.Local.Flags.Equal(n.item.Remote.Flags) }

// sentRather reports whether n may be what was sent to its mailbox, rather than the
// message from, which both sides moved there. Their flags tell where only those of from
// are the same.
func (s *session) sentRather(from, n *message) bool {
	flags := n.item.Remote.Flags
	return slices.ContainsFunc(s.intendedAppends(n.item.Remote.Mailbox), func(i *state.Intent) bool {
		return i.Digest == from.row.Digest && (i.Delta.Add.Equal(flags) || !from.row.RemoteFlags.Equal(flags))
	})
}

// leaveSuspect leaves a message alone that may be one whose file could not be looked
// at just now, and the new files that it may be.
func (s *session) leaveSuspect(sus *suspect) {
	sus.m.done = true
	s.hold(true, sus.m.item.Remote.Mailbox)
	for _, c := range sus.candidates {
		if c.row == nil && !c.done {
			s.leaveFile(c)
		}
	}
}

// putFirst moves what is so to the front of a list, and keeps the order otherwise.
func putFirst[E any](list []E, so func(E) bool) {
	var front, rest []E
	for _, e := range list {
		if so(e) {
			front = append(front, e)
		} else {
			rest = append(rest, e)
		}
	}
	copy(list, append(front, rest...))
}

// postponeTwins puts off a message that is new in several mailboxes at once, as
// one with several labels on Gmail is, in all but one of them: once it is on
// disk, the others are copies. The planner knows of them, or their mailboxes
// would look empty to it; they are applied later, see applyTwins.
func (s *session) postponeTwins() {
	first := map[string]*message{}
	for _, m := range s.newRemote {
		if m.done || m.emailID == "" || m.item.CopyOf != nil {
			continue
		}
		if first[m.emailID] == nil {
			first[m.emailID] = m
			continue
		}
		later := *m
		later.item.Ref = &later
		s.twins = append(s.twins, &later)
		m.twin, m.item.CopyOf = true, &first[m.emailID].item
	}
}

// mayBe reports whether a file of that size could be a message of this size:
// they differ by one byte a line.
func mayBe(disk, server int64) bool {
	const bytesPerLine = 20 // hardly any message has shorter lines on average
	return disk <= server && server <= disk+disk/bytesPerLine+64
}

// unread reports whether the file of a message is in a folder that could not
// be looked at.
func (s *session) unread(m *message) bool {
	return m.row != nil && s.byID[m.row.MailboxID].blindLocal
}

// postponeUnsure leaves new messages alone that may have been moved from a
// mailbox that the server would not open just now: taken for new, and the
// other half seen later, they would become two.
func (s *session) postponeUnsure(ctx context.Context) error {
	for _, m := range s.newRemote {
		// A new file that could not be read may be the same message.
		mb := s.mailboxes[m.item.Remote.Mailbox]
		if !m.done && slices.ContainsFunc(mb.unread, func(disk int64) bool { return mayBe(disk, m.item.Size) }) {
			m.done = true
			s.hold(true, mb.name)
		}
	}
	for _, name := range s.names {
		mb := s.mailboxes[name]
		if !mb.blindRemote || mb.row == nil {
			continue
		}
		for _, m := range s.newRemote {
			if m.done {
				continue
			}
			like, err := s.db.HasSize(ctx, mb.row.ID, m.item.Size)
			if err != nil {
				return err
			}
			if like || !m.hasMeta {
				m.done = true
				s.hold(true, m.item.Remote.Mailbox)
			}
		}
	}
	return nil
}

// keepUnseen leaves a mailbox with void UIDs to a later cycle or run when a message of
// it was not found. Where another mailbox has new mail that was not looked at, it may
// have been moved there; and a file in a folder that this run is not about has to
// wait for one that is, which needs the row.
func (s *session) keepUnseen(ctx context.Context) error {
	var lost []*message
	for _, m := range s.messages {
		if m.detached && m.item.Remote.State == plan.Removed && m.onDisk() {
			lost = append(lost, m)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	if err := s.confirmVanished(ctx); err != nil {
		return err
	}
	for _, m := range lost {
		if s.remoteBlind || !s.asked(m.file.Folder) {
			s.byID[m.row.MailboxID].blindRemote = true
		}
	}
	return nil
}

// releaseDetached gives up pairs that UIDVALIDITY voided and that were not
// found again: what is on disk is new, so that it is not lost, and what is on
// neither side is forgotten.
func (s *session) releaseDetached(ctx context.Context) error {
	s.keepEvicted()
	s.neverCame()
	s.keepDetached()
	if err := s.keepUnseen(ctx); err != nil {
		return err
	}
	released := map[*message]bool{}
	for id, m := range s.messages {
		if !m.detached || m.item.Remote.State != plan.Removed || s.byID[m.row.MailboxID].frozen() {
			continue
		}
		delete(s.messages, id)
		released[m] = true
		if !m.onDisk() {
			continue
		}
		row := m.row
		f := &message{file: m.file, date: row.Date, guessed: true, content: &maildir.Content{DiskSize: row.DiskSize, Size: row.Size,
			Digest: row.Digest, Form: row.Form, RawDigest: row.Digest, Essence: row.Identity(), ModTime: row.Date}}
		f.item = plan.Item{Ref: f, Size: row.Size, Local: plan.Side{State: plan.New, Mailbox: m.file.Folder, Key: m.file.Base(), Flags: m.item.Local.Flags}}
		s.newLocal = append(s.newLocal, f)
	}
	// Their rows go, so there is nothing to be noted in them.
	s.touched = slices.DeleteFunc(s.touched, func(m *message) bool { return released[m] })
	return nil
}
