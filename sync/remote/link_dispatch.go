package remote

import (
	"slices"
	"strings"

	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// exhausts reports whether an answer means that nothing more should be asked
// over this connection: the next command would only be refused too, and make
// the wait longer. Logins have nothing behind them.
func exhausts(c *command) bool {
	if c.login || c.status == "OK" {
		return false
	}
	limit, _ := refusal.LimitOf(c.err())
	return limit == refusal.LimitRate || limit == refusal.LimitConnections
}

// front returns the oldest command that is not answered and that a response of
// this kind may be for.
func (l *link) front(kind string) *command {
	listing := false
	switch kind {
	case "LIST", "LSUB", "STATUS", "NAMESPACE", "ID":
		listing = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.pending {
		if c.lists == listing {
			return c
		}
	}
	if len(l.pending) == 0 {
		return nil
	}
	return l.pending[0]
}

// takeUntagged gives a response to the oldest command, and to the link what
// concerns the connection.
func (l *link) takeUntagged(r wire.Response) {
	l.pace.talk(r)
	c := l.front(r.Kind)
	switch r.Kind {
	case "CAPABILITY":
		l.setCaps(wire.ParseWords(r.Rest))
		if c != nil && c.viaGoIMAP {
			l.out = append(l.out, "* CAPABILITY "+l.capsForGoIMAP()+"\r\n"...)
		}
		return
	case "BYE":
		l.takeBye(wire.ParseText(r.Rest))
	case "OK", "NO", "BAD":
		if t := wire.ParseText(r.Rest); t.Code == "ALERT" {
			l.alert(t)
		} else if t.Code == "CAPABILITY" {
			l.setCaps(wire.ParseWords(t.Args))
		}
	}
	if c == nil || c.untagged == nil {
		return
	}
	l.taking.Lock()
	defer l.taking.Unlock()
	if l.failure() == nil {
		c.untagged(r)
	}
}

// takeBye notes why the server ends the connection.
func (l *link) takeBye(t wire.Text) {
	if !slices.Contains(knownCodes(), t.Code) {
		t = l.answered(t)
	}
	show := func(text string) string { return l.answered(wire.Text{Text: text}).Text }
	l.mu.Lock()
	defer l.mu.Unlock()
	asked := make([]string, len(l.pending))
	for i, p := range l.pending {
		asked[i] = p.quotable()
	}
	l.bye = &refusal.ByeError{Code: t.Code, Text: t.Text, Show: show, Asked: asked}
}

// alert tells the user what the server insists on (RFC 3501 §7.1).
func (l *link) alert(t wire.Text) { l.log.Warn("server alert", "alert", l.answered(t).Text) }

// quiet waits until no command takes a response, now that the connection is
// dead: what commands gathered so far is then for others to read.
func (l *link) quiet() {
	l.taking.Lock()
	defer l.taking.Unlock()
}

func (l *link) takeContinuation(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.pending {
		if c.login {
			if strings.HasPrefix(c.line, "AUTHENTICATE") {
				l.challenge(c)
			}
			l.out = append(l.out, line...)
			return
		}
		if c.cont != nil && !c.continued {
			c.continued = true
			signal(c.cont)
			return
		}
	}
}

// takeTagged ends a command. Answers to tags that nobody used are dropped.
func (l *link) takeTagged(line []byte) error {
	tag, rest, _ := strings.Cut(string(wire.TrimEOL(line)), " ")
	status, text, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	status = strings.ToUpper(status)
	if status != "OK" && status != "NO" && status != "BAD" {
		return nil
	}
	l.mu.Lock()
	i := slices.IndexFunc(l.pending, func(c *command) bool { return c.tag == tag })
	if i < 0 {
		l.mu.Unlock()
		return nil
	}
	c := l.pending[i]
	// The text is how responses find their mailbox: commands must end in the
	// order in which they were sent, as they do on every known server. Dovecot
	// lists while it fetches.
	for _, earlier := range l.pending[:i] {
		if earlier.lists == c.lists && (!earlier.free || !c.free) {
			l.mu.Unlock()
			return errOutOfOrder
		}
	}
	l.pending = slices.Delete(l.pending, i, i+1)
	l.mu.Unlock()
	l.pace = pace{}

	c.status, c.text = status, wire.ParseText([]byte(text))
	if c.text.Code == "CAPABILITY" && status == "OK" {
		l.setCaps(wire.ParseWords(c.text.Args))
	}
	if status != "OK" {
		c.text = l.answered(c.text)
	}
	if c.text.Code == "ALERT" {
		l.alert(c.text)
	}
	if exhausts(c) {
		// The command stays unanswered: whoever waits is told that the
		// connection has ended, and why, and so are those behind it.
		return c.err()
	}
	if c.compress && status == "OK" {
		if err := l.compress(); err != nil {
			return err
		}
	}
	if c.viaGoIMAP {
		// With a capability list in each OK go-imap never asks for one on
		// its own, in a goroutine of its own.
		code := ""
		if status == "OK" && c.login {
			code = "[CAPABILITY " + l.capsForGoIMAP() + "] "
		}
		l.out = append(l.out, tag+" "+status+" "+code+"answered\r\n"...)
	}
	close(c.done)
	return nil
}
