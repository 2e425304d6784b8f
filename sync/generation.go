package sync

import (
	"context"
	"strconv"

	"satchel/state"
	"satchel/sync/plan"
)

// A Maildir may be brought back from a backup. Its files are then older than
// the state, and mail that arrived since would look as if the user had removed
// it. So every run that changes something notes a number in the root and in
// the state; a root that is behind is an older copy.

// checkGeneration finds out whether the Maildir is older than the state.
func (s *session) checkGeneration(ctx context.Context) error {
	have, err := s.store.Generation()
	if err != nil {
		return err
	}
	return s.compareGeneration(ctx, have)
}

func (s *session) compareGeneration(ctx context.Context, have int64) error {
	text, err := s.db.Meta(ctx, state.MetaGeneration)
	if err != nil {
		return err
	}
	if text != "" {
		if s.generation, err = strconv.ParseInt(text, 10, 64); err != nil {
			s.generation = 0
		}
	}
	s.restored = have < s.generation
	s.generation = max(s.generation, have)
	if s.restored {
		s.rep.notice("the Maildir is an older copy; what is missing comes back, and flags are merged")
	}
	return nil
}

// uniteRestored merges what an older Maildir says of messages with what the server
// says now: nothing tells which flags are newer, and an old place does not win.
func (s *session) uniteRestored(context.Context) error {
	if !s.restored {
		return nil
	}
	for _, m := range s.messages {
		l, r := &m.item.Local, &m.item.Remote
		if !l.State.Present() || !r.State.Present() {
			continue
		}
		if !m.detached && !l.Flags.Equal(l.Base) {
			m.uniteFlags()
			m.refresh(s.byID[m.row.MailboxID].name)
		}
		if l.State == plan.Moved {
			r.State = plan.Moved
		}
	}
	return nil
}

// bumpGeneration notes in the root that this run changed something. The state
// is told behind it, when the run is closed: one that is ahead means an older copy.
func (s *session) bumpGeneration() error {
	if !s.rep.Changed() && !s.restored {
		return nil
	}
	if s.restored && s.scopeOfRun() == "" {
		return nil // a run of part of the account leaves the rest to one of all of it
	}
	next := s.generation + 1
	if err := s.store.SetGeneration(next); err != nil {
		return err
	}
	s.generation, s.bumped = next, true
	return nil
}

// noteGeneration tells the state what was noted in the root.
func (s *session) noteGeneration(tx *state.Tx) error {
	if !s.bumped {
		return nil
	}
	return tx.SetMeta(state.MetaGeneration, strconv.FormatInt(s.generation, 10))
}
