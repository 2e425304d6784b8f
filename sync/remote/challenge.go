package remote

// go-imap loses an answer that comes before it has written its own to a
// challenge, be it the next challenge, the end of the command or of the
// connection: it then waits for ever. So nothing more is read until the answer
// to a challenge is written, or given up.

// challenge notes that go-imap's next line answers a challenge of c; mu is held.
func (l *link) challenge(c *command) {
	if l.asked == nil {
		l.settled = make(chan struct{})
	}
	l.asked = c
}

// takeAsked returns the login whose challenge the next line answers, nil for
// none.
func (l *link) takeAsked() *command {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.asked
	if c != nil {
		close(l.settled)
	}
	l.asked = nil
	return c
}

// awaitAnswer waits until the challenge that go-imap was given is settled. That
// does not depend on the server.
func (l *link) awaitAnswer() {
	l.mu.Lock()
	asked, settled := l.asked, l.settled
	l.mu.Unlock()
	if asked != nil {
		<-settled
	}
}
