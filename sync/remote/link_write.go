package remote

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"satchel/sync/remote/dial"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

const writeChunk = 64 << 10

// begin sends a command of our own.
func (l *link) begin(c *command) error {
	if l.readOnly && !onlyReads(c.line) {
		return errReadOnly
	}
	if err := l.awaitTurn(); err != nil {
		return err
	}
	l.wmu.Lock()
	defer l.wmu.Unlock()
	l.mu.Lock()
	l.tags++
	c.tag = fmt.Sprintf("X%d", l.tags)
	l.mu.Unlock()
	if err := l.register(c); err != nil {
		return err
	}
	l.wbuf = append(l.wbuf, c.tag+" "+c.line+"\r\n"...)
	l.flush()
	return nil
}

// through sends a command by calling go-imap, which keeps tag and state. What
// go-imap writes behind the tag is replaced by c.line: this is how a SELECT
// learns of QRESYNC, and how a name goes out exactly as the server spells it. A
// command of another name than that of c.line ends the connection unwritten.
func (l *link) through(c *command, call func()) error {
	if err := l.awaitTurn(); err != nil {
		return err
	}
	c.viaGoIMAP = true
	l.wmu.Lock()
	l.armed = c
	l.wmu.Unlock()
	call()
	l.takeAsked() // a challenge that it gave no answer to
	l.wmu.Lock()
	defer l.wmu.Unlock()
	if l.armed != nil {
		l.armed = nil
		if err := l.failure(); err != nil {
			return err
		}
		return l.fail(errors.New("go-imap did not send a command"))
	}
	if c.finished() {
		// go-imap waits for the answer to a login. One counts even if it was
		// the last: a server that refuses a login hangs up behind it.
		return nil
	}
	return l.failure()
}

// register notes that an answer is awaited; wmu is held.
func (l *link) register(c *command) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if name := openedBy(c.line); name != "" {
		l.opened = name
	}
	c.within = l.opened
	c.done = make(chan struct{})
	c.depth = l.received + 1
	l.turn(c.depth)
	l.pending = append(l.pending, c)
	l.renewed.Store(true)
	return l.Conn.SetReadDeadline(time.Now().Add(l.timeout))
}

// turn counts a turn of the line when depth is deeper than before. A command
// is one turn deeper than the deepest answer that was waited for before it was
// sent, so that pipelined commands share one. mu is held.
func (l *link) turn(depth int64) {
	if depth <= l.sent {
		return
	}
	by := depth - l.sent
	l.sent = depth
	l.count(func(s *Stats) {
		s.RoundTrips += by
		s.MaxRoundTrips = max(s.MaxRoundTrips, depth)
	})
}

// waited notes that what follows comes after the answer to c.
func (l *link) waited(c *command) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received = max(l.received, c.depth)
}

// goesOn notes that c was told to go on with its literal, a turn later.
func (l *link) goesOn(c *command) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received = max(l.received, c.depth)
	c.depth = l.received + 1
	l.turn(c.depth)
}

// cork holds commands back until uncork, so that a flight shares packets.
func (l *link) cork() {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	l.corked = !l.single
}

func (l *link) uncork() error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	l.corked = false
	l.flush()
	return l.failure()
}

// send queues bytes of a command begun before, a literal, and waits while too
// much is queued.
func (l *link) send(p []byte) error {
	for {
		l.wmu.Lock()
		if len(l.wbuf) < 4*writeChunk {
			l.wbuf = append(l.wbuf, p...)
			l.flush()
			l.wmu.Unlock()
			return l.failure()
		}
		l.wmu.Unlock()
		select {
		case <-l.room:
		case <-l.dead:
			return l.failure()
		}
	}
}

