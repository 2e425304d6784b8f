package apply

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/errgroup"

	"satchel/state"
	"satchel/sync/decide"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/report"
	"satchel/sync/run"
	"satchel/sync/view"
)

// applier carries out one plan. It decides nothing: when a precondition does
// not hold, it leaves the operation to the next cycle.
type applier struct {
	*Apply
	plan *plan.Plan
	did  atomic.Bool
	stop context.Context // ends when the run is to stop; what is in flight goes on for a while
	// flagsOf finds the change of flags that goes with a move on disk.
	flagsOf map[*plan.Item]*plan.Op
}

// Apply carries out the plan stage by stage, and reports whether it changed
// either side.
func (s *Apply) Apply(ctx context.Context, p *plan.Plan) (bool, error) {
	a := &applier{Apply: s, plan: p, flagsOf: map[*plan.Item]*plan.Op{}, stop: ctx}
	all := slices.DeleteFunc(slices.Clone(p.Ops), func(o plan.Op) bool { return o.Item != nil && view.Ref(o.Item).WaitsForLabel })
	s.announce(all)
	ctx, done := run.Graceful(ctx)
	defer done()
	waits, err := a.resolve(ctx)
	if err != nil {
		return a.did.Load(), err
	}
	all = slices.DeleteFunc(all, func(o plan.Op) bool { return waits[o.Item] })
	if err := a.creates(ctx, all); err != nil {
		return a.did.Load(), err
	}
	all = a.possible(all)
	if err := a.showLetters(ctx, all); err != nil {
		return a.did.Load(), err
	}
	if err := a.base(ctx, all); err != nil {
		return a.did.Load(), err
	}
	for _, stage := range []plan.Stage{plan.StageChange, plan.StageRemove} {
		ops := slices.DeleteFunc(slices.Clone(all), func(o plan.Op) bool { return o.Kind.Stage() != stage })
		if err := a.stage(ctx, ops); err != nil {
			return a.did.Load(), err
		}
		if a.stop.Err() != nil {
			return a.did.Load(), context.Cause(a.stop)
		}
	}
	err = a.deletes(ctx, all)
	return a.did.Load(), err
}

// announce tells how much there is to do. What is not listed yet is believed to
// be like what is.
func (s *Apply) announce(ops []plan.Op) {
	s.Mu.Lock()
	s.Progress.Phase = report.PhaseApply
	var messages, bytes int64
	for _, op := range ops {
		if op.Kind.Silent() {
			continue
		}
		s.planned.Total++
		if op.Kind == plan.Download || op.Kind == plan.Upload {
			messages++
			bytes += op.Item.Size
		}
	}
	s.planned.BytesTotal += bytes
	s.Progress.Total, s.Progress.BytesTotal = s.planned.Total, s.planned.BytesTotal
	for _, w := range s.Queue {
		s.Progress.Total += w.Left
		s.Progress.BytesTotal += int64(w.Left) * bytes / max(messages, 1)
	}
	snapshot := s.Progress
	s.Mu.Unlock()
	s.Notify(snapshot)
}

// stage runs the operations of one stage: the Maildir's in one lane, the
// server's on the pool, downloads through one deliverer that makes batches
// durable.
func (a *applier) stage(ctx context.Context, ops []plan.Op) error {
	if len(ops) == 0 {
		return nil
	}
	var local []*plan.Op
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d := newDeliverer(a, cancel)
	for i := range ops {
		op := &ops[i]
		if op.Kind == plan.LocalFlags {
			a.flagsOf[op.Item] = op
		}
	}
	for i := range ops {
		switch op := &ops[i]; op.Kind {
		case plan.LocalMove, plan.LocalCopy, plan.LocalFlags, plan.LocalRemove, plan.Forget:
			local = append(local, op)
		}
	}
	jobs := slices.Concat(a.laneJobs(ops), a.uploadJobs(ops), a.downloadJobs(ops, d))
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.localLane(gctx, local) })
	g.Go(func() error { return d.run(gctx) })
	g.Go(func() error {
		defer d.finish()
		return a.Pool.Run(gctx, a.stop, jobs)
	})
	err := g.Wait()
	if d.err != nil {
		return d.err // the fetching failed because of it
	}
	return err
}

