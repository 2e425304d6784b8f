package match

import (
	"cmp"
	"context"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// A new file is known to be a copy before the server's changes are. The message that
// it was made from may have left the server by then, while the same content is there
// as another message: it was moved to where a new file is as well, or only what a move
// left behind is gone. The copy is made from that one, so that nothing goes up.
//
// A message that was changed here and is gone there goes up again, unless it is to be
// removed. The server may have its content all the same: a message came there where a
// second file of that content is, and was paired with that file.

// FindSources gives new files that are copies of what has left the server, and messages
// that go up again, a source that is there.
func (s *Match) FindSources(ctx context.Context) error {
	var open []*view.Message
	for _, f := range s.NewLocal {
		if !f.Done && f.Item.CopyOf != nil && !copyable(f.Item.CopyOf) {
			open = append(open, f)
		}
	}
	for _, m := range s.Messages {
		if l := m.Item.Local.State; (l == plan.Edited || l == plan.Moved) && m.Item.Remote.State == plan.Removed && !m.UIDVoid && !m.Unsettled {
			open = append(open, m)
		}
	}
	if len(open) == 0 {
		return nil
	}
	var digests []mail.Digest
	for _, f := range open {
		digests = append(digests, f.Digest())
	}
	sources, err := s.sources(ctx, digests)
	if err != nil {
		return err
	}
	for _, f := range open {
		list := sources[f.Digest()]
		if f.Row != nil {
			if list, err = s.sourcesAgain(ctx, f, list); err != nil {
				return err
			}
		}
		if len(list) > 0 {
			f.Item.CopyOf = &list[0].Item
		}
	}
	return nil
}

// sourcesAgain returns which of these sources a message that goes up again can be copied
// from: those of its date, which a copy keeps, while its file holds what it did.
func (s *Match) sourcesAgain(ctx context.Context, m *view.Message, list []*view.Message) ([]*view.Message, error) {
	list = slices.DeleteFunc(slices.Clone(list), func(o *view.Message) bool { return o.Date != m.Row.Date })
	if len(list) == 0 {
		return nil, nil
	}
	c, err := s.Store.Inspect(ctx, m.File)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil || !c.Is(m.Row.Digest):
		return nil, nil //nolint:nilerr // its upload looks at it, and says what is wrong
	}
	m.Content, m.Guessed = &c, false
	return list, nil
}

// copyable reports whether the planner has the server copy a message.
func copyable(it *plan.Item) bool { return it.Remote.State.Present() && !it.Trashed }

// sources returns what the server has of some contents, in the order of mailboxes and
// UIDs.
func (s *Match) sources(ctx context.Context, digests []mail.Digest) (map[mail.Digest][]*view.Message, error) {
	rows, err := s.DB.ByDigests(ctx, digests)
	if err != nil {
		return nil, err
	}
	for _, list := range rows {
		for _, row := range list {
			if mb := s.ByID[row.MailboxID]; mb != nil && s.Mailboxes[mb.Name] == mb && !mb.UIDsVoid && !mb.Frozen() && row.UID != 0 {
				s.Message(row)
			}
		}
	}
	found := map[mail.Digest][]*view.Message{}
	add := func(d mail.Digest, m *view.Message) {
		if mb := s.Mailboxes[m.Item.Remote.Mailbox]; copyable(&m.Item) && m.UID != 0 && mb != nil && !mb.Frozen() && slices.Contains(digests, d) {
			found[d] = append(found[d], m)
		}
	}
	for _, m := range s.Messages {
		add(m.Row.Digest, m)
	}
	for _, m := range s.Paired {
		add(m.Content.Digest, m)
	}
	for _, list := range found {
		slices.SortFunc(list, func(a, b *view.Message) int {
			return cmp.Or(cmp.Compare(a.Item.Remote.Mailbox, b.Item.Remote.Mailbox), cmp.Compare(a.UID, b.UID))
		})
	}
	return found, nil
}
