package sync

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// Mailboxes of the server are read one after the other, and later cycles of a
// run read only some of them. So a message that another client moves
// meanwhile may be seen twice, or not at all. Neither may be believed: the user
// may have changed the file, and a message that was both changed here and
// removed there comes back, beside itself. [session.confirmRemoved] does the
// same for the Maildir.

// origin is the UID of a message that still seems to be in its mailbox, and that may be
// what is new elsewhere as n.
type origin struct {
	n   *message
	uid mail.UID
}

// confirmCopies looks once more before a message that is new in one mailbox,
// and still seems to be in another one, is taken for a copy, or for one that was never
// here: it may have been moved from a mailbox that was read already to one that was
// read later.
func (s *session) confirmCopies(ctx context.Context) error {
	origins, err := s.movedMeanwhile(ctx)
	if err != nil {
		return err
	}
	for _, m := range s.newRemote {
		if o := m.item.CopyOf; o != nil && o.Remote.State.Present() && o.Remote.Mailbox != m.item.Remote.Mailbox {
			origins[o.Remote.Mailbox] = append(origins[o.Remote.Mailbox], origin{m, ref(o).uid})
		}
	}
	if len(origins) == 0 {
		return nil
	}
	c, err := s.pool.first(ctx)
	if err != nil {
		return err
	}
	for _, name := range s.names {
		mb := s.mailboxes[name]
		if len(origins[name]) == 0 || mb.blindRemote || mb.remote == nil {
			continue
		}
		present, err := c.Present(ctx, name, s.validity(mb))
		if err != nil {
			if fatal(ctx, err) {
				return err
			}
			s.log.Debug("originals not confirmed", "mailbox", name, "err", err)
		}
		for _, o := range origins[name] {
			if err == nil && present.Contains(o.uid) {
				continue
			}
			o.n.done = true
			s.moved = true
			s.hold(true, name, o.n.item.Remote.Mailbox)
		}
	}
	s.newRemote = slices.DeleteFunc(s.newRemote, func(m *message) bool { return m.done })
	return nil
}

// movedMeanwhile returns, by mailbox, messages that seem to be where they were, and that
// a new one may be: it came since the mailboxes were listed, and has the same size and
// INTERNALDATE, which MOVE keeps. What moved before that, the list shows to be gone.
func (s *session) movedMeanwhile(ctx context.Context) (map[string][]origin, error) {
	origins := map[string][]origin{}
	var came []*message
	for _, m := range s.newRemote {
		listed := s.boxes[m.item.Remote.Mailbox]
		if late := listed == nil || m.uid >= listed.Status.UIDNext; late && m.hasMeta && m.replaces == 0 && m.item.CopyOf == nil {
			came = append(came, m)
		}
	}
	if len(came) == 0 {
		return origins, nil
	}
	rows, err := s.rowsBySize(ctx, came)
	if err != nil {
		return nil, err
	}
	for _, m := range came {
		for _, row := range rows[state.SizeDate{Size: m.item.Size, Date: m.date}] {
			mb, o := s.byID[row.MailboxID], s.messages[row.ID]
			gone := o != nil && o.item.Remote.State != plan.Same && o.item.Remote.State != plan.Edited
			if mb == nil || mb.detached || gone || mb.name == m.item.Remote.Mailbox {
				continue
			}
			origins[mb.name] = append(origins[mb.name], origin{m, row.UID})
		}
	}
	return origins, nil
}

// confirmVanished looks once more before messages that seem to be gone from
// the server are removed from disk: they may have been moved to a mailbox after
// it was read, or to one that this cycle had no reason to read. One LIST-STATUS
// tells, as a rule in the flight of the questions; when a mailbox has got something new, the next cycle reads it before
// anything is concluded.
func (s *session) confirmVanished(ctx context.Context) error {
	some := false
	for _, m := range s.messages {
		some = some || m.item.Remote.State == plan.Removed && m.item.Local.State.Present()
	}
	if !some || s.remoteBlind || s.req.DryRun || s.listsLie() {
		return nil
	}
	c, err := s.pool.first(ctx)
	if err != nil {
		return err
	}
	list := s.relisted
	if list == nil {
		if list, err = c.Overview(ctx); err != nil {
			return err
		}
	}
	if err := s.strikeGhosts(ctx, c, list); err != nil {
		return err
	}
	fresh := make(map[string]*remote.Mailbox, len(list))
	s.grown = map[string]mail.UID{}
	for i := range list {
		b := &list[i]
		fresh[b.Name] = b
		if b.Selectable && s.wanted(b.Name) && s.grew(b) {
			s.remoteBlind, s.moved = true, true
			s.grown[b.Name] = b.Status.UIDNext
			s.log.Debug("removals wait: new mail meanwhile", "mailbox", b.Name)
		}
	}
	if s.remoteBlind {
		s.boxes = fresh
	}
	return nil
}

// listsLie reports whether the UIDNEXT of the last look was not yet reached
// when the mailbox was selected after it. UIDNEXT cannot go down (RFC 3501
// §2.3.1.1), so nothing can be learnt from such lists, and removals do not wait
// for them. That nothing new was found is no such sign: another client may
// have moved it on. Beside a server that never rests, removals wait for the
// next run.
func (s *session) listsLie() bool {
	for name, next := range s.grown {
		mb := s.mailboxes[name]
		s.lists = s.lists || mb != nil && mb.changes != nil && mb.changes.Cursor.UIDNext < next
	}
	return s.lists
}

// grew reports whether a mailbox has messages that this cycle did not see.
func (s *session) grew(b *remote.Mailbox) bool {
	before := s.boxes[b.Name]
	if before == nil {
		return true // made meanwhile
	}
	seen := before.Status
	if mb := s.mailboxes[b.Name]; mb != nil && mb.changes != nil && mb.changes.Cursor.UIDNext > seen.UIDNext {
		seen = mb.changes.Cursor
	}
	return b.Status.UIDValidity == seen.UIDValidity && b.Status.UIDNext > seen.UIDNext
}
