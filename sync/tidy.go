package sync

import (
	"context"
	"time"

	"satchel/sync/run"
)

// tidy removes what earlier runs left: messages that were kept long enough,
// files in tmp that a stopped run was writing, and folders that it was making.
// They do not show in the stamps of a folder, so after such a run all are looked at.
func (s *session) tidy(ctx context.Context) error {
	interrupted, err := s.DB.Interrupted(ctx, s.runID)
	if err != nil {
		return err
	}
	for _, name := range s.Names {
		if mb := s.Mailboxes[name]; mb.Folder == nil || mb.Listing == nil && !interrupted {
			continue
		}
		if err := s.Store.SweepTmp(ctx, name, s.Start); err != nil {
			s.Log.Debug("sweep tmp", "mailbox", name, "err", err)
		}
	}
	if interrupted || s.Store.Unfinished() { // a run may have died before it was in the history
		s.Store.SweepRoot(s.Start)
	}
	return s.forgetUndo(ctx)
}

// forgetUndo deletes for good what was removed longer ago than undo_days, of
// runs that the state knows: what else is in the undo folder is not satchel's,
// or belongs to a state that was lost.
func (s *session) forgetUndo(ctx context.Context) error {
	runs, err := s.Store.UndoRuns()
	if err != nil {
		return err
	}
	kept := s.Start.Add(-time.Duration(max(0, s.Account.UndoDays)) * 24 * time.Hour)
	for _, r := range runs {
		t, err := time.Parse(run.UndoLayout, r)
		if err != nil || t.After(kept) {
			continue
		}
		if ours, err := s.DB.Ran(ctx, t); err != nil {
			return err
		} else if !ours {
			continue
		}
		if err := s.Store.ForgetRun(ctx, r); err != nil {
			return err
		}
	}
	return s.DB.ForgetAside(ctx, kept)
}
