package absence

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
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
	n   *view.Message
	uid mail.UID
}

// ConfirmCopies looks once more before a message that is new in one mailbox,
// and still seems to be in another one, is taken for a copy, or for one that was never
// here: it may have been moved from a mailbox that was read already to one that was
// read later.
func (s *Absence) ConfirmCopies(ctx context.Context) error {
	origins, err := s.movedMeanwhile(ctx)
	if err != nil {
		return err
	}
	for _, m := range s.NewRemote {
		if o := m.Item.CopyOf; o != nil && o.Remote.State.Present() && o.Remote.Mailbox != m.Item.Remote.Mailbox {
			origins[o.Remote.Mailbox] = append(origins[o.Remote.Mailbox], origin{m, view.Ref(o).UID})
		}
	}
	if len(origins) == 0 {
		return nil
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		if len(origins[name]) == 0 || mb.RemoteIncomplete || mb.Remote == nil {
			continue
		}
		present, err := c.SearchAllUIDs(ctx, name, s.Validity(mb))
		if err != nil {
			if pool.Fatal(ctx, err) {
				return err
			}
			s.Log.Debug("originals not confirmed", "mailbox", name, "err", err)
		}
		for _, o := range origins[name] {
			if err == nil && present.Contains(o.uid) {
				continue
			}
			o.n.Done = true
			s.Moved = true
			s.HoldCursor(name, o.n.Item.Remote.Mailbox)
		}
	}
	s.NewRemote = slices.DeleteFunc(s.NewRemote, func(m *view.Message) bool { return m.Done })
	return nil
}

// movedMeanwhile returns, by mailbox, messages that seem to be where they were, and that
// a new one may be: it came since the mailboxes were listed, and has the same size and
// INTERNALDATE, which MOVE keeps. What moved before that, the list shows to be gone.
func (s *Absence) movedMeanwhile(ctx context.Context) (map[string][]origin, error) {
	origins := map[string][]origin{}
	var came []*view.Message
	for _, m := range s.NewRemote {
		listed := s.Boxes[m.Item.Remote.Mailbox]
		if late := listed == nil || m.UID >= listed.Status.UIDNext; late && m.HasMeta && m.Replaces == 0 && m.Item.CopyOf == nil {
			came = append(came, m)
		}
	}
	if len(came) == 0 {
		return origins, nil
	}
	rows, err := s.look.RowsBySize(ctx, came)
	if err != nil {
		return nil, err
	}
	for _, m := range came {
		for _, row := range rows[state.SizeDate{Size: m.Item.Size, Date: m.Date}] {
			mb, o := s.ByID[row.MailboxID], s.Messages[row.ID]
			gone := o != nil && o.Item.Remote.State != plan.Same && o.Item.Remote.State != plan.Edited
			if mb == nil || mb.UIDsVoid || gone || row.UID == 0 || mb.Name == m.Item.Remote.Mailbox {
				continue
			}
			origins[mb.Name] = append(origins[mb.Name], origin{m, row.UID})
		}
	}
	return origins, nil
}

// ConfirmVanished looks once more before messages that seem to be gone from
// the server are removed from disk: they may have been moved to a mailbox after
// it was read, or to one that this cycle had no reason to read. One LIST-STATUS
// tells, as a rule in the flight of the questions; when a mailbox has got something new, the next cycle reads it before
// anything is concluded.
func (s *Absence) ConfirmVanished(ctx context.Context) error {
	some := false
	for _, m := range s.Messages {
		some = some || m.Item.Remote.State == plan.Removed && m.Item.Local.State.Present()
	}
	if !some || s.RemoteIncomplete || s.Req.DryRun || s.listsLie() {
		return nil
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	list := s.Relisted
	if list == nil {
		if list, err = c.ListMailboxes(ctx); err != nil {
			return err
		}
	}
	if err := s.survey.StrikeNonexistent(ctx, c, list); err != nil {
		return err
	}
	fresh := make(map[string]*remote.Mailbox, len(list))
	s.grown = map[string]mail.UID{}
	for i := range list {
		b := &list[i]
		fresh[b.Name] = b
		if b.Selectable && s.Wanted(b.Name) && s.grew(b) {
			s.RemoteIncomplete, s.Moved = true, true
			s.grown[b.Name] = b.Status.UIDNext
			s.Log.Debug("removals wait: new mail meanwhile", "mailbox", b.Name)
		}
	}
	if s.RemoteIncomplete {
		s.Boxes = fresh
	}
	return nil
}

// listsLie reports whether the UIDNEXT of the last look was not yet reached
// when the mailbox was selected after it. UIDNEXT cannot go down (RFC 3501
// §2.3.1.1), so nothing can be learnt from such lists, and removals do not wait
// for them. That nothing new was found is no such sign: another client may
// have moved it on. Beside a server that never rests, removals wait for the
// next run.
func (s *Absence) listsLie() bool {
	for name, next := range s.grown {
		mb := s.Mailboxes[name]
		s.lists = s.lists || mb != nil && mb.Changes != nil && mb.Changes.Cursor.UIDNext < next
	}
	return s.lists
}

// grew reports whether a mailbox has messages that this cycle did not see.
func (s *Absence) grew(b *remote.Mailbox) bool {
	before := s.Boxes[b.Name]
	if before == nil {
		return true // made meanwhile
	}
	seen := before.Status
	if mb := s.Mailboxes[b.Name]; mb != nil && mb.Changes != nil && mb.Changes.Cursor.UIDNext > seen.UIDNext {
		seen = mb.Changes.Cursor
	}
	return b.Status.UIDValidity == seen.UIDValidity && b.Status.UIDNext > seen.UIDNext
}
