package sync

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"golang.org/x/sync/errgroup"

	"satchel/sync/mail"
	"satchel/sync/remote"
)

// perConnection is how much work, in bytes, makes one more connection worth
// its round trips for TLS and login.
const perConnection = 2 << 20

// pool holds the connections of a run. The first one is for asking and for
// small work; the others are made when there is much to transfer.
type pool struct {
	client *remote.Client
	max    int
	log    *slog.Logger

	mu    sync.Mutex
	main  *remote.Conn
	extra []*remote.Conn // idle
	full  bool           // the server refused another one
}

// job is a piece of work on one connection.
type job struct {
	weight int64 // bytes, roughly
	run    func(context.Context, *remote.Conn) error
}

func newPool(client *remote.Client, maxConns int, log *slog.Logger) *pool {
	return &pool{client: client, max: maxConns, log: log}
}

// first returns the connection for asking. Only one goroutine at a time may
// use it: the session outside of run, one worker inside.
func (p *pool) first(ctx context.Context) (*remote.Conn, error) {
	if p.main == nil {
		c, err := p.client.Connect(ctx)
		if err != nil {
			return nil, err
		}
		p.main = c
	}
	return p.main, nil
}

// run does the jobs, side by side when there is enough to do, and returns the
// first error. A job's error ends the others: jobs return only errors that
// concern the whole account and note narrower ones themselves. Once stop ends,
// no further job begins.
func (p *pool) run(ctx, stop context.Context, jobs []job) error {
	if len(jobs) == 0 {
		return nil
	}
	main, err := p.first(ctx)
	if err != nil {
		return err
	}
	var weight int64
	queue := make(chan job, len(jobs))
	for _, j := range jobs {
		weight += j.weight
		queue <- j
	}
	close(queue)
	g, gctx := errgroup.WithContext(ctx)
	work := func(c *remote.Conn) error {
		for j := range queue {
			if gctx.Err() != nil {
				return context.Cause(gctx)
			}
			if stop.Err() != nil {
				return nil // the others may finish what they are at
			}
			if err := j.run(gctx, c); err != nil {
				return err
			}
		}
		return nil
	}
	g.Go(func() error { return work(main) })
	for range min(p.max-1, len(jobs)-1, int(weight/perConnection)) {
		g.Go(func() error {
			c := p.take(gctx)
			if c == nil {
				return nil // the others do the work
			}
			if err := work(c); err != nil {
				return errors.Join(err, c.Close())
			}
			p.put(c)
			return nil
		})
	}
	return g.Wait()
}

// take returns an idle connection or makes one; nil when there is none to be
// had, which is no error, since the first connection does the work then.
func (p *pool) take(ctx context.Context) *remote.Conn {
	p.mu.Lock()
	if n := len(p.extra); n > 0 {
		c := p.extra[n-1]
		p.extra = p.extra[:n-1]
		p.mu.Unlock()
		return c
	}
	full := p.full
	p.mu.Unlock()
	if full {
		return nil
	}
	c, err := p.client.Connect(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.log.Info("no further connection", "err", err)
		}
		p.mu.Lock()
		p.full = true
		p.mu.Unlock()
		return nil
	}
	return c
}

func (p *pool) put(c *remote.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.extra = append(p.extra, c)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	var wg sync.WaitGroup
	for _, c := range append(p.extra, p.main) {
		if c != nil {
			wg.Go(func() {
				if err := c.Close(); err != nil {
					p.log.Debug("close connection", "err", err)
				}
			})
		}
	}
	wg.Wait()
	p.extra, p.main = nil, nil
}

// fatal reports whether an error ends the account, and not just what it is
// about.
func fatal(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	switch mail.KindOf(err) {
	case mail.KindAccount, mail.KindConnection, mail.KindConfig, mail.KindBrake, mail.KindBusy:
		return true
	}
	return false
}
