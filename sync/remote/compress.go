package remote

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"io"
	"net"
)

// Compression says when a connection is compressed (RFC 4978).
type Compression string

// The values of Options.Compress.
const (
	// CompressAuto compresses what goes over a network, and neither loopback
	// nor the pipe of a tunnel, where it would only cost time.
	CompressAuto   Compression = "auto"
	CompressAlways Compression = "always" // wherever the server can
	CompressNever  Compression = "never"
)

const capCompress = "COMPRESS=DEFLATE"

// deflateLevel for what goes up. The fastest one: docs/adr has the numbers.
const deflateLevel = flate.BestSpeed

// errDeflate is what a server sends that says it compresses and does not.
var errDeflate = errors.New("the server sent what is not DEFLATE")

// worthwhile reports whether what goes to addr crosses a network. Whoever
// forwards a port of this machine to a slow line has to say so.
func (m Compression) worthwhile(addr net.Addr) bool {
	switch m {
	case CompressAlways:
		return true
	case CompressNever:
		return false
	}
	tcp, ok := addr.(*net.TCPAddr)
	return ok && !tcp.IP.IsLoopback()
}

// compressCommand asks for compression; nil when it is not wanted, not
// offered, or was asked for before. It has to be the last command of its
// flight: until it is answered no other may be sent (RFC 4978 §3). In a flight
// whose answers are awaited anyway that costs no turn of the line.
func (c *Conn) compressCommand() *command {
	if c.compressTried || !c.cl.opts.Compress.worthwhile(c.link.RemoteAddr()) || !c.has(capCompress) {
		return nil
	}
	c.compressTried = true
	return &command{line: "COMPRESS DEFLATE", free: true, compress: true}
}

// Compress turns on compression where it pays and has not been asked for, as
// [Conn.ListMailboxes] does in passing. It takes a turn of the line, so it is for
// connections with much to transfer. A server that refuses is used as it is.
func (c *Conn) Compress(ctx context.Context) error {
	defer c.guard(ctx)()
	cmd := c.compressCommand()
	if cmd == nil {
		return nil
	}
	if err := c.run("compress", "", cmd); err != nil {
		if isDead(err) {
			return err
		}
		c.log.Info("no compression", "err", err)
	}
	return nil
}

// compress puts DEFLATE between the link and the connection, both ways, from
// the byte behind the answer to COMPRESS on. It is called by the reading
// goroutine when that answer was read; what the server sent behind it is
// compressed already.
//
// The window is 32 KB and the buffers do not grow, so that data which inflates
// to a thousand times its size (a "bomb") takes no more memory than if it had
// been sent like that: lines and literals have their own bounds. Deadlines and
// counters stay below, at the network: what counts as progress, and as bytes,
// is what arrived there.
func (l *link) compress() error {
	early, _ := l.br.Peek(l.br.Buffered()) // cannot fail: it is there
	below := io.MultiReader(bytes.NewReader(bytes.Clone(early)), netReader{l})
	l.br.Reset(inflater{flate.NewReader(bufio.NewReaderSize(below, readBuffer))})
	l.wmu.Lock()
	defer l.wmu.Unlock()
	if len(l.wbuf) > 0 {
		return errors.New("a command was sent before COMPRESS was answered")
	}
	deflate, err := flate.NewWriter(netWriter{l}, deflateLevel)
	l.deflate = deflate
	return err
}

// inflater names the cause when the data are no DEFLATE.
type inflater struct{ r io.Reader }

func (i inflater) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) {
		err = errors.Join(errDeflate, err)
	}
	return n, err
}

// netWriter is the only place that writes to the network.
type netWriter struct{ l *link }

func (w netWriter) Write(p []byte) (int, error) {
	if err := w.l.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// writeDeflated compresses p and sends all of it: with the flush at its end
// (Z_SYNC_FLUSH) the server can read every command that was queued.
func (l *link) writeDeflated(deflate *flate.Writer, p []byte) error {
	if _, err := deflate.Write(p); err != nil {
		return err
	}
	return deflate.Flush()
}
