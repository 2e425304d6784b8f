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
// looks: another client renamed the mailbox that it is in, or moved it to where the
// run was moving it. Taken for a message of its own it would stay beside its copy.
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

// strayed reports whether n is the original of the move that i tells of, if it
// has the content: in the mailbox of before, which got another name, as the same
// UIDVALIDITY and UID prove, or marked by us and beside its copy.
func (s *session) strayed(i *state.Intent, m, n *message) bool {
	home, mb := s.byID[m.row.MailboxID], s.mailboxes[n.item.Remote.Mailbox]
	if home == mb || mb.detached || m.row.Size != n.item.Size {
		return false
	}
	if n.uid == m.row.UID && s.validity(mb) == home.row.Cursor.UIDValidity && (home.remote == nil || home.detached) {
		return true
	}
	return i.Mailbox == mb.name && marks(i) && n.item.Remote.Flags.Has(mail.Flags{System: mail.Deleted}) &&
		(i.Kind == state.IntentExpunge || s.after(i, n))
}

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

// lone reports whether n is where the copy of the original m was put, and no other
// one is: then n is that copy, which somebody marked, or the original in place of a
// copy that somebody removed, and wanted there.
func (s *session) lone(ctx context.Context, i *state.Intent, m, n *message) (bool, error) {
	mb := s.mailboxes[n.item.Remote.Mailbox]
	switch {
	case i.Mailbox != mb.name:
		return false, nil
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

// followStray makes the base and the journal know of the original m where it is now,
// as n. Where its mailbox has no row yet, all of that move waits for one.
func (s *session) followStray(ctx context.Context, i *state.Intent, m, n *message) error {
	home, to := s.byID[m.row.MailboxID], s.mailboxes[n.item.Remote.Mailbox]
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
			x.UID = n.uid
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
