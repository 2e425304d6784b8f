package pool

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"satchel/sync/mail"
	"satchel/sync/remote"
)

// perConnection is how much work, in bytes, makes one more connection worth
// its round trips for TLS and login.
const perConnection = 2 << 20

// Pool holds the connections of a run. The first one is for asking and for
// small work; the others are made when there is much to transfer.
type Pool struct {
	Client  *remote.Client
	max     int
	Backoff *Backoff
	log     *slog.Logger

	opening chan opened        // the first connection, when it was begun in advance
	abandon context.CancelFunc // ends the making of it

	mu     sync.Mutex
	main   *remote.Conn
	extra  []*remote.Conn     // idle
	full   bool               // the server refused another one
	coming []chan struct{}    // closed when a connection made in advance is there, or not to be had
	cancel context.CancelFunc // ends the making of them
	lost   int                // connections that broke at work
	gone   error              // why there is no connection to be had any more
	alone  bool               // several at once get into each other's way: the first does all
	crowd  bool               // several are at work
	label  bool               // a change in one mailbox shows in others
	groups bool               // many messages share an APPEND

	wg sync.WaitGroup // the making of connections
}

// opened is how the making of a connection ended.
type opened struct {
	conn *remote.Conn
	err  error
}

// Job is a piece of work on one connection.
type Job struct {
	Weight int64 // bytes, roughly
	Run    func(context.Context, *remote.Conn) error
	// Broken is called when the connection broke and the pool goes on with
	// others: what the job has not noted as done is to be looked at again.
	// nil: the work ends with it.
	Broken func(error)
	// Narrow is told that the connection broke, and reports whether the job is to
	// be run again, over another one: it asks for less then. nil: it is not.
	Narrow func(error) bool
}

// New returns a pool of up to maxConns connections, none of which is made yet.
func New(client *remote.Client, maxConns int, patience *Backoff, log *slog.Logger) *Pool {
	return &Pool{Client: client, max: maxConns, Backoff: patience, log: log}
}

// Begin has the first connection made while other things are being done, which
// take several fsyncs as a rule.
func (p *Pool) Begin(ctx context.Context) {
	ctx, p.abandon = context.WithCancel(ctx)
	opening := make(chan opened, 1)
	p.opening = opening
	go func() {
		c, err := p.Client.Connect(ctx)
		opening <- opened{c, err}
	}()
}

// connect returns the connection that was begun, or makes one.
func (p *Pool) connect(ctx context.Context) (*remote.Conn, error) {
	if p.opening == nil {
		return p.Client.Connect(ctx)
	}
	select {
	case o := <-p.opening:
		p.opening = nil
		return o.conn, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// First returns the connection for asking. Only one goroutine at a time may
// use it: the session outside of run, one worker inside.
func (p *Pool) First(ctx context.Context) (*remote.Conn, error) {
	for p.main == nil {
		c, err := p.connect(ctx)
		if err == nil {
			p.main = c
			can := c.Abilities()
			p.mu.Lock()
			p.label, p.groups = can.HasLabels, can.GroupsAppends
			p.mu.Unlock()
			break
		}
		if err := p.Backoff.Wait(ctx, err); err != nil {
			return nil, p.giveUp(err)
		}
	}
	return p.main, nil
}

// giveUp notes why no connection is to be had.
func (p *Pool) giveUp(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = err
	return err
}

// maxLost is how many connections may break at work before a run gives up: a
// server that ends every connection at the same message would be asked for it
// for ever.
const maxLost = 4

// Survives reports whether work may go on after err: over the other connections
// when a further one broke, over a new one when the server asked for patience.
// When the first one just breaks, the network did, and the run ends (SPEC §2,
// exit 4): the next one finds out whether it is back.
func (p *Pool) Survives(ctx context.Context, err error, first bool) bool {
	if ctx.Err() != nil || mail.KindOf(err) != mail.KindConnection {
		return false
	}
	limit, _ := remote.LimitOf(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if remote.OutOfOrder(err) && p.gone == nil {
		p.lost++ // the next connections send one command at a time
		return true
	}
	if first && limit == remote.NoLimit || p.gone != nil || p.lost >= maxLost {
		return false
	}
	p.lost++
	if limit != remote.NoLimit {
		p.full = true // fewer connections are the least that is asked for
	}
	p.log.Warn("connection lost", "err", err)
	return true
}

// renew replaces the first connection, which broke because of err.
func (p *Pool) renew(ctx context.Context, err error) (*remote.Conn, error) {
	if limit, _ := remote.LimitOf(err); limit != remote.NoLimit {
		if err := p.Backoff.Wait(ctx, err); err != nil {
			return nil, p.giveUp(err)
		}
	}
	_ = p.main.Close() // it is broken
	p.main = nil
	return p.First(ctx)
}

// Losses counts the connections that broke at work so far.
func (p *Pool) Losses() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// Shares reports whether a change in one mailbox may show in others.
func (p *Pool) Shares() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.label
}

// GoAlone has the first connection do all work from the next jobs on.
func (p *Pool) GoAlone() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alone = true
}

// Crowded reports whether several connections are at work.
func (p *Pool) Crowded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.crowd
}

