package pool

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"satchel/sync/mail"
	"satchel/sync/remote"
)

const (
	// firstWait is how long a run waits for a server that asks for patience
	// without saying for how long; each further wait is twice as long.
	firstWait = time.Second
	// closedWaits is how often a connection that was closed without a word is
	// tried again. That may be one connection too many, but more often it is the
	// wrong port.
	closedWaits = 2
)

// Backoff is how long a run waits, in all, for a server that has too much to
// do. It is bounded by the time that the account allows a server to be silent:
// whoever set that will not wait longer for one that says "later" either, and
// a timer starts the next run.
type Backoff struct {
	sleep func(context.Context, time.Duration) error
	log   *slog.Logger

	mu     sync.Mutex // guards all below
	left   time.Duration
	next   time.Duration
	closed int // connections that were closed without a word
}

// NewBackoff returns a back-off that starts small and stays below timeout.
func NewBackoff(left time.Duration, sleep func(context.Context, time.Duration) error, log *slog.Logger) *Backoff {
	if left <= 0 {
		left = time.Minute
	}
	if sleep == nil {
		sleep = SleepFor
	}
	return &Backoff{sleep: sleep, log: log, left: left, next: firstWait}
}

// SleepFor waits for d or the end of ctx.
func SleepFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Wait waits for what is behind err to pass, for as long as the server asks
// for or a guess, and returns nil when it is worth another try. Otherwise it
// returns the error that ends the attempt: err itself when waiting does not help, or
// with a hint when it would take too long.
func (p *Backoff) Wait(ctx context.Context, err error) error {
	limit, asked := remote.LimitOf(err)
	if limit == remote.NoLimit || limit == remote.LimitQuota {
		return err
	}
	p.mu.Lock()
	d := asked
	if d == 0 {
		d = p.next
	}
	if d > p.left || remote.ClosedEarly(err) && p.closed >= closedWaits {
		p.mu.Unlock()
		if asked == 0 {
			return err
		}
		return &mail.Error{Op: "wait for the server", Kind: mail.KindOf(err), Err: err,
			Hint: fmt.Sprintf("the server asks to be left alone for %s; run again after that", asked.Round(time.Second))}
	}
	p.left -= d
	if asked == 0 {
		p.next *= 2
	}
	if remote.ClosedEarly(err) {
		p.closed++
	}
	p.mu.Unlock()
	p.log.Info("waiting for the server", "wait", d, "err", err)
	return p.sleep(ctx, d)
}
