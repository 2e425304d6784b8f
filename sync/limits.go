package sync

import (
	"context"
	"errors"
	"fmt"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// maxRetries is how often a run looks again at what another session held.
const maxRetries = 3

// limits is what a run knows of a server's limits. What it knows ends with
// the run: the next one asks the server again.
type limits struct {
	retries int // how often was waited for what is in waiting
	losses  int // broken connections that were seen to

	// Workers change the rest; session.mu guards it.
	waiting []refusal // of this cycle, what may pass while we wait
	full    error     // the server has no room left
	removed int       // how many messages this run had removed there when it said so
	unsent  int       // of this cycle, what waits for room
}

// refusal is a problem that is not reported yet.
type refusal struct {
	mailbox, message string
	err              error
}

// limited takes a refusal that is about a limit of the server, and reports
// whether it was one. It is told at the end of the run, if it is still true.
func (s *session) limited(mailbox, message string, err error) bool {
	limit, _ := remote.LimitOf(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch limit {
	case remote.LimitInUse, remote.LimitUnavailable:
		s.pool.goAlone() // it may be our other connections that have it locked
		s.limits.waiting = append(s.limits.waiting, refusal{mailbox, message, err})
		return true
	case remote.LimitQuota:
		s.limits.unsent++
		if s.limits.full == nil {
			s.limits.full, s.limits.removed = err, s.rep.counted(plan.RemoteRemove)
		}
		return true
	}
	return false
}

// ofMailbox returns a refusal that holds for a mailbox as a whole, as of a share
// that was revoked; nil for those that are about a message, or may be.
func ofMailbox(err error) *mail.Error {
	var re *remote.ResponseError
	var e *mail.Error
	if !errors.As(err, &re) || !errors.As(err, &e) || e.Mailbox == "" {
		return nil
	}
	if !speaksOfMailbox(re) {
		return nil
	}
	return &mail.Error{Op: "change mailbox", Mailbox: e.Mailbox, Kind: mail.KindMailbox, Err: re,
		Hint: "what was to be changed there waits; when the mailbox is not yours any more, exclude it"}
}

// speaksOfMailbox reports whether an answer is about the mailbox, and not about the
// message of the command.
func speaksOfMailbox(r *remote.ResponseError) bool {
	switch r.Code {
	case remote.CodeNoPerm, remote.CodeReadOnly, remote.CodeTryCreate, remote.CodeNonExistent:
		return true
	}
	return false
}

// crowdedOut takes a refusal that gives no reason, of what several connections
// did at once, and reports whether it was one: servers that keep mail in one
// database refuse what would have to wait. It is tried again by one connection.
func (a *applier) crowdedOut(op *plan.Op, err error) bool {
	if !a.crowds(err) {
		return false
	}
	a.pool.goAlone()
	a.skip(op, errors.Join(mail.ErrChanged, err))
	return true
}

// crowds reports whether a refusal may be due to our other connections.
func (a *applier) crowds(err error) bool {
	var re *remote.ResponseError
	limit, _ := remote.LimitOf(err)
	return errors.As(err, &re) && !re.Bad && re.Code == "" && limit == remote.NoLimit && a.pool.crowded()
}

// noRoom returns why nothing more is to be sent; nil while there is room.
// 3,000 messages are not sent to be refused one by one.
func (s *session) noRoom() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits.full
}

// startCycle forgets what the last cycle met. Uploads come before removals, so
// that nothing is removed of which the copy has not been made; a removal may
// then have made the room that was missing, and what is waiting is tried once more.
func (s *session) startCycle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits.waiting, s.limits.unsent = nil, 0
	if s.limits.full != nil && s.rep.counted(plan.RemoteRemove) > s.limits.removed {
		s.limits.full = nil
	}
}

// goOn decides after a cycle whether the run starts over, because a
// connection broke or because the server was to be left alone for a moment. It returns
// the error that ends the run otherwise. quiet: the cycle changed nothing.
func (s *session) goOn(ctx context.Context, quiet bool, err error) (again bool, _ error) {
	s.mu.Lock()
	waiting := s.limits.waiting
	lost := s.pool.losses() > s.limits.losses
	s.mu.Unlock()
	s.limits.losses = s.pool.losses()
	switch {
	case err != nil:
		if !s.pool.survives(ctx, err, true) && !s.blames(ctx, err) {
			return false, err
		}
		s.limits.losses = s.pool.losses()
		s.pool.close()
		if limit, _ := remote.LimitOf(err); limit != remote.NoLimit {
			if err := s.pool.patience.wait(ctx, err); err != nil {
				return false, err
			}
		}
	case lost:
	case quiet && len(waiting) > 0 && s.limits.retries < maxRetries:
		s.limits.retries++
		if err := s.pool.patience.wait(ctx, waiting[0].err); err != nil {
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
	s.boxes, s.askAgain = nil, nil
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.put)
	clear(s.expected)
	s.progress.Total, s.progress.BytesTotal = s.progress.Done, s.progress.BytesDone
}

// tellLimits reports what was still refused at the end.
func (s *session) tellLimits() {
	s.mu.Lock()
	l := s.limits
	s.mu.Unlock()
	for _, r := range l.waiting {
		s.rep.problem(r.mailbox, r.message, r.err)
	}
	if l.unsent > 0 {
		s.rep.problem("", "", &mail.Error{Op: "upload", Kind: mail.KindAccount, Hint: mail.HintOf(l.full),
			Err: fmt.Errorf("there is no room left on the server, %d messages wait: %w", l.unsent, l.full)})
	}
}
