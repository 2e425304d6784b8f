package remote

import (
	"errors"
)

// Pipelining is what [Client.Distrust] calls sending commands before the ones
// ahead of them are answered. A proxy may mix the answers up (RFC 3501 §5.5 lets
// a server do so only where nobody can tell); which mailbox an answer is about
// is then unknown, and the connection is given up. The next ones send one command
// at a time.
const Pipelining = "pipelining"

// OutOfOrder reports whether a connection was given up because commands were
// answered out of order. A new one may succeed.
func OutOfOrder(err error) bool { return errors.Is(err, errOutOfOrder) }

// awaitTurn waits until no command is under way, where one is sent at a time.
// That is decided when none is: the first connection of a run is made before the
// state was read that says so.
func (l *link) awaitTurn() error {
	l.mu.Lock()
	none := len(l.pending) == 0
	l.mu.Unlock()
	if !l.single && none && l.disorder() {
		l.single = true
		if err := l.uncork(); err != nil {
			return err
		}
	}
	for l.single {
		l.mu.Lock()
		err := l.err
		var last *command
		if n := len(l.pending); n > 0 {
			last = l.pending[n-1]
		}
		l.mu.Unlock()
		if err != nil || last == nil {
			return err
		}
		select {
		case <-last.done:
			l.waited(last)
		case <-l.dead:
			return l.failure()
		}
	}
	return nil
}

// window is how many commands of a flight may be under way.
func (l *link) window(most int) int {
	if l.single {
		return 1
	}
	return most
}
