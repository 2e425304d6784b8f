package sync

import (
	"context"
	"strconv"

	"satchel/state"
)

// bumpGeneration notes in the root that this run changed something. The state
// is told behind it, when the run is closed: one that is ahead means an older copy.
func (s *session) bumpGeneration() error {
	if !s.Rep.Changed() && !s.Restored {
		return nil
	}
	if s.Restored && s.scopeOfRun() == "" {
		return nil // a run of part of the account leaves the rest to one of all of it
	}
	next := s.Generation + 1
	if err := s.Store.SetGeneration(next); err != nil {
		return err
	}
	s.Generation, s.Bumped = next, true
	return nil
}

// checkGeneration finds out whether the Maildir is older than the state.
func (s *session) checkGeneration(ctx context.Context) error {
	have, err := s.Store.Generation()
	if err != nil {
		return err
	}
	return s.compareGeneration(ctx, have)
}

func (s *session) compareGeneration(ctx context.Context, have int64) error {
	text, err := s.DB.Meta(ctx, state.MetaGeneration)
	if err != nil {
		return err
	}
	if text != "" {
		if s.Generation, err = strconv.ParseInt(text, 10, 64); err != nil {
			s.Generation = 0
		}
	}
	s.Restored = have < s.Generation
	s.Generation = max(s.Generation, have)
	if s.Restored {
		s.Rep.Notice("the Maildir is an older copy; what is missing comes back, and flags are merged")
	}
	return nil
}
