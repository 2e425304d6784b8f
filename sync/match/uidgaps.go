package match

import (
	"context"
	"math"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// People go on between the death of a run and the next one. What the run had put
// into a mailbox, and could not note, may be anywhere by then. That it was put
// there shows in the UIDs that the mailbox gave out since and has no more. Without
// such a gap, a message of that content elsewhere is a copy that somebody wanted.
//
// A gap does not say which message it was: where another one came and went as
// well, and the run had not reached the server, somebody's own copy is taken for
// the run's. Then there is one copy less than was wanted; the message is there.

// findUIDGaps counts, in the mailboxes into which an interrupted run was putting
// something, the UIDs that were given out since and are not there any more.
func (s *Match) findUIDGaps(ctx context.Context) error {
	s.uidGaps = map[string]int64{}
	lowest := map[string]mail.UID{}
	for _, i := range s.Intents {
		switch i.Kind {
		case state.IntentAppend, state.IntentCopy, state.IntentRemoteMove, state.IntentTrash:
		default:
			continue
		}
		if uid, ok := lowest[i.Mailbox]; !ok || i.UID < uid {
			lowest[i.Mailbox] = i.UID
		}
	}
	if len(lowest) == 0 {
		return nil
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	can := c.Abilities()
	s.emulatesMove, s.removesLater = can.EmulatesMove, !can.MovesExactly
	for name, from := range lowest {
		mb := s.Mailboxes[name]
		switch {
		case !s.Wanted(name) || mb != nil && mb.RemoteIncomplete:
		case mb == nil || mb.Remote == nil || mb.UIDsVoid:
			s.uidGaps[name] = math.MaxInt32 // whatever it held is elsewhere, or gone
		case mb.Changes != nil:
			if s.uidGaps[name], err = s.uidGapsFrom(ctx, mb, max(from, 1)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Match) uidGapsFrom(ctx context.Context, mb *view.Mailbox, from mail.UID) (int64, error) {
	ch := mb.Changes
	if ch.Cursor.UIDNext <= from {
		return 0, nil
	}
	here := ch.Present
	if !ch.HasPresent {
		var uids []mail.UID
		if mb.Row != nil {
			if err := s.look.KnownUIDs(ctx, mb, from, func(uid mail.UID) { uids = append(uids, uid) }); err != nil {
				return 0, err
			}
		}
		for _, n := range ch.New {
			uids = append(uids, n.UID)
		}
		for _, f := range ch.Flags {
			uids = append(uids, f.UID)
		}
		here = mail.UIDSetOf(uids)
		var went []mail.UID
		for _, m := range s.Messages {
			if mb.Row != nil && m.Row.MailboxID == mb.Row.ID && m.Row.UID != 0 && m.Item.Remote.State == plan.Removed {
				went = append(went, m.Row.UID)
			}
		}
		here = here.Minus(mail.UIDSetOf(went))
	}
	given := mail.UIDSet{{Start: from, Stop: ch.Cursor.UIDNext - 1}}
	return int64(given.Minus(here).Count()), nil
}

// mayHaveLeft reports whether what i put on the server may be elsewhere by now.
func (s *Match) mayHaveLeft(i *state.Intent) bool { return s.uidGaps[i.Mailbox] > 0 }

// LookedAt reports whether a mailbox was looked at, so that what left it would have shown.
func (s *Match) LookedAt(name string) bool {
	mb := s.Mailboxes[name]
	return s.Wanted(name) && mb != nil && !mb.RemoteIncomplete
}
