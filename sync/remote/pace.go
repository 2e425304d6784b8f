package remote

import (
	"errors"
	"time"
)

// Silence ends a connection after Options.Timeout. A server that says something
// now and then, and answers nothing, would keep a run for ever: so what goes over
// the line has to be work. Keep-alive lines are allowed for a while, for a
// search or a copy may take long.

const (
	// paceAfter is for how many timeouts a command may be waited for at any pace.
	paceAfter = 10
	// leastPace is how many bytes a second the line must carry beyond that, either
	// way: an eighth of what a modem did.
	leastPace = 512
)

var errDrips = errors.New("the server sends next to nothing and does not answer")

// pace is what went over the line since a command was answered last. It belongs
// to the reading goroutine.
type pace struct {
	waited time.Duration // in which the server was waited for
	bytes  int64         // from the server
	wrote  int64         // to it, when this began
	began  bool
}

// went notes a read, and returns an error when the server only keeps the
// connection busy.
func (p *pace) went(l *link, waited time.Duration, n int) error {
	if l.resting() {
		*p = pace{}
		return nil
	}
	if !p.began {
		p.began, p.wrote = true, l.wrote.Load()
	}
	p.waited += waited
	p.bytes += int64(n)
	if p.waited < paceAfter*l.timeout {
		return nil
	}
	if float64(p.bytes+l.wrote.Load()-p.wrote) < leastPace*p.waited.Seconds() {
		return errDrips
	}
	return nil
}

// resting reports whether nothing is asked of the server.
func (l *link) resting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending) == 0 && l.greeted
}
