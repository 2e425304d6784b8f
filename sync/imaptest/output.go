package imaptest

import (
	"fmt"
	"io"
	"sync"
)

// output collects the responses of a connection until they are flushed. Guarded by the lock of the server.
type output struct {
	whole  bool // keep responses as whole lines, for Mangle and Log
	lines  []string
	line   []byte   // with whole: the response under construction
	chunks [][]byte // without whole: what is sent, in order
	tail   []byte   // follows chunks
	size   int      // bytes held, roughly
	closed bool     // nothing more is said
}

// bigChunk is the size from which content is passed on without a copy.
const bigChunk = 2048

func (o *output) text(s string) {
	if o.closed {
		return
	}
	if o.whole {
		o.line = append(o.line, s...)
	} else {
		o.tail = append(o.tail, s...)
	}
	o.size += len(s)
}

func (o *output) bytes(b []byte) {
	if o.closed {
		return
	}
	o.size += len(b)
	switch {
	case o.whole:
		o.line = append(o.line, b...)
	case len(b) >= bigChunk:
		o.chunks = append(o.chunks, o.tail, b)
		o.tail = nil
	default:
		o.tail = append(o.tail, b...)
	}
}

func (o *output) literal(b []byte) {
	o.text(fmt.Sprintf("{%d}\r\n", len(b)))
	o.bytes(b)
}

func (o *output) end() {
	if o.closed {
		return
	}
	if o.whole {
		o.lines = append(o.lines, string(o.line))
		o.line = o.line[:0]
	} else {
		o.text("\r\n")
	}
}

// printf adds one whole response.
func (o *output) printf(format string, args ...any) {
	o.text(fmt.Sprintf(format, args...))
	o.end()
}

// take empties the output.
func (o *output) take() (chunks [][]byte, lines []string) {
	chunks, lines = o.chunks, o.lines
	if len(o.tail) > 0 {
		chunks = append(chunks, o.tail)
	}
	*o = output{whole: o.whole, closed: o.closed}
	return chunks, lines
}

// outbox sends in its own goroutine from a queue without bound. The server must go on reading while the client does not:
// a client that pipelines may read nothing before it has written everything.
type outbox struct {
	mu     sync.Mutex
	cond   *sync.Cond
	dst    io.Writer // guarded by mu, as all below; written to without it by run alone
	queue  [][]byte
	busy   bool
	closed bool
	failed bool
}

func newOutbox(dst io.Writer) *outbox {
	b := &outbox{dst: dst}
	b.cond = sync.NewCond(&b.mu)
	return b
}

func (b *outbox) send(chunks ...[]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.failed {
		return
	}
	b.queue = append(b.queue, chunks...)
	b.cond.Broadcast()
}

// drain waits until everything was sent or cannot be.
func (b *outbox) drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.failed && (b.busy || len(b.queue) > 0) {
		b.cond.Wait()
	}
}

// redirect changes the destination, once the queue is empty.
func (b *outbox) redirect(dst io.Writer) {
	b.drain()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dst = dst
}

// close lets run end when the queue is empty.
func (b *outbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.cond.Broadcast()
}

func (b *outbox) run() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for len(b.queue) == 0 {
			if b.closed {
				return
			}
			b.cond.Wait()
		}
		queue, dst := b.queue, b.dst
		b.queue, b.busy = nil, true
		b.mu.Unlock()
		err := writeAll(dst, queue)
		b.mu.Lock()
		b.busy = false
		if err != nil {
			b.failed, b.queue = true, nil
		}
		b.cond.Broadcast()
	}
}

// writeAll writes the chunks, small ones together: a chunk is one system call, or one TLS record.
func writeAll(dst io.Writer, chunks [][]byte) error {
	for len(chunks) > 0 {
		next, n := chunks[0], 1
		for n < len(chunks) && len(next)+len(chunks[n]) <= 64<<10 {
			if n == 1 {
				next = append([]byte(nil), next...)
			}
			next = append(next, chunks[n]...)
			n++
		}
		if _, err := dst.Write(next); err != nil {
			return err
		}
		chunks = chunks[n:]
	}
	if f, ok := dst.(interface{ Flush() error }); ok {
		return f.Flush()
	}
	return nil
}
