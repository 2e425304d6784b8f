package match

import (
	"context"
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/run"
	"satchel/sync/view"
)

// The original of an emulated move (emulatedmove.go) may be elsewhere when the next run
// looks: another client renamed the mailbox that it is in, or moved it, to where the
// run was moving it or elsewhere. Or it is where it was, under another UID, because
// UIDVALIDITY changed. Taken for a message of its own it would stay beside its copy.
// So the journal and the base follow it first, and then it is as if it had never
// been anywhere else.

// unfinished returns the message of an interrupted emulated move that i tells
// of, if the original is not where it was; nil for all else.
func (s *Match) unfinished(i *state.Intent) *view.Message {
	m := s.Messages[i.Message]
	if i.Message == 0 || m == nil || m.Item.Remote.State != plan.Removed {
		return nil
	}
	switch i.Kind {
	case state.IntentExpunge:
		if i.Mailbox == i.Home {
			return nil // it was removed, not moved
		}
	case state.IntentRemoteMove, state.IntentTrash:
		if !s.emulatesMove && !i.Confirmed {
			return nil
		}
	default:
		return nil
	}
	return m
}

// sourceMoved reports whether n is the original of the move that i tells of, if it has the
// content. An original may be
//
//   - in its own mailbox, all UIDs of which are void
//   - in its own mailbox, which got another name
//   - beside its copy, marked by us or not removed yet
//   - in any other mailbox, marked by us
func (s *Match) sourceMoved(i *state.Intent, m, n *view.Message) bool {
	home, mb := s.ByID[m.Row.MailboxID], s.Mailboxes[n.Item.Remote.Mailbox]
	switch {
	case m.Row.Size != n.Item.Size:
		return false
	case home == mb || mb.UIDsVoid:
		return home == mb && mb.UIDsVoid
	case s.withMailbox(m, n):
		return true
	case i.Mailbox != mb.Name:
		// What was removed here and moved there is kept. Once the journal speaks of the removal
		// only, that may be done, and n be a copy that somebody made before it.
		return i.Kind == state.IntentRemoteMove && run.SetsDeleted(i) && n.IsDeleted()
	case i.Kind != state.IntentExpunge && !s.after(i, n):
		return false
	}
	return !s.mayHaveRemoved(i) || run.SetsDeleted(i) && n.IsDeleted()
}

// withMailbox reports whether n is m in the mailbox of before, which got another name:
// it has the same UIDVALIDITY and UID.
func (s *Match) withMailbox(m, n *view.Message) bool {
	home, mb := s.ByID[m.Row.MailboxID], s.Mailboxes[n.Item.Remote.Mailbox]
	return n.UID == m.Row.UID && s.Validity(mb) == home.Row.Cursor.UIDValidity && (home.Remote == nil || home.UIDsVoid)
}

// mayHaveRemoved reports whether the run that i is of may have come to the removal of
// the original. If not, and it is not where it was, another client has moved it. If so,
// a message beside the copy may be one that somebody made of it.
func (s *Match) mayHaveRemoved(i *state.Intent) bool {
	switch i.Kind {
	case state.IntentExpunge:
		return i.Confirmed
	case state.IntentRemoteMove:
		return !s.removesLater
	}
	return true
}

// findMovedSources notes for the new messages on the server of which interrupted moves
// they may be the original.
func (s *Match) findMovedSources() {
	s.maybeSourceOf, s.sourceFound = map[*view.Message][]*state.Intent{}, map[*state.Intent]bool{}
	for _, i := range s.Intents {
		m := s.unfinished(i)
		if m == nil {
			continue
		}
		for _, n := range s.NewRemote {
			if s.sourceMoved(i, m, n) {
				s.maybeSourceOf[n] = append(s.maybeSourceOf[n], i)
				s.sourceFound[i] = true
			}
		}
	}
}

