package sync

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// maxCycles bounds a run beside a side that never rests; what is left then is
// the next run's.
const maxCycles = 6

// session is one run on one account.
type session struct {
	*env
	req   Request
	db    *state.DB
	store *maildir.Store
	pool  *pool
	rep   *Report
	runID int64
	// restored: the Maildir is older than the state, a copy that somebody
	// brought back. What is missing there was not removed by anybody.
	restored   bool
	generation int64 // the newest known of the Maildir
	bumped     bool  // it is this run's
	start      time.Time
	braked     map[string]error // by mailbox, what a safety brake stopped
	said       map[string]bool  // notices that are this run's to tell
	unrenamed  map[string]bool  // renames that failed in this run
	// pretended are the names that a dry run goes on with, by those that the base has
	pretended map[string]string
	// What is known of names; see listed.go.
	namespaces string            // as the state has them; see [remote.Client.Namespace]
	spellings  map[string]string // of mailboxes of the base, where they are not those that satchel would choose
	otherName  map[string]bool   // mailboxes of the base that the server calls otherwise, and this run does not rename here
	notThere   map[string]bool   // mailboxes that were asked for by name, and are not there
	incomplete bool              // a list left mailboxes out, so nothing that is missing counts as removed

	compared map[string]bool     // mailboxes of which this run fetched all flags
	grown    map[string]mail.UID // UIDNEXT of the mailboxes for which removals wait, because they have got new mail
	lists    bool                // the server's lists say what its mailboxes do not

	// Later cycles ask only about mailboxes that need it.
	boxes    map[string]*remote.Mailbox    // as the first cycle listed them, with what was made since
	askAgain map[string]bool               // mailboxes that the last cycle changed, left open, or left something waiting in
	expected map[int64]maildir.Fingerprint // by row, what a folder holds if only this run changes it

	view // what the present cycle found

	named       bool                // the names that a person wrote were looked at
	alone       bool                // there is no server to ask; see offline.go
	newIdentity bool                // the account is to be remembered
	joined      map[string]*mailbox // of the last view that got so far
	open        open                // what the last cycle left

	mu    sync.Mutex // guards all below, which workers change
	sizes string     // whether RFC822.SIZE is exact; empty: not known
	// how many messages of this run were of the size that was told, and how many not; guarded by mu
	sizesRight, sizesOff int
	aside                map[asideKey]error // what the server could not give; guarded by mu
	blame                blame
	distrust             map[fault]time.Time // what the server was caught at, since when; see session.since
	put                  map[int64]*ours     // by row, what this run put on the server
	landed               map[landing]bool    // uploads and copies whose flags follow by STORE
	progress             Progress
	planned              Progress                     // the totals of what was planned, without what is not listed yet
	copied               map[string]bool              // copies on the server that this run asked for
	given                map[string]map[mail.UID]bool // by mailbox, the UIDs that APPENDUID and COPYUID named in this run
	moved                bool                         // the world moved under an operation: look again
	unheld               map[string]mail.Flags        // keywords for which a folder has no letter left
	// unlettered are the folders of which the run said that their letters cannot be read or written
	unlettered map[string]bool
	// unsentFiles are remembered: the server refused them, or does not show them.
	unsentFiles map[fileKey]*state.Unsent
	sentNow     map[int64]bool // uploads in the journal that this run was told OK to
	refusedNow  map[fileKey]bool
	limits      limits
}

func newSession(e *env, req Request, db *state.DB, store *maildir.Store, client *remote.Client, rep *Report) *session {
	return &session{env: e, req: req, db: db, store: store, rep: rep, start: e.now(), said: map[string]bool{}, expected: map[int64]maildir.Fingerprint{}, put: map[int64]*ours{}, unheld: map[string]mail.Flags{}, unlettered: map[string]bool{}, braked: map[string]error{}, notThere: map[string]bool{},
		compared: map[string]bool{}, copied: map[string]bool{}, distrust: map[fault]time.Time{},
		pool: newPool(client, e.account.Connections, newPatience(e.account.Timeout, e.sleep, e.log), e.log), progress: Progress{Account: e.account.Name}}
}

func (s *session) close() { s.pool.close() }

// run goes through cycles until both sides are quiet.
func (s *session) run(ctx context.Context) error {
	s.pool.begin(ctx)
	if !s.req.DryRun {
		if err := s.db.Update(ctx, func(tx *state.Tx) (err error) {
			s.runID, err = tx.StartRun(s.start, s.scopeOfRun())
			return err
		}); err != nil {
			return err
		}
	}
	err := errors.Join(s.recallDistrust(ctx), s.bindNames(ctx))
	if err == nil {
		err = s.cycles(ctx)
	}
	s.tellUnplaced()
	if err == nil {
		err = s.brakes()
	}
	if err == nil && s.open.here != nil {
		s.rep.Waiting = s.unsettled()
	}
	stats := s.pool.client.Stats()
	s.rep.BytesIn, s.rep.BytesOut, s.rep.RoundTrips = stats.BytesIn, stats.BytesOut, stats.RoundTrips
	if !s.req.DryRun {
		if err == nil {
			err = errors.Join(s.tidy(ctx), s.bumpGeneration())
		}
		err = errors.Join(err, s.finish(context.WithoutCancel(ctx), err))
	}
	if err == nil {
		s.phase(PhaseDone)
	}
	return err
}

