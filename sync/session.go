package sync

import (
	"context"
	"errors"
	"fmt"

	"satchel/state"
	"satchel/sync/apply"
	"satchel/sync/mail"
	"satchel/sync/recovery"
	"satchel/sync/report"
	"satchel/sync/run"
	"satchel/sync/survey"
)

func (s *session) close() { s.Pool.Close() }

// run goes through cycles until both sides are quiet.
func (s *session) run(ctx context.Context) error {
	s.Pool.Begin(ctx)
	if !s.Req.DryRun {
		if err := s.DB.Update(ctx, func(tx *state.Tx) (err error) {
			s.runID, err = tx.StartRun(s.Start, s.scopeOfRun())
			return err
		}); err != nil {
			return err
		}
	}
	err := errors.Join(s.quirks.RecallDistrust(ctx), s.survey.BindNames(ctx))
	if err == nil {
		err = s.cycles(ctx)
	}
	s.recovery.TellUnplaced()
	if err == nil {
		err = s.decide.Brakes()
	}
	if err == nil && s.open.Here != nil {
		s.Rep.Waiting = s.unsettled()
	}
	stats := s.Pool.Client.Stats()
	s.Rep.BytesIn, s.Rep.BytesOut, s.Rep.RoundTrips = stats.BytesIn, stats.BytesOut, stats.RoundTrips
	if !s.Req.DryRun {
		if err == nil {
			err = errors.Join(s.tidy(ctx), s.bumpGeneration())
		}
		err = errors.Join(err, s.finish(context.WithoutCancel(ctx), err))
	}
	if err == nil {
		s.Phase(report.PhaseDone)
	}
	return err
}

func (s *session) cycles(ctx context.Context) error {
	defer s.tellLimits()
	for s.Rep.Cycles = 1; ; s.Rep.Cycles++ {
		s.startCycle()
		again, err := s.cycle(ctx)
		if errors.Is(err, apply.ErrLookAgain) {
			s.startOver()
			s.Rep.Cycles = 0
			continue
		}
		over, err := s.goOn(ctx, !again, err)
		switch {
		case over:
			s.Rep.Cycles = 0
		case err != nil || !again || s.Rep.Cycles == run.MaxCycles:
			return err
		}
	}
}

// cycle looks at both sides, plans and applies once. It asks for another cycle
// when it changed anything: that one sees our own changes, confirms them, and
// moves cursors and stamps past them.
func (s *session) cycle(ctx context.Context) (again bool, err error) {
	s.begin()
	defer func() { s.Ahead.Wait() }()
	if err := s.compare(ctx); err != nil {
		return false, err
	}
	if err := s.decide.BrakeOnDoubles(ctx); err != nil {
		return false, err
	}
	p := s.decide.Plan()
	s.decide.Halted(p)
	s.decide.SayHeld(p)
	grown := s.decide.GrownNext(p.Ops)
	if s.Req.DryRun {
		if err := s.decide.TellPlan(ctx, p.Ops); err != nil {
			return false, err
		}
		s.decide.TellGrown(grown)
		s.AddConflicts(p.Conflicts)
		return false, nil
	}
	did, err := s.apply.Apply(ctx, p)
	if err != nil {
		return false, err
	}
	s.Moved = s.Moved || len(grown) > 0
	if err := s.applyLabels(ctx, p); err != nil {
		return false, err
	}
	if err := s.commitCursors(ctx, p); err != nil {
		return false, err
	}
	if err := s.windows(ctx); err != nil {
		return false, err
	}
	s.remember(p)
	s.leftOpen(p, did || s.Moved)
	return did || s.Moved, nil
}

// compare finds out what changed on both sides since the base, and what it means. It writes
// nothing, but for a mailbox that has another name on one side: everything behind the survey goes by
// names. Each phase needs what the ones before it found.
func (s *session) compare(ctx context.Context) error {
	s.Phase(report.PhaseConnect)
	if err := s.survey.Survey(ctx); err != nil {
		return err
	}
	s.Phase(report.PhaseScan)
	return inTurn(ctx, s.readFiles, s.readMessages, s.identify, s.recover, s.doubtAbsence, s.prepare)
}

