package sync

import (
	"context"
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// A server without MOVE (RFC 6851) copies a message, marks the original
// \Deleted and expunges it. A run that is stopped in between leaves both, and
// the copy must not be taken for one that somebody wanted.

// halfMoved returns the message that an interrupted run was about to move, as i
// says, if m may be the copy that this run made.
func (s *session) halfMoved(i *state.Intent, m *message) *message {
	c, here := s.messages[i.Message], m.item.Remote.Mailbox
	switch {
	case i.Kind != state.IntentRemoteMove && i.Kind != state.IntentTrash,
		c == nil || !c.item.Remote.State.Present():
		return nil
	case i.Mailbox == here:
		if s.after(i, m) && (c.item.Remote.Mailbox != here || i.Home == here) { // a stray is where its copy is
			return c
		}
	case c.marked(), (s.byHalves || i.Confirmed) && s.wentOn(i):
		// That it was copied is proven by the mark, or by what left: the server said
		// OK to the copy, or a move that was not told so moves by halves. Another
		// client has moved the copy on since, or back, or renamed the mailbox
		// that it is in.
		return c
	}
	return nil
}

// after reports whether m came to where i leads only after i was written.
func (s *session) after(i *state.Intent, m *message) bool {
	return m.uid >= i.UID || s.mailboxes[i.Mailbox].detached
}

// marked reports whether the message got \Deleted since the base.
func (m *message) marked() bool {
	return m.isDeleted() && m.item.Remote.Base.System&mail.Deleted == 0
}

// awaited reports whether a suspect may be what an interrupted run moved to where
// it is: elsewhere the same content is a copy then.
func (s *session) awaited(sus *suspect) bool {
	return slices.ContainsFunc(s.intents, func(i *state.Intent) bool {
		c := s.messages[i.Message]
		return (i.Kind == state.IntentRemoteMove || i.Kind == state.IntentTrash) && i.Mailbox == sus.m.item.Remote.Mailbox &&
			c != nil && slices.Contains(sus.candidates, c) && s.after(i, sus.m)
	})
}

// completeMove takes up the move of which a proven message is the first half.
func (s *session) completeMove(ctx context.Context, sus *suspect) (bool, error) {
	n := sus.m
	for _, i := range s.intents {
		c := s.halfMoved(i, n)
		if c == nil || c.digest() != sus.digest {
			continue
		}
		if c.late {
			s.putOff(i, n)
			return true, nil
		}
		if i.Mailbox != n.item.Remote.Mailbox && s.wentOn(i) {
			s.gaps[i.Mailbox]--
		}
		if i.Mailbox != n.item.Remote.Mailbox && s.mailboxes[n.item.Remote.Mailbox].row == nil {
			s.putOff(i, n)
			return true, nil
		}
		if i.Kind == state.IntentTrash && c.onDisk() {
			return true, s.unmark(ctx, c)
		}
		if c.marked() {
			c.item.Remote.Flags.System &^= mail.Deleted // our own doing
		}
		if i.Kind == state.IntentRemoteMove {
			return true, s.splitMove(ctx, i, n, c)
		}
		return true, s.leaveBehind(ctx, i, n, c)
	}
	return false, nil
}

// putOff leaves the rest of an interrupted move to the next cycle, since the
// mailbox that the copy n is in now has no row yet. What the mailbox held that
// the move was to keeps its place until then.
func (s *session) putOff(i *state.Intent, n *message) {
	n.done = true
	s.moved = true
	s.hold(true, n.item.Remote.Mailbox)
	if to := s.mailboxes[i.Mailbox]; to != nil {
		to.blindRemote = true
	}
}

// splitMove completes the first half of a move on a server that copies and
// removes: the copy takes over the file, the original is left without one and
// so is removed.
func (s *session) splitMove(ctx context.Context, i *state.Intent, n, from *message) error {
	to := s.mailboxes[n.item.Remote.Mailbox]
	if to == nil || to.row == nil {
		return nil
	}
	row := *from.row
	row.ID, row.MailboxID, row.UID, row.EmailID = 0, to.row.ID, n.uid, n.emailID
	if from.onDisk() && from.noteName(&row, from.file) && from.file.Folder != to.name {
		row.Info = infoUnknown // it has the letters of another folder
	}
	if s.pool.shares() {
		return s.keptMove(ctx, n, from, &row)
	}
	if d := s.toCarry(n, from); !d.IsEmpty() {
		if s.req.Pull {
			// Nothing is to be changed on the server now.
			home := s.byID[from.row.MailboxID]
			home.blindRemote = true
			s.hold(true, home.name)
			s.putOff(i, n)
			return nil
		}
		if err := s.carry(ctx, n, d); err != nil {
			return err
		}
	}
	rows := []*state.Message{&row}
	if to.detached {
		rows = nil
	}
	if err := s.leaveBehind(ctx, i, n, from, rows...); err != nil {
		return err
	}
	m := s.message(&row)
	if s.req.DryRun || to.detached {
		delete(s.messages, row.ID)
		s.rowLater(m)
	}
	m.file, m.reading, m.content = from.file, from.reading, from.content
	m.item.Local = from.item.Local
	s.readFrom(to, m)
	if m.item.Local.State == plan.Removed {
		m.item.Local.Mailbox = to.name
	}
	m.item.Remote.Flags = n.item.Remote.Flags
	if to.detached && m.onDisk() {
		m.uniteFlags()
	}
	m.refresh(to.name)
	from.removeLocal()
	from.item.Local.Mailbox = s.byID[from.row.MailboxID].name // its file never was anywhere else
	n.done = true
	return nil
}

// toCarry returns what another client changed of the original since the copy n was
// made, or what would go with the original.
func (s *session) toCarry(n, from *message) mail.Delta {
	if !from.onDisk() || s.req.DryRun {
		return mail.Delta{}
	}
	d := from.item.Remote.Flags.Diff(from.item.Remote.Base)
	d.Add = s.keeps(s.mailboxes[n.item.Remote.Mailbox]).Stores(d.Add.Minus(n.item.Remote.Flags))
	d.Remove = d.Remove.Intersect(n.item.Remote.Flags)
	return d
}

// carry makes the change d of the original to the copy n, too. It does so before the
// base takes what the original shows for its own: a run that dies behind it finds
// it on the copy.
func (s *session) carry(ctx context.Context, n *message, d mail.Delta) error {
	mb := s.mailboxes[n.item.Remote.Mailbox]
	c, err := s.pool.first(ctx)
	if err != nil {
		return err
	}
	var results []remote.StoreResult
	sel, err := c.Select(ctx, mb.name, s.validity(mb))
	if err == nil && !sel.ReadOnly() {
		results, err = sel.Store(ctx, []remote.StoreRequest{{UIDs: []mail.UID{n.uid}, Delta: d}})
	}
	if err != nil && fatal(ctx, err) {
		return err
	}
	if len(results) == 0 || err != nil || results[0].Err != nil || len(results[0].NotDone)+len(results[0].Gone)+len(results[0].Unknown) > 0 {
		s.log.Debug("flags not carried", "mailbox", mb.name, "uid", n.uid, "err", err)
		return nil
	}
	d.Add = d.Add.Minus(results[0].Refused)
	n.item.Remote.Flags = n.item.Remote.Flags.Apply(d)
	s.moved = true // the next cycle sees it there
	return nil
}

// leaveBehind has the journal say, in place of i, that only the removal of an
// original is left to do: its copy n is found, and row is that of the copy, if
// it has one. The flags that the original has went with the copy, so they become
// its base: a run after a further death would take them for an edit, and keep it.
func (s *session) leaveBehind(ctx context.Context, i *state.Intent, n, from *message, row ...*state.Message) error {
	r := &from.item.Remote
	from.item.Unlike = !r.Flags.Equal(n.item.Remote.Flags)
	r.State, r.Base = plan.Same, r.Flags
	from.row.RemoteFlags = r.Base
	from.item.Trashed, from.item.Left = true, i.Kind == state.IntentRemoteMove // it goes to no trash
	rest := &state.Intent{Kind: state.IntentExpunge, Message: from.row.ID, Mailbox: n.item.Remote.Mailbox, Home: r.Mailbox, UID: from.uid, Delta: i.Delta}
	s.intents[slices.Index(s.intents, i)] = rest
	if s.req.DryRun {
		return nil
	}
	to := s.mailboxes[n.item.Remote.Mailbox]
	note := func(tx *state.Tx) error {
		if to.detached && to.frozen() {
			return nil
		}
		return errors.Join(tx.DeleteIntents(i.ID), tx.AddIntents([]*state.Intent{rest}),
			s.learnValidity(tx, to, s.validity(to)), tx.PutMessages(append(row, from.row)))
	}
	if to.detached {
		s.withRows = append(s.withRows, note) // of the copy
		return nil
	}
	return s.db.Update(ctx, note)
}

// unmark has \Deleted come off an original again whose file the user brought
// back: then the mark was the base's, and the file has it no more.
func (s *session) unmark(ctx context.Context, m *message) error {
	ours := mail.Delta{Add: mail.Flags{System: mail.Deleted}}
	if !m.rebase(ours, m.item.Remote, nil) || s.req.DryRun {
		return nil
	}
	return s.db.Update(ctx, func(tx *state.Tx) error { return tx.PutMessage(m.row) })
}

// leftBehind reports whether a message is what a half move left: its copy has
// taken its place, so when it vanishes nobody has moved it.
func (s *session) leftBehind(m *message) bool {
	i := s.postponedBefore(m.row.ID)
	return i != nil && left(i)
}

// keptMove is splitMove where messages have several places: the original is
// not one half of a move, but a place that the server keeps. It is delivered
// there again.
func (s *session) keptMove(ctx context.Context, n, from *message, row *state.Message) error {
	n.done = true
	s.hold(true, n.item.Remote.Mailbox)
	if s.req.DryRun {
		return nil
	}
	kept := *from.row
	kept.Pending = true
	s.moved = true
	delete(s.messages, kept.ID)
	s.hold(false, from.item.Local.Mailbox, s.byID[kept.MailboxID].name)
	return s.db.Update(ctx, func(tx *state.Tx) error {
		to := s.mailboxes[n.item.Remote.Mailbox]
		return errors.Join(s.learnValidity(tx, to, s.validity(to)), tx.PutMessage(&kept), tx.PutMessage(row))
	})
}