func (s *session) cycles(ctx context.Context) error {
	defer s.tellLimits()
	for s.rep.Cycles = 1; ; s.rep.Cycles++ {
		s.startCycle()
		again, err := s.cycle(ctx)
		if errors.Is(err, errLookAgain) {
			s.startOver()
			s.rep.Cycles = 0
			continue
		}
		over, err := s.goOn(ctx, !again, err)
		switch {
		case over:
			s.rep.Cycles = 0
		case err != nil || !again || s.rep.Cycles == maxCycles:
			return err
		}
	}
}

// cycle looks at both sides, plans and applies once. It asks for another cycle
// when it changed anything: that one sees our own changes, confirms them, and
// moves cursors and stamps past them.
func (s *session) cycle(ctx context.Context) (again bool, err error) {
	s.begin()
	defer func() { s.ahead.wait() }()
	if err := s.look(ctx); err != nil {
		return false, err
	}
	if err := s.brakeOnDoubles(ctx); err != nil {
		return false, err
	}
	p := s.plan()
	s.halted(p)
	s.sayHeld(p)
	grown := s.grownNext(p.Ops)
	if s.req.DryRun {
		if err := s.tellPlan(ctx, p.Ops); err != nil {
			return false, err
		}
		s.tellGrown(grown)
		s.addConflicts(p.Conflicts)
		return false, nil
	}
	did, err := s.apply(ctx, p)
	if err != nil {
		return false, err
	}
	s.moved = s.moved || len(grown) > 0
	if err := s.applyTwins(ctx, p); err != nil {
		return false, err
	}
	if err := s.settle(ctx, p); err != nil {
		return false, err
	}
	if err := s.windows(ctx); err != nil {
		return false, err
	}
	s.remember(p)
	s.leftOpen(p, did || s.moved)
	return did || s.moved, nil
}

// begin empties the view.
func (s *session) begin() {
	s.view = view{messages: map[int64]*message{}}
	s.moved, s.open = false, open{}
}

// look finds out what changed on both sides since the base.
func (s *session) look(ctx context.Context) error {
	s.phase(PhaseConnect)
	if err := s.survey(ctx); err != nil {
		return err
	}
	s.phase(PhaseScan)
	for _, step := range []func(context.Context) error{
		s.askRemote, // network first: what follows is decided on one picture
		s.scanLocal,
		s.matchLocal,
		s.findStumps,
		s.recoverLocal,
		s.scanRemote,
		s.listRest,
		s.recoverRemoteFlags,
		s.confirmNowhere,
		s.findUnpaired,
		s.matchRemote,
		s.settleUploads,
		s.leaveEmpty,
		s.confirmMass,
		s.confirmCopies,
		s.releaseDetached,
		s.postponeUndescribed,
		s.keepUnshown,
		s.awaitMoves,
		s.awaitUnanswered,
		s.recoverRemoteMoves,
		s.uniteRestored,
		s.settleStumps,
		s.confirmRemoved,
		s.holdHidden,
		s.confirmVanished,
		s.findSources,
		s.findTrash,
		s.tallyRemovals,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// maxOutcome bounds what the history keeps of an error, in characters.
const maxOutcome = 1000

// finish closes the run in the history.
func (s *session) finish(ctx context.Context, err error) error {
	outcome := "ok"
	if err != nil {
		outcome = mail.Shortened(err.Error(), maxOutcome)
	} else if len(s.rep.Problems) > 0 {
		outcome = fmt.Sprintf("%d problems", len(s.rep.Problems))
	}
	proof, perr := s.conclude(ctx, err)
	if perr != nil {
		return perr
	}
	return s.db.Update(ctx, func(tx *state.Tx) error {
		if errors.Is(err, errNotThere) {
			return tx.DropRun(s.runID) // nothing was done, and it is no fault of the account
		}
		if s.sizes != "" {
			if err := tx.SetMeta(state.MetaSizes, s.sizes); err != nil {
				return err
			}
		}
		if s.rep.Level != "" {
			if err := tx.SetMeta(state.MetaLevel, s.rep.Level); err != nil {
				return err
			}
		}
		if err := errors.Join(s.noteTrash(tx), s.noteCompared(tx), tx.DropYoung(s.grownUp)); err != nil {
			return err
		}
		if err := errors.Join(s.rememberBlame(tx), s.rememberDistrust(tx)); err != nil {
			return err
		}
		if err := s.rememberNames(tx); err != nil {
			return err
		}
		if len(s.unsentFiles) > 0 {
			if err := tx.ForgetUnsentBefore(s.now().Add(-rememberUnsent)); err != nil {
				return err
			}
		}
		if err := s.noteGeneration(tx); err != nil {
			return err
		}
		if err := errors.Join(s.noteIdentity(tx, err), s.noteSeen(tx, proof), s.releaseBrakes(tx), s.forgetRemovals(tx)); err != nil {
			return err
		}
		return tx.FinishRun(s.runID, s.now(), outcome, proof)
	})
}

// phase tells what the run does now.
func (s *session) phase(p Phase) {
	s.mu.Lock()
	s.progress.Phase = p
	snapshot := s.progress
	s.mu.Unlock()
	s.notify(snapshot)
}

// advance reports n operations and b bytes as done.
func (s *session) advance(n int, b int64) {
	s.mu.Lock()
	s.progress.Done += n
	s.progress.BytesDone += b
	snapshot := s.progress
	s.mu.Unlock()
	s.notify(snapshot)
}