// touches notes that mailboxes of the server are changed by this cycle, so
// that the next one looks at them.
func (a *applier) touches(names ...string) {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	for _, n := range names {
		if mb := a.Mailboxes[n]; mb != nil {
			mb.RemoteDirty = true
		}
	}
}

// touchesFolders notes that folders are changed by this cycle, so that their stamps are
// not taken for what was seen.
func (a *applier) touchesFolders(names ...string) {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	for _, n := range names {
		a.Mailboxes[n].LocalDirty = true
	}
}

// done counts an operation that was carried out.
func (a *applier) done(op *plan.Op) {
	if !a.completes(op) && !a.match.EndsStump(op) {
		a.Rep.Count(decide.CountedAs(op), op.Mailbox)
	}
	if !op.Kind.Silent() {
		a.did.Store(true)
	}
	var bytes int64
	if op.Kind == plan.Download || op.Kind == plan.Upload {
		bytes = op.Item.Size
	}
	a.Advance(1, bytes)
	a.Log.Debug("done", "op", op.String())
}

// leaveForLater leaves an operation for later: what led to it must be seen again. So
// must it that a message left its place on either side: it is taken for one that is
// still there otherwise, and for a new one where it is.
func (a *applier) leaveForLater(op *plan.Op) {
	places := []string{op.Mailbox, op.To}
	leftHere, leftThere := false, false
	if op.Item != nil {
		places = append(places, op.Item.Local.Mailbox, op.Item.Remote.Mailbox)
		places = append(places, view.Ref(op.Item).Home)
		leftHere, leftThere = op.Item.Local.State.Left(), op.Item.Remote.State.Left()
	}
	if !op.Kind.Remote() || leftThere {
		a.HoldCursor(places...)
	}
	if !op.Kind.Local() || leftHere {
		a.HoldStamp(places...)
	}
}

// skip leaves an operation for later, and says why.
func (a *applier) skip(op *plan.Op, err error) {
	a.leaveForLater(op)
	if errors.Is(err, errStopped) {
		return // the run says so
	}
	if errors.Is(err, mail.ErrGone) || errors.Is(err, mail.ErrChanged) || errors.Is(err, mail.ErrExists) {
		a.Mu.Lock()
		a.Moved = true
		if mb := a.Mailboxes[op.Mailbox]; mb != nil && op.Kind.Local() && errors.Is(err, mail.ErrGone) {
			mb.Overtaken = true
		}
		a.Mu.Unlock()
		a.Log.Debug("skipped", "op", op.String(), "err", err)
		return
	}
	if a.Limited(op.Mailbox, op.MessageKey(), err) {
		return
	}
	if whole := run.OfMailbox(err); whole != nil {
		a.Rep.Problem(whole.Mailbox, "", whole) // once, whatever was to be done there
		return
	}
	a.Rep.Problem(op.Mailbox, op.MessageKey(), err)
}

// broken leaves operations to a later cycle whose connection broke. Which of them
// were done is known to the journal and the base; it does no harm to hold
// what belongs to all of them.
func (a *applier) broken(ops []*plan.Op) func(error) {
	return func(err error) {
		a.skipAll(ops, errors.Join(mail.ErrChanged, err))
	}
}

// skipAll leaves operations for later that one thing keeps from being carried out.
func (a *applier) skipAll(ops []*plan.Op, err error) {
	for _, op := range ops {
		a.skip(op, err)
	}
}

// diskFull makes an error of the file system that no further message can
// escape into one that stops the account.
func diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS) {
		return &mail.Error{Op: "write the Maildir", Kind: mail.KindAccount, Err: err,
			Hint: "make room and sync again; nothing was lost"}
	}
	return err
}

// commit runs f in one durable transaction of the state.
func (a *applier) commit(ctx context.Context, f func(*state.Tx) error) error {
	// What was done must be noted, also when the run is being stopped.
	return a.DB.Update(context.WithoutCancel(ctx), f)
}
