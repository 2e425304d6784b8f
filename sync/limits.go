package sync

import (
	"context"
	"fmt"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// maxRetries is how often a run looks again at what another session held.
const maxRetries = 3

// startCycle forgets what the last cycle met. Uploads come before removals, so
// that nothing is removed of which the copy has not been made; a removal may
// then have made the room that was missing, and what is waiting is tried once more.
func (s *session) startCycle() {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.Limits.Waiting, s.Limits.Unsent = nil, 0
	if s.Limits.Full != nil && s.Rep.Counted(plan.RemoteRemove) > s.Limits.Removed {
		s.Limits.Full = nil
	}
}

// goOn decides after a cycle whether the run starts over, because a
// connection broke or because the server was to be left alone for a moment. It returns
// the error that ends the run otherwise. quiet: the cycle changed nothing.
func (s *session) goOn(ctx context.Context, quiet bool, err error) (again bool, _ error) {
	s.Mu.Lock()
	waiting := s.Limits.Waiting
	lost := s.Pool.Losses() > s.Limits.Losses
	s.Mu.Unlock()
	s.Limits.Losses = s.Pool.Losses()
	switch {
	case err != nil:
		if !s.Pool.Survives(ctx, err, true) && !s.quirks.Blames(ctx, err) {
			return false, err
		}
		s.Limits.Losses = s.Pool.Losses()
		s.Pool.Close()
		if limit, _ := remote.LimitOf(err); limit != remote.NoLimit {
			if err := s.Pool.Backoff.Wait(ctx, err); err != nil {
				return false, err
			}
		}
	case lost:
	case quiet && len(waiting) > 0 && s.Limits.Retries < maxRetries:
		s.Limits.Retries++
		if err := s.Pool.Backoff.Wait(ctx, waiting[0].Err); err != nil {
			return false, ctx.Err() // what waits is reported at the end
		}
	default:
		return false, nil
	}
	s.startOver()
	return true, nil
}

// startOver takes nothing over from the cycles before: the journal and the base
// say what was done, as they would to another run.
func (s *session) startOver() {
	s.Boxes, s.AskAgain = nil, nil
	s.Mu.Lock()
	defer s.Mu.Unlock()
	clear(s.look.Created)
	clear(s.Expected)
	s.Progress.Total, s.Progress.BytesTotal = s.Progress.Done, s.Progress.BytesDone
}

// tellLimits reports what was still refused at the end.
func (s *session) tellLimits() {
	s.Mu.Lock()
	l := s.Limits
	s.Mu.Unlock()
	for _, r := range l.Waiting {
		s.Rep.Problem(r.Mailbox, r.Message, r.Err)
	}
	if l.Unsent > 0 {
		s.Rep.Problem("", "", &mail.Error{Op: "upload", Kind: mail.KindAccount, Hint: mail.HintOf(l.Full),
			Err: fmt.Errorf("there is no room left on the server, %d messages wait: %w", l.Unsent, l.Full)})
	}
}
