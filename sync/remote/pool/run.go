package pool

import (
	"context"
	"errors"
	"iter"

	"golang.org/x/sync/errgroup"

	"satchel/sync/remote"
)

// Run does the jobs, side by side when there is enough to do, and returns the
// first error. A job's error ends the others: jobs return only errors that
// concern the whole account and note narrower ones themselves. A connection
// that breaks ends only what was done on it: see job.broken. Once stop ends, no
// further job begins.
func (p *Pool) Run(ctx, stop context.Context, jobs []Job) error {
	if len(jobs) == 0 {
		return nil
	}
	main, err := p.First(ctx)
	if err != nil {
		return err
	}
	s := &shift{p: p, stop: stop, queue: make(chan Job, len(jobs))}
	var weight int64
	for _, j := range jobs {
		weight += j.Weight
	}
	for _, j := range jobs[1:] {
		s.queue <- j
	}
	close(s.queue)
	beside := p.beside(len(jobs), weight)
	g, gctx := errgroup.WithContext(ctx)
	// A connection that is still being made when all is done is not needed.
	connecting, enough := context.WithCancel(gctx)
	defer enough()
	s.enough = enough
	g.Go(func() error { return s.first(gctx, main, jobs[0]) })
	for range beside {
		g.Go(func() error {
			if c := p.take(connecting); c != nil {
				return s.beside(gctx, c)
			}
			return nil // the others do the work
		})
	}
	return g.Wait()
}

// shift is one call of [Pool.Run]. Each connection takes jobs from the queue until it is
// empty.
type shift struct {
	p      *Pool
	stop   context.Context // when it ends, no further job begins
	queue  chan Job
	enough context.CancelFunc // says that the queue is empty
}

// first works over the first connection, and over a new one in place of one that broke.
// The first job is its own: as a rule it has the mailbox selected.
func (s *shift) first(ctx context.Context, c *remote.Conn, job Job) error {
	for mine := []Job{job}; ; mine = nil {
		_, broken, err := s.work(ctx, c, true, mine)
		if !broken {
			return err
		}
		if c, err = s.p.renew(ctx, err); err != nil {
			return err
		}
	}
}

// beside works over a further connection, until that breaks.
func (s *shift) beside(ctx context.Context, c *remote.Conn) error {
	c, broken, err := s.work(ctx, c, false, nil)
	switch {
	case c == nil: // it broke, and there was no other to be had; the others go on
		return nil
	case broken:
		_ = c.Close()
		return nil // the others go on
	case err != nil:
		return errors.Join(err, c.Close())
	}
	s.p.put(c)
	return nil
}

// work does jobs over a connection, first those that are its own, and returns the
// connection that it ended with. It returns an error with broken set when it left a job
// because of its connection and others may go on.
func (s *shift) work(ctx context.Context, c *remote.Conn, first bool, mine []Job) (_ *remote.Conn, broken bool, err error) {
	for j := range chain(mine, s.queue) {
		if ctx.Err() != nil {
			return c, false, context.Cause(ctx)
		}
		if s.stop.Err() != nil {
			return c, false, nil // the others may finish what they are at
		}
		if c, err = s.p.work(ctx, c, first, j); err == nil {
			continue
		}
		if j.Broken == nil || c == nil && first || c != nil && !s.p.Survives(ctx, err, first) {
			return c, false, err
		}
		j.Broken(err)
		return c, true, err
	}
	s.enough()
	return c, false, nil
}

// work does a job, over further connections while it narrows down at what they
// break, and returns the one that it ended with. That is nil when there is no
// other to be had beside the first one.
func (p *Pool) work(ctx context.Context, c *remote.Conn, first bool, j Job) (*remote.Conn, error) {
	for {
		err := j.Run(ctx, c)
		if err == nil || j.Narrow == nil || ctx.Err() != nil || !j.Narrow(err) {
			return c, err
		}
		p.log.Warn("connection lost", "err", err)
		if first {
			if c, err = p.renew(ctx, err); err != nil {
				return nil, err
			}
			continue
		}
		_ = c.Close() // it is broken
		if c = p.further(ctx); c == nil {
			return nil, err
		}
	}
}

// GaveUp reports whether no connection is to be had any more.
func (p *Pool) GaveUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone != nil
}

// chain yields what is in the list and then what comes from the queue.
func chain(list []Job, queue <-chan Job) iter.Seq[Job] {
	return func(yield func(Job) bool) {
		for _, j := range list {
			if !yield(j) {
				return
			}
		}
		for j := range queue {
			if !yield(j) {
				return
			}
		}
	}
}