// flush wakes the writing goroutine; wmu is held.
func (l *link) flush() {
	if l.corked && len(l.wbuf) < writeChunk {
		return
	}
	signal(l.wake)
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// writeLoop writes what is queued, in a goroutine of its own: whoever queues
// commands must be free to take the answers, or a server that does not read
// before it has written would wait for us, and we for it.
func (l *link) writeLoop() {
	defer close(l.written)
	var out []byte
	for {
		select {
		case <-l.wake:
		case <-l.dead:
			return
		}
		l.wmu.Lock()
		out, l.wbuf = l.wbuf, out[:0]
		deflate := l.deflate
		l.wmu.Unlock()
		signal(l.room)
		var err error
		if deflate == nil || len(out) == 0 {
			err = l.write(out)
		} else {
			err = l.writeDeflated(deflate, out)
		}
		if err != nil {
			return
		}
		l.wmu.Lock()
		if len(l.wbuf) == 0 {
			signal(l.idle)
		}
		l.wmu.Unlock()
	}
}

func (l *link) write(p []byte) error {
	for len(p) > 0 {
		chunk := p[:min(len(p), writeChunk)]
		if err := l.Conn.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
			return l.fail(err)
		}
		n, err := l.Conn.Write(chunk)
		l.wrote.Add(int64(n))
		l.count(func(s *Stats) { s.BytesOut += int64(n) })
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				err = fmt.Errorf("%w (%v)", dial.ErrStalled, l.timeout)
			}
			if refusal.IsClosing(err) {
				l.awaitReason()
			}
			return l.fail(err)
		}
		p = p[n:]
		l.extendRead()
	}
	return nil
}

// lastWords is how long a write that the other end's closing made fail waits
// for the reader.
const lastWords = time.Second

// awaitReason lets the reader find out why the other end closed: what a server
// says before it hangs up (BYE, RFC 3501 §7.1.5) may not be read yet when
// writing fails, and tells more.
func (l *link) awaitReason() {
	t := time.NewTimer(lastWords)
	defer t.Stop()
	select {
	case <-l.dead:
	case <-t.C:
	}
}

// extendRead counts what was written as progress: a server says nothing
// while a large message goes up.
func (l *link) extendRead() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && len(l.pending) > 0 {
		l.renewed.Store(true)
		_ = l.Conn.SetReadDeadline(time.Now().Add(l.timeout)) // the read reports a dead connection
	}
}

// Write takes what go-imap sends. It follows lines and literals, so that it
// knows where a command begins, and enters each command with its tag.
func (l *link) Write(p []byte) (int, error) {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	l.in = append(l.in, p...)
	for len(l.in) > 0 {
		if l.literal > 0 {
			n := min(l.literal, int64(len(l.in)))
			l.wbuf = append(l.wbuf, l.in[:n]...)
			l.in = l.in[n:]
			l.literal -= n
			continue
		}
		end := bytes.IndexByte(l.in, '\n')
		if end < 0 {
			break
		}
		if err := l.writeLine(string(l.in[:end+1])); err != nil {
			return 0, err
		}
		l.in = l.in[end+1:]
	}
	l.flush()
	if err := l.failure(); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (l *link) writeLine(line string) error {
	text := strings.TrimRight(line, "\r\n")
	if asked := l.takeAsked(); asked != nil && !l.midway {
		l.goesOn(asked)
		if asked.answer != nil {
			text = asked.answer(text)
			line = text + "\r\n"
		}
	} else if !l.midway {
		tag, rest, _ := strings.Cut(text, " ")
		c := l.armed
		l.armed = nil
		if c == nil || !sameVerb(rest, c.line) {
			// Nothing goes out that was not asked for: go-imap makes COPY,
			// STORE and EXPUNGE of a MOVE, and asks for capabilities, when it
			// sees fit.
			verb, _, _ := strings.Cut(rest, " ")
			return l.fail(fmt.Errorf("go-imap was about to send %.20s, which nobody asked for", verb))
		}
		c.tag = tag
		if !c.login {
			text = tag + " " + c.line
			line = text + "\r\n"
		}
		if _, what, _ := strings.Cut(text, " "); l.readOnly && !onlyReads(what) {
			return errReadOnly
		}
		if err := l.register(c); err != nil {
			return err
		}
	}
	l.midway = false
	if lit, _, ok := wire.TrailingLiteral([]byte(text)); ok {
		l.literal, l.midway = lit.Size, true
	}
	l.wbuf = append(l.wbuf, line...)
	return nil
}

// sameVerb reports whether two commands begin alike.
func sameVerb(a, b string) bool {
	a, _, _ = strings.Cut(a, " ")
	b, _, _ = strings.Cut(b, " ")
	return strings.EqualFold(a, b)
}
