package remote

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"satchel/sync/remote/dial"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

const (
	readBuffer = 64 << 10
	// maxResponse bounds what is held in memory of one response. 100,000
	// vanished messages are a line of 700 KB.
	maxResponse = 16 << 20
	// minProgress is how many bytes of a response count as progress.
	minProgress = 128
)

// link is the net.Conn that go-imap is given. go-imap's goroutine reads from
// it, and so drives [link.readResponse]: responses of our own commands are
// taken out there, and what goes on to go-imap is only what it waits for, in
// a form it cannot stumble over.
type link struct {
	net.Conn // the socket or TLS; Read, Write, Close and deadlines are ours
	timeout  time.Duration
	log      *slog.Logger
	count    func(func(*Stats))
	answered func(wire.Text) wire.Text // makes a text safe to show
	without  []string
	readOnly bool        // nothing may be changed on the server
	disorder func() bool // reports whether the server is known to answer out of order
	single   bool        // one command at a time; see disorder.go. Of the goroutine that sends

	br  *bufio.Reader // reading goroutine only, or whoever it handed a literal to
	buf []byte        // a response that is not within br
	// How long the server was waited for, and how much it sent, since it last
	// made progress.
	waiting time.Duration
	since   int
	pace    pace
	out     []byte // bytes for go-imap not yet read by it

	wrote   atomic.Int64
	renewed atomic.Bool // something was sent to the server: it may take its time anew

	greeting string // synthetic greeting after STARTTLS; see dial.go

	taking sync.Mutex // held while a command takes an untagged response; taken before mu

	mu       sync.Mutex // guards all below, up to wmu
	pending  []*command
	err      error // first error; sticks
	bye      *refusal.ByeError
	dead     chan struct{} // closed when err is set
	caps     []string
	capsSeq  int // how often caps were set
	greeted  bool
	preauth  bool
	received int64         // depth of the deepest answer that was waited for
	sent     int64         // depth of the deepest command
	asked    *command      // the login whose challenge go-imap's next line answers; see challenge.go
	settled  chan struct{} // closed when asked was answered
	tags     int
	opened   string // the name in the last SELECT or EXAMINE

	wmu     sync.Mutex // guards all below; taken before mu
	armed   *command   // the command that go-imap is about to write
	in      []byte     // from go-imap, not yet a whole line
	literal int64      // bytes of a literal go-imap is writing
	midway  bool       // go-imap is within a command, behind a literal
	corked  bool
	wbuf    []byte
	deflate *flate.Writer // once COMPRESS was answered; see compress.go
	wake    chan struct{} // there is something to write
	room    chan struct{} // something was written
	written chan struct{} // closed when the writing goroutine has ended
	idle    chan struct{} // everything queued was written
}

func newLink(conn net.Conn, cl *Client) *link {
	o := &cl.opts
	l := &link{
		Conn: conn, timeout: o.Timeout, log: o.Logger, count: cl.count, answered: cl.answered, without: o.Without, readOnly: o.ReadOnly,
		dead: make(chan struct{}),
		wake: make(chan struct{}, 1), room: make(chan struct{}, 1), written: make(chan struct{}),
		idle: make(chan struct{}, 1),
	}
	go l.writeLoop()
	l.br = bufio.NewReaderSize(netReader{l}, readBuffer)
	return l
}

// netReader is the only place that reads from the network.
type netReader struct{ l *link }

func (r netReader) Read(p []byte) (int, error) {
	l := r.l
	rested, err := l.armRead()
	if err != nil {
		return 0, err
	}
	l.pace.begin(l, rested)
	begin := time.Now()
	n, err := l.Conn.Read(p)
	waited := time.Since(begin)
	l.waiting += waited
	l.since += n
	if perr := l.pace.went(l, waited, n); err == nil {
		err = perr
	}
	if l.since >= minProgress || l.renewed.Swap(false) {
		l.progressed()
	}
	if n > 0 {
		l.count(func(s *Stats) { s.BytesIn += int64(n) })
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%w (%v)", dial.ErrStalled, l.timeout)
	}
	return n, err
}

// progressed notes that the server has made progress: so many bytes, or the end
// of a response. One that drips makes none.
func (l *link) progressed() { l.waiting, l.since = 0, 0 }

// armRead gives the server what is left of Timeout to make progress. With
// nothing asked, it is at rest and may be silent for as long as it likes.
func (l *link) armRead() (rested bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return false, l.err
	}
	if len(l.pending) > 0 || !l.greeted {
		return false, l.Conn.SetReadDeadline(time.Now().Add(max(0, l.timeout-l.waiting)))
	}
	return true, l.Conn.SetReadDeadline(time.Time{})
}