// inTurn takes steps until one of them fails.
func inTurn(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// readFiles compares the folders with the base, and recognises files. What a dead run had moved
// here is known before the server's side is compared: its UIDs went along.
func (s *session) readFiles(ctx context.Context) error {
	return inTurn(ctx,
		s.look.AskRemote, // network first: what follows is decided on one picture
		s.look.ScanLocal,
		s.match.MatchLocal,
		s.match.FindStumps,
		s.recovery.RecoverLocal)
}

// readMessages compares the server's mailboxes with the base. All of them are listed at once after
// all, where something that is missing may be anywhere.
func (s *session) readMessages(ctx context.Context) error {
	return inTurn(ctx, s.match.ScanRemote, s.listRest, s.recovery.RecoverRemoteFlags)
}

// identify recognises messages. Files that seem to be nowhere are looked for first, or a message
// could be taken for a copy of one that only moved.
func (s *session) identify(ctx context.Context) error {
	return inTurn(ctx, s.absence.ConfirmNowhere, s.absence.FindUnpaired, s.match.MatchRemote)
}

// recover finds out what interrupted runs had done. Uploads are settled by what matching found,
// moves last: that a message is not there must not be believed of a server that is behind.
func (s *session) recover(ctx context.Context) error {
	return inTurn(ctx,
		s.recovery.ResolveUploads,
		s.recovery.LeaveEmpty,
		s.look.ConfirmMass,
		s.absence.ConfirmCopies,
		s.absence.ReleaseDetached,
		s.absence.PostponeUndescribed,
		s.absence.KeepUnshown,
		s.recovery.AwaitMoves,
		s.recovery.AwaitUnanswered,
		s.recovery.RecoverRemoteMoves,
		s.match.UniteRestored)
}

// doubtAbsence looks once more for what is in no place where it is looked for.
func (s *session) doubtAbsence(ctx context.Context) error {
	return inTurn(ctx, s.absence.ConfirmStumps, s.absence.ConfirmRemoved, s.absence.HoldHidden, s.absence.ConfirmVanished)
}

// prepare finds what the planner needs to know beside the messages.
func (s *session) prepare(ctx context.Context) error {
	return inTurn(ctx, s.match.FindSources, s.decide.FindTrash, s.decide.TallyRemovals)
}

// maxOutcome bounds what the history keeps of an error, in characters.
const maxOutcome = 1000

// finish closes the run in the history.
func (s *session) finish(ctx context.Context, err error) error {
	outcome := "ok"
	if err != nil {
		outcome = mail.Shortened(err.Error(), maxOutcome)
	} else if len(s.Rep.Problems) > 0 {
		outcome = fmt.Sprintf("%d problems", len(s.Rep.Problems))
	}
	proof, perr := s.conclude(ctx, err)
	if perr != nil {
		return perr
	}
	return s.DB.Update(ctx, func(tx *state.Tx) error {
		if errors.Is(err, survey.ErrNotThere) {
			return tx.DropRun(s.runID) // nothing was done, and it is no fault of the account
		}
		if s.quirks.Sizes != "" {
			if err := tx.SetMeta(state.MetaSizes, s.quirks.Sizes); err != nil {
				return err
			}
		}
		if s.Rep.Level != "" {
			if err := tx.SetMeta(state.MetaLevel, s.Rep.Level); err != nil {
				return err
			}
		}
		if err := errors.Join(s.decide.NoteTrash(tx), s.quirks.NoteCompared(tx), tx.DropYoung(s.GrownUp)); err != nil {
			return err
		}
		if err := errors.Join(s.quirks.RememberBlame(tx), s.quirks.RememberDistrust(tx)); err != nil {
			return err
		}
		if err := s.survey.RememberNames(tx); err != nil {
			return err
		}
		if len(s.UnsentFiles) > 0 {
			if err := tx.ForgetUnsentBefore(s.Now().Add(-recovery.RememberUnsent)); err != nil {
				return err
			}
		}
		if err := s.match.NoteGeneration(tx); err != nil {
			return err
		}
		if err := errors.Join(s.survey.NoteIdentity(tx, err), s.noteSeen(tx, proof), s.decide.ReleaseBrakes(tx), s.decide.ForgetRemovals(tx)); err != nil {
			return err
		}
		return tx.FinishRun(s.runID, s.Now(), outcome, proof)
	})
}