// followMovedSources finds the originals of interrupted moves among the suspects, before
// their copies could be taken for them: those that are marked first, as originals are.
func (s *Match) followMovedSources(ctx context.Context, suspects []*unidentified) error {
	for _, marked := range []bool{true, false} {
		for _, sus := range suspects {
			n := sus.m
			if sus.digest.IsZero() || n.Done || n.Replaces != 0 || n.IsDeleted() != marked {
				continue
			}
			i, m, err := s.original(ctx, n, sus.digest)
			if err == nil && m != nil {
				s.followMovedSource(i, m, n)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// original returns the interrupted move of which n, of which the content is
// proven, is the original, and the message as the base has it.
func (s *Match) original(ctx context.Context, n *view.Message, d mail.Digest) (*state.Intent, *view.Message, error) {
	for _, i := range s.maybeSourceOf[n] {
		m := s.unfinished(i)
		if m == nil || m.Digest() != d {
			continue
		}
		if lone, err := s.lone(ctx, i, m, n); err != nil || !lone {
			return i, m, err
		}
	}
	return nil, nil, nil
}

// lone reports whether no other message than n is where the copy of the original m was
// put: then n is that copy, which somebody marked, or the original in place of a
// copy that somebody removed, and wanted where it is. In the mailbox of before it is lone
// where other messages of that content account for all that are there.
func (s *Match) lone(ctx context.Context, i *state.Intent, m, n *view.Message) (bool, error) {
	mb := s.Mailboxes[i.Mailbox]
	switch {
	case s.ByID[m.Row.MailboxID].Name == n.Item.Remote.Mailbox:
		return s.accountedFor(m, s.ByID[m.Row.MailboxID]), nil
	case n.Item.Remote.Mailbox != i.Mailbox && s.withMailbox(m, n):
		return false, nil
	case mb == nil:
		return true, nil
	case i.Kind != state.IntentExpunge:
		return !slices.ContainsFunc(s.proven[m.Row.Digest], func(o *view.Message) bool {
			return o != n && o.Item.Remote.Mailbox == mb.Name && s.after(i, o)
		}), nil
	}
	rows, err := s.DB.ByDigest(ctx, m.Row.Digest)
	return !slices.ContainsFunc(rows, func(r *state.Message) bool {
		c := s.Messages[r.ID]
		return mb.Row != nil && r.MailboxID == mb.Row.ID && r.ID != m.Row.ID && (c == nil || c.Item.Remote.State.Present())
	}), err
}

// accountedFor reports whether a mailbox that is paired anew shows no more messages of
// the content of m than the base has of it there beside m.
func (s *Match) accountedFor(m *view.Message, mb *view.Mailbox) bool {
	open := 0
	for _, n := range s.proven[m.Row.Digest] {
		if !n.Done && n.Item.Remote.Mailbox == mb.Name {
			open++
		}
	}
	for _, o := range s.Messages {
		if o != m && o.UIDVoid && o.Item.Remote.State == plan.Removed && o.Row.MailboxID == m.Row.MailboxID && o.Row.Digest == m.Row.Digest {
			open--
		}
	}
	return open <= 0
}

// followMovedSource makes the base and the journal know of the original m where it is now,
// as n. Where its mailbox has no row yet, all of that move waits for one.
func (s *Match) followMovedSource(i *state.Intent, m, n *view.Message) {
	home, to := s.ByID[m.Row.MailboxID], s.Mailboxes[n.Item.Remote.Mailbox]
	if home == to {
		s.movedTo(m, n) // its row is written anew, and the journal follows that
		return
	}
	n.Done = true
	m.Item.Remote.State = plan.Same
	if to.Row == nil {
		m.Rowless, m.UID = true, m.Row.UID
		home.RemoteIncomplete = true
		s.putOff(i, n)
		return
	}
	to.TakeRow(home, m, n.UID)
	m.UID, m.UIDVoid, m.Row.EmailID = n.UID, false, n.EmailID
	r := &m.Item.Remote
	r.Mailbox, r.Key, r.Flags = to.Name, n.Item.Remote.Key, n.Item.Remote.Flags
	if m.Item.Local.State == plan.Removed {
		m.Item.Local.Mailbox = to.Name
	}
	m.Refresh(to.Name)
	var over []int64
	var now []*state.Intent
	for k, j := range s.Intents {
		if j.Message != m.Row.ID || j.Home != home.Name {
			continue
		}
		x := *j
		x.ID, x.Home = 0, to.Name
		if x.Mailbox == home.Name {
			x.Mailbox = to.Name
		}
		if x.Kind == state.IntentExpunge {
			x.UID, x.Confirmed = n.UID, false
		}
		over, now = append(over, j.ID), append(now, &x)
		s.Intents[k] = &x
	}
	row := m.Row.AsItIs()
	s.Resolve(func(tx *state.Tx) error {
		return errors.Join(s.LearnValidity(tx, to, s.Validity(to)), tx.PutMessage(row), tx.DeleteIntents(over...), tx.AddIntents(now))
	})
}
