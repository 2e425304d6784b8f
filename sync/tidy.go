package sync

import (
	"context"
	"time"
)

// tidy removes what earlier runs left: messages that were kept long enough,
// files in tmp that a stopped run was writing, and folders that it was making.
// They do not show in the stamps of a folder, so after such a run all are looked at.
func (s *session) tidy(ctx context.Context) error {
	interrupted, err := s.db.Interrupted(ctx, s.runID)
	if err != nil {
		return err
	}
	for _, name := range s.names {
		if mb := s.mailboxes[name]; mb.folder == nil || mb.listing == nil && !interrupted {
			continue
		}
		if err := s.store.SweepTmp(ctx, name, s.start); err != nil {
			s.log.Debug("sweep tmp", "mailbox", name, "err", err)
		}
	}
	if interrupted || s.store.Unfinished() { // a run may have died before it was in the history
		s.store.SweepRoot(s.start)
	}
	return s.forgetUndo(ctx)
}

// forgetUndo deletes for good what was removed longer ago than undo_days, of
// runs that the state knows: what else is in the undo folder is not satchel's,
// or belongs to a state that was lost.
func (s *session) forgetUndo(ctx context.Context) error {
	runs, err := s.store.UndoRuns()
	if err != nil {
		return err
	}
	kept := s.start.Add(-time.Duration(max(0, s.account.UndoDays)) * 24 * time.Hour)
	for _, r := range runs {
		t, err := time.Parse(undoLayout, r)
		if err != nil || t.After(kept) {
			continue
		}
		if ours, err := s.db.Ran(ctx, t); err != nil {
			return err
		} else if !ours {
			continue
		}
		if err := s.store.ForgetRun(ctx, r); err != nil {
			return err
		}
	}
	return s.db.ForgetAside(ctx, kept)
}
