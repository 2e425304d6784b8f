package imaptest

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeBuffer is what one direction of a pipe holds before writes block, in bytes.
const pipeBuffer = 4 << 20

// newPipe returns the two ends of an in-memory connection. Unlike net.Pipe it buffers, as a socket does: a client
// that writes several commands before it reads must not be held up by the server's replies.
func newPipe(latency time.Duration, t *turns) (client, server net.Conn) {
	up, down := newHalf(latency), newHalf(latency)
	return &pipeEnd{in: down, out: up, turns: t}, &pipeEnd{in: up, out: down}
}

// half is one direction. Waiting is on a condition variable, which testing/synctest understands.
type half struct {
	mu      sync.Mutex
	cond    *sync.Cond
	latency time.Duration

	segments      []segment // guarded by mu, as all below
	size          int
	writerClosed  bool
	readerClosed  bool
	readDeadline  deadline
	writeDeadline deadline
}

// segment is the rest of one write; it cannot be read before its time.
type segment struct {
	data []byte
	at   time.Time
}

type deadline struct {
	at    time.Time
	timer *time.Timer
}

func newHalf(latency time.Duration) *half {
	h := &half{latency: latency}
	h.cond = sync.NewCond(&h.mu)
	return h
}

// wake makes waiters look again; the lock makes sure that none of them misses it.
func (h *half) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cond.Broadcast()
}

func (d deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (h *half) setDeadline(d *deadline, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = at
	if wait := time.Until(at); !at.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, h.wake)
	}
	h.cond.Broadcast()
}

func (h *half) read(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.readerClosed:
			return 0, net.ErrClosed
		case h.readDeadline.passed():
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case len(h.segments) > 0:
			wait := time.Duration(0)
			if h.latency > 0 {
				wait = time.Until(h.segments[0].at)
			}
			if wait <= 0 {
				return h.take(b), nil
			}
			time.AfterFunc(wait, h.wake)
		case h.writerClosed:
			return 0, io.EOF
		}
		h.cond.Wait()
	}
}

// take copies what has arrived. The caller holds mu and has seen that the first segment is due.
func (h *half) take(b []byte) int {
	n := 0
	for n < len(b) && len(h.segments) > 0 {
		s := &h.segments[0]
		if n > 0 && h.latency > 0 && time.Now().Before(s.at) {
			break
		}
		k := copy(b[n:], s.data)
		n += k
		if s.data = s.data[k:]; len(s.data) == 0 {
			h.segments[0] = segment{}
			h.segments = h.segments[1:]
		}
	}
	h.size -= n
	h.cond.Broadcast()
	return n
}

func (h *half) write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for {
		switch {
		case h.writerClosed:
			return n, net.ErrClosed
		case h.readerClosed:
			return n, io.ErrClosedPipe
		case h.writeDeadline.passed():
			return n, os.ErrDeadlineExceeded
		case n == len(b):
			return n, nil
		case h.size < pipeBuffer:
			k := min(len(b)-n, pipeBuffer-h.size)
			s := segment{data: append([]byte(nil), b[n:n+k]...)}
			if h.latency > 0 {
				s.at = time.Now().Add(h.latency)
			}
			h.segments = append(h.segments, s)
			h.size += k
			n += k
			h.cond.Broadcast()
			continue
		}
		h.cond.Wait()
	}
}

func (h *half) closeEnd(closed *bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*closed = true
	h.cond.Broadcast()
}

// pipeEnd is one end of a pipe. The client's end has turns, and there they can be counted exactly.
type pipeEnd struct {
	in, out *half
	turns   *turns
}

func (p *pipeEnd) Read(b []byte) (int, error) {
	n, err := p.in.read(b)
	if n > 0 && p.turns != nil {
		p.turns.toClient()
	}
	return n, err
}

func (p *pipeEnd) Write(b []byte) (int, error) {
	if p.turns != nil && len(b) > 0 {
		p.turns.fromClient()
	}
	return p.out.write(b)
}

func (p *pipeEnd) Close() error {
	p.in.closeEnd(&p.in.readerClosed)
	p.out.closeEnd(&p.out.writerClosed)
	return nil
}

// CloseWrite ends what this end sends and leaves the other direction open, as
// that of a socket does: the server serves what has arrived and then closes.
func (p *pipeEnd) CloseWrite() error {
	p.out.closeEnd(&p.out.writerClosed)
	return nil
}

func (p *pipeEnd) SetReadDeadline(t time.Time) error {
	p.in.setDeadline(&p.in.readDeadline, t)
	return nil
}

func (p *pipeEnd) SetWriteDeadline(t time.Time) error {
	p.out.setDeadline(&p.out.writeDeadline, t)
	return nil
}

func (p *pipeEnd) SetDeadline(t time.Time) error {
	_ = p.SetReadDeadline(t)
	return p.SetWriteDeadline(t)
}

func (*pipeEnd) LocalAddr() net.Addr  { return pipeAddr{} }
func (*pipeEnd) RemoteAddr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "imaptest" }
