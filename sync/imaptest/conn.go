package imaptest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Conn is a connection as hooks see it.
type Conn struct {
	srv       *Server
	id        int
	raw       net.Conn
	stream    io.ReadWriter // raw, or TLS or DEFLATE above it; used by the serving goroutine alone
	in        *bufio.Reader // over reader{c}
	turns     *turns        // nil when the client's end counts them
	protected bool          // TLS is active or not needed
	outbox    *outbox
	gone      chan struct{} // closed by abort
	abortOnce sync.Once
	ending    bool    // LOGOUT or worse: serve no further command
	excess    bool    // one too many
	past      *Moment // what it reads from, instead of the server; nil: the server

	flushMu sync.Mutex // held from taking the output to queueing it, so that two flushes keep their order

	// Guarded by the lock of the server:
	out        output
	user       string // "" before authentication
	condstore  bool   // a CONDSTORE enabling command was seen, RFC 7162 §3.1
	qresync    bool   // ENABLE QRESYNC was seen
	sel        *selection
	compressed bool
	notify     chan struct{} // has an element when another session changed something; capacity 1
}

func newConn(s *Server, id int, raw net.Conn, stream io.ReadWriter, t *turns, protected bool) *Conn {
	c := &Conn{
		srv: s, id: id, raw: raw, stream: stream, turns: t, protected: protected,
		outbox: newOutbox(stream), gone: make(chan struct{}), notify: make(chan struct{}, 1),
	}
	c.out.whole = s.opts.Mangle != nil || s.opts.Log != nil || s.opts.Disorder
	c.in = bufio.NewReaderSize(reader{c}, 32<<10)
	return c
}

// ID numbers the connections of a server from 1.
func (c *Conn) ID() int { return c.id }

// User is the name that logged in, "" before.
func (c *Conn) User() string {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	return c.user
}

// Mailbox is the name of the selected mailbox, "" without one.
func (c *Conn) Mailbox() string {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	if c.sel == nil {
		return ""
	}
	return c.sel.box.name
}

// reader reads for the command loop and flushes before it blocks: replies to pipelined commands leave together.
type reader struct{ c *Conn }

func (r reader) Read(b []byte) (int, error) {
	r.c.flush()
	n, err := r.c.stream.Read(b)
	if n > 0 && r.c.turns != nil {
		r.c.turns.fromClient()
	}
	return n, err
}

func isBufferFull(err error) bool { return errors.Is(err, bufio.ErrBufferFull) }

// say adds one response from outside a command.
func (c *Conn) say(line string) {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.out.printf("%s", line)
}

// flush hands the collected responses to the outbox. The lock of the server must not be held.
func (c *Conn) flush() {
	c.flushMu.Lock()
	defer c.flushMu.Unlock()
	c.srv.mu.Lock()
	chunks, lines := c.out.take()
	c.srv.mu.Unlock()
	if c.srv.opts.Disorder {
		disorder(lines)
	}
	for _, line := range lines {
		if c.srv.opts.Mangle != nil {
			if line = c.srv.opts.Mangle(c, line); line == "" {
				continue
			}
		}
		c.srv.log(c, "S", forLog(line))
		chunks = append(chunks, []byte(line+"\r\n"))
	}
	c.enqueue(chunks...)
}

// disorder exchanges the last two tagged responses.
func disorder(lines []string) {
	last := -1
	for i := len(lines) - 1; i >= 0; i-- {
		switch {
		case strings.HasPrefix(lines[i], "* "), strings.HasPrefix(lines[i], "+"):
		case last < 0:
			last = i
		default:
			lines[i], lines[last] = lines[last], lines[i]
			return
		}
	}
}

func (c *Conn) enqueue(chunks ...[]byte) {
	if len(chunks) == 0 {
		return
	}
	if c.turns != nil {
		c.turns.toClient()
	}
	c.outbox.send(chunks...)
}

// forLog shortens a response with a long literal.
func forLog(line string) string {
	if len(line) > 400 && strings.Contains(line, "}\r\n") {
		return line[:200] + "[...]"
	}
	return line
}

// abort breaks the connection from any goroutine.
func (c *Conn) abort() {
	c.abortOnce.Do(func() {
		close(c.gone)
		_ = c.raw.Close()
	})
}

// serve runs the connection until its end.
func (c *Conn) serve() {
	var sender sync.WaitGroup
	sender.Go(c.outbox.run)
	greeting := "* OK "
	if c.srv.opts.Preauth {
		greeting = "* PREAUTH "
		c.user = slices.Min(slices.Collect(maps.Keys(c.srv.opts.Users)))
	}
	if !c.srv.opts.NoGreetingCaps {
		greeting += "[CAPABILITY " + c.capabilities() + "] "
	}
	switch tooMany := c.srv.opts.TooMany; {
	case c.excess && tooMany == "":
		c.ending = true
	case c.excess && strings.HasPrefix(tooMany, "* BYE"):
		c.ending = true
		c.say(tooMany)
	default:
		c.say(greeting + "imaptest ready")
	}
	for !c.ending {
		cmd, err := c.readCommand()
		if err != nil {
			if errors.Is(err, errLineTooLong) {
				c.say("* BYE Too much input")
			}
			break
		}
		c.handle(cmd)
		if c.bigOutput() {
			c.flush()
		}
	}
	c.deselect()
	c.flush()
	c.outbox.close()
	sender.Wait()
	c.srv.letGo(c)
	if t, ok := c.stream.(*tls.Conn); ok {
		_ = t.CloseWrite() // tell the client that nothing was cut off
	}
	c.abort()
}

func (c *Conn) bigOutput() bool {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	return c.out.size > 64<<10
}

func (c *Conn) deselect() {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.unselect()
}

// handle executes one command and adds its reply.
func (c *Conn) handle(cmd command) {
	c.srv.log(c, "C", cmd.line())
	if cmd.refuse != "" {
		c.say(cmd.tag + " " + cmd.refuse)
		return
	}
	c.srv.counters.command(cmd.verb)
	act := Action{}
	if c.srv.opts.Hook != nil {
		act = c.srv.opts.Hook(c, cmd.tag, cmd.verb, cmd.line())
	}
	if act.Delay > 0 {
		c.flush()
		c.sleep(act.Delay)
	}
	if act.Before != "" {
		c.flush()
		c.srv.log(c, "S", strings.TrimSuffix(act.Before, "\r\n"))
		c.enqueue([]byte(act.Before))
	}
	if act.Fault == DropBefore || act.Fault == StallBefore {
		c.fail(act.Fault)
		return
	}
	if act.Fault != NoFault {
		c.flush() // replies to the commands before this one are not part of the fault
	}
	if act.Reply != "" {
		c.say(cmd.tag + " " + act.Reply)
	} else {
		c.execute(cmd)
	}
	if act.Fault != NoFault {
		c.srv.mu.Lock()
		c.out.take()
		c.srv.mu.Unlock()
		c.fail(act.Fault)
	}
}

// fail ends a connection by a fault. What was said before is still delivered.
func (c *Conn) fail(f Fault) {
	c.ending = true
	c.flush()
	if f == StallBefore || f == StallAfter {
		_, _ = io.Copy(io.Discard, c.in)
	}
	c.outbox.drain()
	c.abort()
}

func (c *Conn) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.gone:
	}
}
