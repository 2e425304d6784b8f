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
	var weight int64
	queue := make(chan Job, len(jobs))
	for _, j := range jobs[1:] {
		queue <- j
	}
	close(queue)
	for _, j := range jobs {
		weight += j.Weight
	}
	beside := p.beside(len(jobs), weight)
	g, gctx := errgroup.WithContext(ctx)
	// A connection that is still being made when all is done is not needed.
	connecting, enough := context.WithCancel(gctx)
	defer enough()
	// work returns an error with broken set when it left a job because of its
	// connection and others may go on.
	work := func(c *remote.Conn, first bool, mine []Job) (_ *remote.Conn, broken bool, err error) {
		for j := range chain(mine, queue) {
			if gctx.Err() != nil {
				return c, false, context.Cause(gctx)
			}
			if stop.Err() != nil {
				return c, false, nil // the others may finish what they are at
			}
			if c, err = p.work(gctx, c, first, j); err == nil {
				continue
			}
			if j.Broken == nil || c == nil && first || c != nil && !p.Survives(gctx, err, first) {
				return c, false, err
			}
			j.Broken(err)
			return c, true, err
		}
		enough()
		return c, false, nil
	}
	g.Go(func() error {
		// The first job is the first connection's: as a rule it has the mailbox
		// selected.
		for mine := jobs[:1]; ; mine = nil {
			c, broken, err := work(main, true, mine)
			main = c
			if !broken {
				return err
			}
			if main, err = p.renew(gctx, err); err != nil {
				return err
			}
		}
	})
	for range beside {
		g.Go(func() error {
			c := p.take(connecting)
			if c == nil {
				return nil // the others do the work
			}
			c, broken, err := work(c, false, nil)
			if c == nil {
				return nil // there was no other to be had; the others go on
			}
			if broken {
				_ = c.Close()
				return nil // the others go on
			}
			if err != nil {
				return errors.Join(err, c.Close())
			}
			p.put(c)
			return nil
		})
	}
	return g.Wait()
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
