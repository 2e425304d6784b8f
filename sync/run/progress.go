package run

import (
	"context"
	"time"

	"satchel/conflict"
	"satchel/sync/report"
)

// Phase tells what the run does now.
func (s *Run) Phase(p report.Phase) {
	s.Mu.Lock()
	s.Progress.Phase = p
	snapshot := s.Progress
	s.Mu.Unlock()
	s.Notify(snapshot)
}

// Advance reports n operations and b bytes as done.
func (s *Run) Advance(n int, b int64) {
	s.Mu.Lock()
	s.Progress.Done += n
	s.Progress.BytesDone += b
	snapshot := s.Progress
	s.Mu.Unlock()
	s.Notify(snapshot)
}

// AddConflicts puts what was settled into the report.
func (s *Run) AddConflicts(list []conflict.Conflict) {
	for _, c := range list {
		s.Rep.Conflicts = append(s.Rep.Conflicts, conflictEntry(c, s.Now().Truncate(time.Second)))
	}
}

// Graceful returns a context that outlives ctx by grace.
func Graceful(ctx context.Context) (context.Context, func()) {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(grace, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(work, func() { t.Stop() })
	})
	return work, func() {
		stop()
		cancel(nil)
	}
}

// grace is how long operations in flight may go on after a run was told to
// stop.
const grace = 5 * time.Second
