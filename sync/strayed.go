package sync

import (
	"context"
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// The original of a half move (halfmove.go) may be elsewhere when the next run
// looks: another client renamed the mailbox that it is in, or moved it, to where the
// run was moving it or elsewhere. Or it is where it was, under another UID, because
// UIDVALIDITY changed. Taken for a message of its own it would stay beside its copy.
// So the journal and the base follow it first, and then it is as if it had never
// been anywhere else.

// unfinished returns the message of an interrupted move by halves that i tells
// of, if the original is not where it was; nil for all else.
func (s *session) unfinished(i *state.Intent) *message {
	m := s.messages[i.Message]
	if i.Message == 0 || m == nil || m.item.Remote.State != plan.Removed {
		return nil
	}
	switch i.Kind {
	case state.IntentExpunge:
		if i.Mailbox == i.Home {
			return nil // it was removed, not moved
		}
	case state.IntentRemoteMove, state.IntentTrash:
		if !s.byHalves && !i.Confirmed {
			return nil
		}
	default:
		return nil
	}
	return m
}

// strayed reports whether n is the original of the move that i tells of, if it has the
// content. An original may be
//
//   - in its own mailbox, all UIDs of which are void
//   - in its own mailbox, which got another name
//   - beside its copy, marked by us or not removed yet
//   - in any other mailbox, marked by us
func (s *session) strayed(i *state.Intent, m, n *message) bool {
	home, mb := s.byID[m.row.MailboxID], s.mailboxes[n.item.Remote.Mailbox]
	switch {
	case m.row.Size != n.item.Size:
		return false
	case home == mb || mb.detached:
		return home == mb && mb.detached
	case s.withMailbox(m, n):
		return true
	case i.Mailbox != mb.name:
		// What was removed here and moved there is kept. Once the journal speaks of the removal
		// only, that may be done, and n be a copy that somebody made before it.
		return i.Kind == state.IntentRemoteMove && marks(i) && n.isDeleted()
	case i.Kind != state.IntentExpunge && !s.after(i, n):
		return false
	}
	return !s.mayHaveRemoved(i) || marks(i) && n.isDeleted()
}

// withMailbox reports whether n is m in the mailbox of before, which got another name:
// it has the same UIDVALIDITY and UID.
func (s *session) withMailbox(m, n *message) bool {
	home, mb := s.byID[m.row.MailboxID], s.mailboxes[n.item.Remote.Mailbox]
	return n.uid == m.row.UID && s.validity(mb) == home.row.Cursor.UIDValidity && (home.remote == nil || home.detached)
}

// mayHaveRemoved reports whether the run that i is of may have come to the removal of
// the original. If not, and it is not where it was, another client has moved it. If so,
// a message beside the copy may be one that somebody made of it.
func (s *session) mayHaveRemoved(i *state.Intent) bool {
	switch i.Kind {
	case state.IntentExpunge:
		return i.Confirmed
	case state.IntentRemoteMove:
		return !s.inCycles
	}
	return true
}

// isDeleted reports whether the server shows \Deleted on a message.
func (m *message) isDeleted() bool { return m.item.Remote.Flags.System&mail.Deleted != 0 }

// findStrays notes for the new messages on the server of which interrupted moves
// they may be the original.
func (s *session) findStrays() {
	s.strays, s.astray = map[*message][]*state.Intent{}, map[*state.Intent]bool{}
	for _, i := range s.intents {
		m := s.unfinished(i)
		if m == nil {
			continue
		}
		for _, n := range s.newRemote {
			if s.strayed(i, m, n) {
				s.strays[n] = append(s.strays[n], i)
				s.astray[i] = true
			}
		}
	}
}

// followStrays finds the originals of interrupted moves among the suspects, before
// their copies could be taken for them: those that are marked first, as originals are.
func (s *session) followStrays(ctx context.Context, suspects []*suspect) error {
	for _, marked := range []bool{true, false} {
		for _, sus := range suspects {
			n := sus.m
			if sus.digest.IsZero() || n.done || n.replaces != 0 || n.isDeleted() != marked {
				continue
			}
			i, m, err := s.original(ctx, n, sus.digest)
			if err == nil && m != nil {
				err = s.followStray(ctx, i, m, n)
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
func (s *session) original(ctx context.Context, n *message, d mail.Digest) (*state.Intent, *message, error) {
	for _, i := range s.strays[n] {
		m := s.unfinished(i)
		if m == nil || m.digest() != d {
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
func (s *session) lone(ctx context.Context, i *state.Intent, m, n *message) (bool, error) {
	mb := s.mailboxes[i.Mailbox]
	switch {
	case s.byID[m.row.MailboxID].name == n.item.Remote.Mailbox:
		return s.accountedFor(m, s.byID[m.row.MailboxID]), nil
	case n.item.Remote.Mailbox != i.Mailbox && s.withMailbox(m, n):
		return false, nil
	case mb == nil:
		return true, nil
	case i.Kind != state.IntentExpunge:
		return !slices.ContainsFunc(s.proven[m.row.Digest], func(o *message) bool {
			return o != n && o.item.Remote.Mailbox == mb.name && s.after(i, o)
		}), nil
	}
	rows, err := s.db.ByDigest(ctx, m.row.Digest)
	return !slices.ContainsFunc(rows, func(r *state.Message) bool {
		c := s.messages[r.ID]
		return mb.row != nil && r.MailboxID == mb.row.ID && r.ID != m.row.ID && (c == nil || c.item.Remote.State.Present())
	}), err
}

// accountedFor reports whether a mailbox that is paired anew shows no more messages of
// the content of m than the base has of it there beside m.
func (s *session) accountedFor(m *message, mb *mailbox) bool {
	open := 0
	for _, n := range s.proven[m.row.Digest] {
		if !n.done && n.item.Remote.Mailbox == mb.name {
			open++
		}
	}
	for _, o := range s.messages {
		if o != m && o.detached && o.item.Remote.State == plan.Removed && o.row.MailboxID == m.row.MailboxID && o.row.Digest == m.row.Digest {
			open--
		}
	}
	return open <= 0
}

// followStray makes the base and the journal know of the original m where it is now,
// as n. Where its mailbox has no row yet, all of that move waits for one.
func (s *session) followStray(ctx context.Context, i *state.Intent, m, n *message) error {
	home, to := s.byID[m.row.MailboxID], s.mailboxes[n.item.Remote.Mailbox]
	if home == to {
		s.movedTo(m, n) // its row is written anew, and the journal follows that
		return nil
	}
	n.done = true
	m.item.Remote.State = plan.Same
	if to.row == nil {
		m.late, m.uid = true, m.row.UID
		home.blindRemote = true
		s.putOff(i, n)
		return nil
	}
	home.baseCount--
	to.baseCount++
	m.uid, m.detached = n.uid, false
	m.row.MailboxID, m.row.UID, m.row.EmailID = to.row.ID, n.uid, n.emailID
	r := &m.item.Remote
	r.Mailbox, r.Key, r.Flags = to.name, n.item.Remote.Key, n.item.Remote.Flags
	if m.item.Local.State == plan.Removed {
		m.item.Local.Mailbox = to.name
	}
	m.refresh(to.name)
	var over []int64
	var now []*state.Intent
	for k, j := range s.intents {
		if j.Message != m.row.ID || j.Home != home.name {
			continue
		}
		x := *j
		x.ID, x.Home = 0, to.name
		if x.Mailbox == home.name {
			x.Mailbox = to.name
		}
		if x.Kind == state.IntentExpunge {
			x.UID, x.Confirmed = n.uid, false
		}
		over, now = append(over, j.ID), append(now, &x)
		s.intents[k] = &x
	}
	if s.req.DryRun {
		return nil
	}
	return s.db.Update(ctx, func(tx *state.Tx) error {
		return errors.Join(s.learnValidity(tx, to, s.validity(to)), tx.PutMessage(m.row), tx.DeleteIntents(over...), tx.AddIntents(now))
	})
}
