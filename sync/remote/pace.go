package remote

import (
	"errors"
	"time"

	"satchel/sync/remote/wire"
)

// Silence ends a connection after Options.Timeout. A server that says something
// now and then, and answers nothing, would keep a run for ever: so what goes over
// the line has to be work. Keep-alive lines are allowed for a while, for a
// search or a copy may take long.

const (
	// paceAfter is for how many timeouts a command may be waited for at any pace.
	paceAfter = 10
	// leastPace is how many bytes a second the line must carry beyond that, either
	// way and without what is only talk: an eighth of what a modem did.
	leastPace = 512
)

var errDrips = errors.New("the server sends next to nothing and does not answer")

// pace is what went over the line since a command was answered last. It belongs
// to the reading goroutine.
type pace struct {
	waited time.Duration // in which the server was waited for
	bytes  int64         // from the server, without talk
	wrote  int64         // to it, when this began
	began  bool
	rested bool // nothing was asked of the server when the read began
}

// begin notes that a read begins.
func (p *pace) begin(l *link, rested bool) {
	if rested || !p.began {
		*p = pace{began: true, wrote: l.wrote.Load(), rested: rested}
	}
}

// went notes how a read ended, and returns an error when the server only keeps
// the connection busy. A read that began at rest does not count: how much of it
// was after a command is not known. Silence, though, ends it a timeout after the
// last byte that was written.
func (p *pace) went(l *link, waited time.Duration, n int) error {
	if p.rested {
		*p = pace{}
		return nil
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

// talk notes a response that is no answer to any command, and so no progress
// either, however much of it there is.
func (p *pace) talk(r wire.Response) {
	switch r.Kind {
	case "OK", "NO", "BAD", "EXISTS", "RECENT", "CAPABILITY":
		p.bytes -= int64(len("* ") + len(r.Kind) + len(r.Rest) + len("\r\n"))
	}
}
