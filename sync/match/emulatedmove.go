package match

import (
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// A server without MOVE (RFC 6851) copies a message, marks the original
// \Deleted and expunges it. A run that is stopped in between leaves both, and
// the copy must not be taken for one that somebody wanted.

// movedHalfway returns the message that an interrupted run was about to move, as i
// says, if m may be the copy that this run made.
func (s *Match) movedHalfway(i *state.Intent, m *view.Message) *view.Message {
	c, here := s.Messages[i.Message], m.Item.Remote.Mailbox
	switch {
	case i.Kind != state.IntentRemoteMove && i.Kind != state.IntentTrash,
		c == nil || !c.Item.Remote.State.Present():
		return nil
	case i.Mailbox == here:
		if s.after(i, m) && (c.Item.Remote.Mailbox != here || i.Home == here) { // a stray is where its copy is
			return c
		}
	case c.Marked(), (s.emulatesMove || i.Confirmed) && s.mayHaveLeft(i):
		// That it was copied is proven by the mark, or by what left: the server said
		// OK to the copy, or a move that was not told so is emulated. Another
		// client has moved the copy on since, or back, or renamed the mailbox
		// that it is in.
		return c
	}
	return nil
}

// after reports whether m came to where i leads only after i was written.
func (s *Match) after(i *state.Intent, m *view.Message) bool {
	return m.UID >= i.UID || s.Mailboxes[i.Mailbox].UIDsVoid
}

// awaited reports whether a suspect may be what an interrupted run moved to where
// it is: elsewhere the same content is a copy then.
func (s *Match) awaited(sus *unidentified) bool {
	return slices.ContainsFunc(s.Intents, func(i *state.Intent) bool {
		c := s.Messages[i.Message]
		return (i.Kind == state.IntentRemoteMove || i.Kind == state.IntentTrash) && i.Mailbox == sus.m.Item.Remote.Mailbox &&
			c != nil && slices.Contains(sus.candidates, c) && s.after(i, sus.m)
	})
}

// resumeMove takes up the move of which a proven message is the first half.
func (s *Match) resumeMove(sus *unidentified) bool {
	n := sus.m
	for _, i := range s.Intents {
		c := s.movedHalfway(i, n)
		if c == nil || c.Digest() != sus.digest {
			continue
		}
		if c.Rowless {
			s.putOff(i, n)
			return true
		}
		if i.Mailbox != n.Item.Remote.Mailbox && s.mayHaveLeft(i) {
			s.uidGaps[i.Mailbox]--
		}
		if i.Mailbox != n.Item.Remote.Mailbox && s.Mailboxes[n.Item.Remote.Mailbox].Row == nil {
			s.putOff(i, n)
			return true
		}
		if i.Kind == state.IntentTrash && c.OnDisk() {
			s.unmark(c)
			return true
		}
		if c.Marked() {
			c.Item.Remote.Flags.System &^= mail.Deleted // our own doing
		}
		if i.Kind == state.IntentRemoteMove {
			s.adoptCopy(i, n, c)
			return true
		}
		s.expungeLater(i, n, c)
		return true
	}
	return false
}

// putOff leaves the rest of an interrupted move to the next cycle, since the
// mailbox that the copy n is in now has no row yet. What the mailbox held that
// the move was to keeps its place until then.
func (s *Match) putOff(i *state.Intent, n *view.Message) {
	n.Done = true
	s.Moved = true
	s.HoldCursor(n.Item.Remote.Mailbox)
	if to := s.Mailboxes[i.Mailbox]; to != nil {
		to.RemoteIncomplete = true
	}
}

// adoptCopy completes the first half of a move on a server that copies and
// removes: the copy takes over the file, the original is left without one and
// so is removed.
func (s *Match) adoptCopy(i *state.Intent, n, from *view.Message) {
	to := s.Mailboxes[n.Item.Remote.Mailbox]
	if to == nil || to.Row == nil {
		return
	}
	row := *from.Row
	row.ID, row.MailboxID, row.UID, row.EmailID = 0, to.Row.ID, n.UID, n.EmailID
	if from.OnDisk() && from.NoteName(&row, from.File) && from.File.Folder != to.Name {
		row.ForgetName(state.FileNameUnknown) // it has the letters of another folder
	}
	if s.Pool.Shares() {
		s.keptMove(n, from, &row)
		return
	}
	if d := s.toCarry(n, from); !d.IsEmpty() {
		if s.Req.Pull {
			// Nothing is to be changed on the server now.
			home := s.ByID[from.Row.MailboxID]
			home.RemoteIncomplete = true
			s.HoldCursor(home.Name)
			s.putOff(i, n)
			return
		}
		s.Carry(view.Carry{Original: from, Copy: n, Delta: d})
	}
	m := s.Message(&row)
	delete(s.Messages, row.ID)
	if to.UIDsVoid {
		s.rowLater(m)
	} else {
		s.rowFirst(m)
	}
	s.expungeLater(i, n, from)
	m.File, m.Reading, m.Content = from.File, from.Reading, from.Content
	m.Item.Local = from.Item.Local
	s.ReadFrom(to, m)
	if m.Item.Local.State == plan.Removed {
		m.Item.Local.Mailbox = to.Name
	}
	m.Item.Remote.Flags = n.Item.Remote.Flags
	if to.UIDsVoid && m.OnDisk() {
		m.UniteFlags()
	}
	m.Refresh(to.Name)
	from.RemoveLocal()
	from.Item.Local.Mailbox = s.ByID[from.Row.MailboxID].Name // its file never was anywhere else
	n.Done = true
}

// toCarry returns what another client changed of the original since the copy n was
// made, or what would go with the original.
func (s *Match) toCarry(n, from *view.Message) mail.Delta {
	if !from.OnDisk() {
		return mail.Delta{}
	}
	d := from.Item.Remote.Flags.Diff(from.Item.Remote.Base)
	d.Add = s.quirks.PermanentFlags(s.Mailboxes[n.Item.Remote.Mailbox]).Stores(d.Add.Minus(n.Item.Remote.Flags))
	d.Remove = d.Remove.Intersect(n.Item.Remote.Flags)
	return d
}

// Carry makes a change of the original to the copy, too, when the plan is carried out. The view has
// the copy as it is then.
func (s *Match) Carry(c view.Carry) {
	s.Carries = append(s.Carries, c)
	c.Copy.Item.Remote.Flags = c.Copy.Item.Remote.Flags.Apply(c.Delta)
}

// expungeLater has the journal say, in place of i, that only the removal of an
// original is left to do: its copy n is found. The flags that the original has went with the
// copy, so they become its base: a run after a further death would take them for an edit, and
// keep it.
func (s *Match) expungeLater(i *state.Intent, n, from *view.Message) {
	r := &from.Item.Remote
	from.Item.Unlike = !r.Flags.Equal(n.Item.Remote.Flags)
	r.State, r.Base = plan.Same, r.Flags
	from.Row.RemoteFlags = r.Base
	from.Item.Trashed, from.Item.Left = true, i.Kind == state.IntentRemoteMove // it goes to no trash
	rest := state.Expunge(state.Subject{Message: from.Row.ID, Home: r.Mailbox}, from.UID, n.Item.Remote.Mailbox, i.Delta)
	s.Intents[slices.Index(s.Intents, i)] = rest
	to, original := s.Mailboxes[n.Item.Remote.Mailbox], from.Row
	note := func(tx *state.Tx) error {
		return errors.Join(tx.DeleteIntents(i.ID), tx.AddIntents([]*state.Intent{rest}),
			s.LearnValidity(tx, to, s.Validity(to)), tx.PutMessage(original))
	}
	if !to.UIDsVoid {
		original = from.Row.AsItIs()
		s.Resolve(note)
		return
	}
	s.WithRows = append(s.WithRows, func(tx *state.Tx) error { // of the copy
		if to.Frozen() {
			return nil
		}
		return note(tx)
	})
}

// unmark has \Deleted come off an original again whose file the user brought
// back: then the mark was the base's, and the file has it no more.
func (s *Match) unmark(m *view.Message) {
	ours := mail.Delta{Add: mail.Flags{System: mail.Deleted}}
	if m.Rebase(ours, m.Item.Remote, nil) {
		s.ResolveRow(m.Row)
	}
}

// WaitsForExpunge reports whether a message is what an emulated move left: its copy has
// taken its place, so when it vanishes nobody has moved it.
func (s *Match) WaitsForExpunge(m *view.Message) bool {
	i := s.PostponedBefore(m.Row.ID)
	return i != nil && Left(i)
}

// keptMove is adoptCopy where messages have several places: the original is
// not one half of a move, but a place that the server keeps. It is delivered
// there again.
func (s *Match) keptMove(n, from *view.Message, row *state.Message) {
	n.Done = true
	s.HoldCursor(n.Item.Remote.Mailbox)
	if s.Req.DryRun {
		return // the run names the delivery in its second cycle
	}
	kept := from.Row.AsItIs()
	kept.Pending = true
	s.Moved = true
	delete(s.Messages, kept.ID)
	s.HoldStamp(from.Item.Local.Mailbox, s.ByID[kept.MailboxID].Name)
	s.Resolve(func(tx *state.Tx) error {
		to := s.Mailboxes[n.Item.Remote.Mailbox]
		return errors.Join(s.LearnValidity(tx, to, s.Validity(to)), tx.PutMessage(kept), tx.PutMessage(row))
	})
}
