package sync_test

import (
	"context"
	"errors"
	"net"
	"sync"

	"satchel/sync/imaptest"
)

// lines makes the connections to a server, so that a test can see and break
// what goes over them, and knows when the server has done all that it was told.
type lines struct {
	dial func() (net.Conn, error)

	mu   sync.Mutex
	gate func(up bool, n int) (pass int, err error) // nil: everything passes
	dead func() error                               // asked before dialling; nil: never
	tap  func(up bool, p []byte)                    // sees what passes; nil: nobody
	wg   sync.WaitGroup
}

// through has f decide about each piece of data: of n bytes that are on their
// way up to the server or down from it, how many pass, and how that ends.
func (l *lines) through(f func(up bool, n int) (int, error), dead func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gate, l.dead = f, dead
}

// Dial is for mailsync.Account.
func (l *lines) Dial(context.Context, string, string) (net.Conn, error) {
	l.mu.Lock()
	dead := l.dead
	l.mu.Unlock()
	if dead != nil {
		if err := dead(); err != nil {
			return nil, err
		}
	}
	c, err := l.dial()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	gate := l.gate
	l.mu.Unlock()
	return &line{Conn: c, l: l, gate: gate}, nil
}

// idle waits until the server is done with every connection that was closed.
func (l *lines) idle() { l.wg.Wait() }

// line is one connection.
type line struct {
	net.Conn
	l    *lines
	gate func(up bool, n int) (int, error)
	once sync.Once
}

func (c *line) Write(p []byte) (int, error) {
	if c.gate == nil {
		return c.Conn.Write(p)
	}
	for done := 0; ; {
		n, gerr := c.gate(true, len(p)-done)
		n, err := c.Conn.Write(p[done : done+n])
		if c.l.tap != nil {
			c.l.tap(true, p[done:done+n])
		}
		done += n
		switch {
		case errors.Is(gerr, errStall):
			return len(p), nil // as the kernel takes it
		case err != nil:
			return done, err
		case gerr != nil:
			return done, gerr
		case done == len(p):
			return done, nil
		}
	}
}

func (c *line) Read(p []byte) (int, error) {
	if c.gate == nil {
		return c.Conn.Read(p)
	}
	for {
		n, err := c.Conn.Read(p)
		if n == 0 {
			return n, err
		}
		pass, gerr := c.gate(false, n)
		if c.l.tap != nil {
			c.l.tap(false, p[:pass])
		}
		if errors.Is(gerr, errStall) {
			if pass == 0 {
				continue
			}
			gerr = nil
		}
		if gerr != nil {
			err = gerr
		}
		return pass, err
	}
}

// Close ends the connection as the death of the process does.
func (c *line) Close() error {
	c.once.Do(func() { c.l.wg.Go(imaptest.Abandon(c.Conn)) })
	return nil
}