// fail makes err the reason why the connection is dead, unless it has one,
// and returns the reason.
func (l *link) fail(err error) error {
	l.mu.Lock()
	if l.err == nil {
		if l.bye != nil && refusal.IsClosing(err) {
			err = l.bye
		} else if errors.Is(err, io.EOF) {
			err = fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
		}
		l.err = err
		close(l.dead)
	}
	err = l.err
	l.mu.Unlock()
	_ = l.Conn.Close() // there is an error to report already
	return err
}

// kill is fail for those who report another error, or none.
func (l *link) kill(err error) { _ = l.fail(err) }

func (l *link) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Close is what go-imap calls when it gives up; also when it does so for a
// reason of its own.
func (l *link) Close() error {
	l.kill(errClosed)
	return nil
}

// Deadlines are the link's business: go-imap's are absolute and would end a
// large message on a slow line.

// SetDeadline does nothing.
func (l *link) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (l *link) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (l *link) SetWriteDeadline(time.Time) error { return nil }

// Read hands go-imap its next line. Everything else that arrives before is
// dealt with here.
func (l *link) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(l.out) == 0 {
		if l.greeting != "" {
			l.mu.Lock()
			l.greeted = true
			l.mu.Unlock()
			l.out, l.greeting = []byte(l.greeting), ""
			break
		}
		l.awaitAnswer()
		if err := l.readResponse(); err != nil {
			return 0, l.fail(err)
		}
	}
	n := copy(p, l.out)
	l.out = l.out[n:]
	return n, nil
}

// readResponse reads one response and gives it to whom it belongs.
func (l *link) readResponse() error {
	line, err := l.readLine()
	if err != nil {
		return err
	}
	l.progressed()
	if !l.greeted { // written only by this goroutine
		return l.takeGreeting(line)
	}
	switch {
	case line[0] == '+':
		l.takeContinuation(line)
		return nil
	case bytes.HasPrefix(line, []byte("* ")):
		return l.readUntagged(line)
	}
	return l.takeTagged(line)
}

// readLine returns a line with its end, valid until the next read.
func (l *link) readLine() ([]byte, error) {
	line, err := l.br.ReadSlice('\n')
	if err == nil {
		return line, nil
	}
	l.buf = append(l.buf[:0], line...)
	err = l.appendRest(err)
	return l.buf, err
}

// appendLine reads another line behind what is in l.buf.
func (l *link) appendLine() error {
	line, err := l.br.ReadSlice('\n')
	l.buf = append(l.buf, line...)
	return l.appendRest(err)
}

func (l *link) appendRest(err error) error {
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(l.buf) > maxResponse {
			return errLongLine
		}
		var line []byte
		line, err = l.br.ReadSlice('\n')
		l.buf = append(l.buf, line...)
	}
	if errors.Is(err, io.EOF) && len(l.buf) > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readUntagged reads the literals of a response, if any, and passes it on.
func (l *link) readUntagged(line []byte) error {
	r, ok := wire.ParseResponse(line[2:])
	if !ok {
		return nil // an empty response; nobody waits for it
	}
	if !r.IsCondition() && bytes.HasSuffix(wire.TrimEOL(line), []byte("}")) {
		taken, err := l.readLiterals(line)
		if err != nil || taken {
			return err
		}
		if r, ok = wire.ParseResponse(l.buf[2:]); !ok {
			return nil
		}
	}
	l.takeUntagged(r)
	return nil
}

// readLiterals completes a response that goes on behind a literal. Each
// literal of a FETCH is offered to the command that waits; the others are
// read into l.buf. taken means that the command dealt with the response.
func (l *link) readLiterals(line []byte) (taken bool, err error) {
	l.buf = append(l.buf[:0], line...)
	for {
		text := wire.TrimEOL(l.buf)
		lit, _, ok := wire.TrailingLiteral(text)
		if !ok {
			if wire.BrokenLiteral(text) {
				return false, errLiteral
			}
			return false, nil
		}
		if took, err := l.offerLiteral(lit); took || err != nil {
			return took, err
		}
		if int64(len(l.buf))+lit.Size > maxResponse {
			return false, errLongLine
		}
		start := len(l.buf)
		l.buf = slices.Grow(l.buf, int(lit.Size))[:start+int(lit.Size)]
		if _, err := io.ReadFull(l.br, l.buf[start:]); err != nil {
			return false, wire.Short(err)
		}
		if err := l.appendLine(); err != nil {
			return false, wire.Short(err)
		}
	}
}

// offerLiteral lets the waiting command stream a literal of a FETCH.
func (l *link) offerLiteral(lit wire.Literal) (took bool, err error) {
	c := l.front("FETCH")
	if c == nil || c.literal == nil {
		return false, nil
	}
	r, ok := wire.ParseResponse(l.buf[2:])
	if !ok || r.Kind != "FETCH" {
		return false, nil
	}
	f, ok := wire.ParseFetch(r.Rest)
	if !ok || !f.HasPending {
		return false, nil
	}
	lr := &literalReader{l: l, left: lit.Size}
	if !c.literal(&f, lr) {
		return false, nil
	}
	return true, lr.finish()
}
