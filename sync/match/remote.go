package match

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/view"
)

// unidentified is a new message on the server together with the messages, known
// or new on disk, that it may be.
type unidentified struct {
	m          *view.Message
	candidates []*view.Message
	left       []*view.Message        // candidates that all evidence so far speaks for
	noID       bool                   // it has no Message-ID
	unsure     bool                   // a candidate's file could not be read just now
	whole      bool                   // its size is not to be believed, so nothing else will do either
	deep       bool                   // only the digest of the whole message will do
	copied     bool                   // a candidate is still where it was on the server
	doubted    map[*view.Message]bool // candidates of which parts of the message do not show whether they are it
	digest     mail.Digest            // proven; zero when it is none of them
}

// MatchRemote finds out which new messages on the server have a content that
// is here already: interrupted uploads, new files in the same mailbox,
// messages that vanished from where they were, copies. Nothing is believed
// from size and Message-ID alone; see prove.
func (s *Match) MatchRemote(ctx context.Context) error {
	if len(s.NewRemote) == 0 {
		return nil
	}
	slices.SortFunc(s.NewRemote, func(a, b *view.Message) int {
		return cmp.Or(strings.Compare(a.Item.Remote.Mailbox, b.Item.Remote.Mailbox), cmp.Compare(a.UID, b.UID))
	})
	if err := s.findUIDGaps(ctx); err != nil {
		return err
	}
	suspects, err := s.unidentifiedMessages(ctx)
	if err != nil {
		return err
	}
	if err := s.identify(ctx, suspects); err != nil {
		return err
	}
	s.proven = map[mail.Digest][]*view.Message{}
	for _, sus := range suspects {
		s.proven[sus.digest] = append(s.proven[sus.digest], sus.m)
	}
	s.rank(suspects)
	if err := s.followMovedSources(ctx, suspects); err != nil {
		return err
	}
	for _, sus := range suspects {
		if !sus.digest.IsZero() && !sus.m.Done {
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
	s.NewRemote = slices.DeleteFunc(s.NewRemote, func(m *view.Message) bool { return m.Done })
	s.NewLocal = slices.DeleteFunc(s.NewLocal, func(m *view.Message) bool { return m.Done })
	return nil
}

// rank says which of the messages are given what they may be first: originals of emulated
// moves, then their copies, then others. Of those, messages that stayed in their mailbox
// go first, or they would lose their rows to copies elsewhere, and ahead of these the ones
// that have their UIDs.
func (s *Match) rank(suspects []*unidentified) {
	PutFirst(suspects, (*unidentified).meetsAtDate)
	PutFirst(suspects, (*unidentified).meetsAlike)
	for _, is := range []func(m, n *view.Message) bool{s.stayed, s.keptUID} {
		PutFirst(suspects, func(sus *unidentified) bool {
			return slices.ContainsFunc(sus.candidates, func(c *view.Message) bool { return c.Row != nil && is(c, sus.m) })
		})
	}
	PutFirst(suspects, s.awaited)
}

// meetsAlike reports whether a new file has the content, the date and the flags of the
// message.
func (sus *unidentified) meetsAlike() bool {
	return slices.ContainsFunc(sus.candidates, func(c *view.Message) bool { return c.Date == sus.m.Date && flaggedAs(c, sus.m) && mayMeet(c, sus) })
}

// flaggedAs reports whether a file has the flags of a message on the server.
func flaggedAs(c *view.Message, n *view.Message) bool {
	return c.Item.Local.Flags.Equal(n.Item.Remote.Flags)
}

// sentRather reports whether n may be what was sent to its mailbox, rather than the
// message from, which both sides moved there. Their flags tell where only those of from
// are the same.
func (s *Match) sentRather(from, n *view.Message) bool {
	flags := n.Item.Remote.Flags
	return slices.ContainsFunc(s.IntendedAppends(n.Item.Remote.Mailbox), func(i *state.Intent) bool {
		return i.Digest == from.Row.Digest && (i.Delta.Add.Equal(flags) || !from.Row.RemoteFlags.Equal(flags))
	})
}

// leaveSuspect leaves a message alone that may be one whose file could not be looked
// at just now, and the new files that it may be.
func (s *Match) leaveSuspect(sus *unidentified) {
	sus.m.Done = true
	s.HoldCursor(sus.m.Item.Remote.Mailbox)
	for _, c := range sus.candidates {
		if c.Row == nil && !c.Done {
			s.leaveFile(c)
		}
	}
}

// PutFirst moves what is so to the front of a list, and keeps the order otherwise.
func PutFirst[E any](list []E, so func(E) bool) {
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
// would look empty to it; they are applied later, see applyLabels.
func (s *Match) postponeTwins() {
	first := map[string]*view.Message{}
	for _, m := range s.NewRemote {
		if m.Done || m.EmailID == "" || m.Item.CopyOf != nil {
			continue
		}
		if first[m.EmailID] == nil {
			first[m.EmailID] = m
			continue
		}
		later := *m
		later.Item.Ref = &later
		s.WaitForLabel = append(s.WaitForLabel, &later)
		m.WaitsForLabel, m.Item.CopyOf = true, &first[m.EmailID].Item
	}
}

// unread reports whether the file of a message is in a folder that could not
// be looked at.
func (s *Match) unread(m *view.Message) bool {
	return m.Row != nil && s.ByID[m.Row.MailboxID].LocalIncomplete
}

// postponeUnsure leaves new messages alone that may have been moved from a
// mailbox that the server would not open just now: taken for new, and the
// other half seen later, they would become two.
func (s *Match) postponeUnsure(ctx context.Context) error {
	for _, m := range s.NewRemote {
		// A new file that could not be read may be the same message.
		mb := s.Mailboxes[m.Item.Remote.Mailbox]
		if !m.Done && slices.ContainsFunc(mb.Unread, func(disk int64) bool { return view.MayBe(disk, m.Item.Size) }) {
			m.Done = true
			s.HoldCursor(mb.Name)
		}
	}
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		if !mb.RemoteIncomplete || mb.Row == nil {
			continue
		}
		for _, m := range s.NewRemote {
			if m.Done {
				continue
			}
			like, err := s.DB.HasSize(ctx, mb.Row.ID, m.Item.Size)
			if err != nil {
				return err
			}
			if like || !m.HasMeta {
				m.Done = true
				s.HoldCursor(m.Item.Remote.Mailbox)
			}
		}
	}
	return nil
}
