package sync

import (
	"cmp"
	"context"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/plan"
)

// A new file is known to be a copy before the server's changes are. The message that
// it was made from may have left the server by then, while the same content is there
// as another message: it was moved to where a new file is as well, or only what a move
// left behind is gone. The copy is made from that one, so that nothing goes up.
//
// A message that was changed here and is gone there goes up again, unless it is to be
// removed. The server may have its content all the same: a message came there where a
// second file of that content is, and was paired with that file.

// findSources gives new files that are copies of what has left the server, and messages
// that go up again, a source that is there.
func (s *session) findSources(ctx context.Context) error {
	var open []*message
	for _, f := range s.newLocal {
		if !f.done && f.item.CopyOf != nil && !copyable(f.item.CopyOf) {
			open = append(open, f)
		}
	}
	for _, m := range s.messages {
		if l := m.item.Local.State; (l == plan.Edited || l == plan.Moved) && m.item.Remote.State == plan.Removed && !m.detached && !m.unsettled {
			open = append(open, m)
		}
	}
	if len(open) == 0 {
		return nil
	}
	var digests []mail.Digest
	for _, f := range open {
		digests = append(digests, f.digest())
	}
	sources, err := s.sources(ctx, digests)
	if err != nil {
		return err
	}
	for _, f := range open {
		list := sources[f.digest()]
		if f.row != nil {
			if list, err = s.sourcesAgain(ctx, f, list); err != nil {
				return err
			}
		}
		if len(list) > 0 {
			f.item.CopyOf = &list[0].item
		}
	}
	return nil
}

// sourcesAgain returns which of these sources a message that goes up again can be copied
// from: those of its date, which a copy keeps, while its file holds what it did.
func (s *session) sourcesAgain(ctx context.Context, m *message, list []*message) ([]*message, error) {
	list = slices.DeleteFunc(slices.Clone(list), func(o *message) bool { return o.date != m.row.Date })
	if len(list) == 0 {
		return nil, nil
	}
	c, err := s.store.Inspect(ctx, m.file)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil || !c.Is(m.row.Digest):
		return nil, nil //nolint:nilerr // its upload looks at it, and says what is wrong
	}
	m.content, m.guessed = &c, false
	return list, nil
}

// copyable reports whether the planner has the server copy a message.
func copyable(it *plan.Item) bool { return it.Remote.State.Present() && !it.Trashed }

// sources returns what the server has of some contents, in the order of mailboxes and
// UIDs.
func (s *session) sources(ctx context.Context, digests []mail.Digest) (map[mail.Digest][]*message, error) {
	rows, err := s.db.ByDigests(ctx, digests)
	if err != nil {
		return nil, err
	}
	for _, list := range rows {
		for _, row := range list {
			if mb := s.byID[row.MailboxID]; mb != nil && s.mailboxes[mb.name] == mb && !mb.detached && !mb.frozen() && row.UID < parkedUIDs {
				s.message(row)
			}
		}
	}
	found := map[mail.Digest][]*message{}
	add := func(d mail.Digest, m *message) {
		if mb := s.mailboxes[m.item.Remote.Mailbox]; copyable(&m.item) && m.uid != 0 && m.uid < parkedUIDs && mb != nil && !mb.frozen() && slices.Contains(digests, d) {
			found[d] = append(found[d], m)
		}
	}
	for _, m := range s.messages {
		add(m.row.Digest, m)
	}
	for _, m := range s.paired {
		add(m.content.Digest, m)
	}
	for _, list := range found {
		slices.SortFunc(list, func(a, b *message) int {
			return cmp.Or(cmp.Compare(a.item.Remote.Mailbox, b.item.Remote.Mailbox), cmp.Compare(a.uid, b.uid))
		})
	}
	return found, nil
}
