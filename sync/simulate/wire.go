package simulate

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"satchel/sync/imaptest"
)

var errDead = errors.New("the process is dead")

// wire makes the connections to the server. Each piece that goes up or comes
// down is a step of the run.
type wire struct {
	w    *World
	dial func() (net.Conn, error)
	wg   sync.WaitGroup
}

// Dial is for mailsync.Account.
func (l *wire) Dial(context.Context, string, string) (net.Conn, error) {
	if err := l.w.trip.dead(); err != nil {
		return nil, err
	}
	c, err := l.dial()
	if err != nil {
		return nil, err
	}
	return &line{Conn: c, wire: l}, nil
}

// idle waits until the server has done all that it was told.
func (l *wire) idle() { l.wg.Wait() }

// line is one connection.
type line struct {
	net.Conn
	wire *wire
	cut  atomic.Bool
	once sync.Once
}

func (c *line) step(kind string, effect bool) error {
	if c.cut.Load() {
		return errCut
	}
	err := c.wire.w.trip.step(kind, effect)
	if errors.Is(err, errCut) {
		c.cut.Store(true)
		_ = c.Conn.Close()
	}
	return err
}

func (c *line) Write(p []byte) (int, error) {
	if err := c.step("sent", changes(p)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *line) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n == 0 {
		return n, err
	}
	if serr := c.step("received", false); serr != nil {
		return 0, serr
	}
	return n, err
}

// Close ends the connection as the death of a process does.
func (c *line) Close() error {
	c.once.Do(func() { c.wire.wg.Go(imaptest.Abandon(c.Conn)) })
	return nil
}

// changes reports whether what is sent may change something on the server:
// whether there is anything in it but whole commands that only ask.
func changes(p []byte) bool {
	for text := range strings.Lines(string(p)) {
		words := strings.Fields(text)
		if len(words) < 2 || !strings.HasSuffix(text, "\r\n") {
			return true
		}
		verb := strings.ToUpper(words[1])
		if verb == "UID" && len(words) > 2 {
			verb = strings.ToUpper(words[2])
		}
		if !slices.Contains([]string{"CAPABILITY", "LOGIN", "AUTHENTICATE", "ENABLE", "ID", "NAMESPACE", "LIST", "LSUB", "STATUS", "SELECT", "EXAMINE", "UNSELECT", "FETCH", "SEARCH", "NOOP", "IDLE", "LOGOUT", "MYRIGHTS"}, verb) {
			return true
		}
	}
	return false
}