// beside returns how many further connections are to work on jobs of a weight.
func (p *Pool) beside(jobs int, weight int64) int {
	n := min(p.max-1, jobs-1, max(int(weight/perConnection), p.atHand()))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alone {
		n = 0
	}
	p.crowd = n > 0
	return n
}

// GroupsAppends reports whether many messages go up in one command.
func (p *Pool) GroupsAppends() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.groups
}

// take returns an idle connection or makes one; nil when there is none to be
// had, which is no error, since the first connection does the work then.
func (p *Pool) take(ctx context.Context) *remote.Conn {
	p.mu.Lock()
	if n := len(p.coming); n > 0 && len(p.extra) == 0 {
		coming := p.coming[n-1]
		p.coming = p.coming[:n-1] // it is this caller's
		p.mu.Unlock()
		select {
		case <-coming:
		case <-ctx.Done():
			return nil
		}
		p.mu.Lock()
	}
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
	return p.further(ctx)
}

// further makes one more connection; nil when the server refuses.
func (p *Pool) further(ctx context.Context) *remote.Conn {
	c, err := p.Client.Connect(ctx)
	if err == nil {
		err = c.Compress(ctx)
	}
	if err == nil {
		return c
	}
	if c != nil {
		_ = c.Close()
	}
	if ctx.Err() == nil {
		p.log.Info("no further connection", "err", err)
		p.mu.Lock()
		p.full = true
		p.mu.Unlock()
	}
	return nil
}

// Prepare begins to make n further connections, for work that is sure to come:
// each takes four turns of the line, in which the rest is found out and planned.
func (p *Pool) Prepare(ctx context.Context, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full || p.cancel != nil || len(p.extra) > 0 {
		return
	}
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for range min(n, p.max-1) {
		coming := make(chan struct{})
		p.coming = append(p.coming, coming)
		p.wg.Go(func() {
			defer close(coming)
			c := p.further(ctx)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.coming = slices.DeleteFunc(p.coming, func(other chan struct{}) bool { return other == coming })
			if c != nil {
				p.extra = append(p.extra, c)
			}
		})
	}
}

// atHand returns how many further connections there are, or soon will be.
func (p *Pool) atHand() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.extra) + len(p.coming)
}

func (p *Pool) put(c *remote.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.extra = append(p.extra, c)
}

// Close ends the connections. The pool makes new ones when it is asked for one.
func (p *Pool) Close() {
	if p.abandon != nil {
		p.abandon() // what was opened does not depend on it
	}
	if p.opening != nil {
		p.main, p.opening = (<-p.opening).conn, nil // nobody asked for it
	}
	p.mu.Lock()
	if p.cancel != nil {
		p.cancel()
		p.cancel, p.coming = nil, nil
	}
	p.mu.Unlock()
	p.wg.Wait() // for the connection that was being made
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

// Fatal reports whether an error ends the account, and not just what it is
// about.
func Fatal(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	switch mail.KindOf(err) {
	case mail.KindAccount, mail.KindConnection, mail.KindConfig, mail.KindBrake, mail.KindBusy:
		return true
	}
	return false
}
