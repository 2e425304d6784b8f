package maildir

import (
	"bytes"
	"io"
)

// lineEnds watches a message in its server form go by and tells whether it can
// be kept with LF on disk: whether each LF follows a CR, the message ends with
// one, and no CR stands before the CRLF, where turning LF back into CRLF would
// not find the same bytes (SPEC §5).
type lineEnds struct {
	last   [2]byte // the last two bytes seen
	broken bool
}

func (e *lineEnds) write(p []byte) {
	if len(p) == 0 {
		return
	}
	for i := 0; !e.broken; i++ {
		n := bytes.IndexByte(p[i:], '\n')
		if n < 0 {
			break
		}
		i += n
		e.broken = e.before(p, i, 1) != '\r' || e.before(p, i, 2) == '\r'
	}
	e.last[0], e.last[1] = e.before(p, len(p), 2), e.before(p, len(p), 1)
}

// before returns the byte n positions before p[i], which may be in what was
// seen earlier.
func (e *lineEnds) before(p []byte, i, n int) byte {
	if i >= n {
		return p[i-n]
	}
	return e.last[2+i-n]
}

// convertible is the answer, once all has been seen.
func (e *lineEnds) convertible() bool { return !e.broken && e.last[1] == '\n' }

// toLF turns CRLF into LF in place and returns the shortened slice. A CR at
// the end stays: the caller sees to it that CRLF is never cut in two.
func toLF(p []byte) []byte {
	w := 0
	for r := 0; r < len(p); {
		n := bytes.IndexByte(p[r:], '\n')
		if n < 0 {
			w += copy(p[w:], p[r:])
			break
		}
		line := p[r : r+n]
		r += n + 1
		if n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		w += copy(p[w:], line)
		p[w] = '\n'
		w++
	}
	return p[:w]
}

// appendCRLF appends src to dst with CRLF for each LF.
func appendCRLF(dst, src []byte) []byte {
	for {
		n := bytes.IndexByte(src, '\n')
		if n < 0 {
			return append(dst, src...)
		}
		dst = append(append(dst, src[:n]...), '\r', '\n')
		src = src[n+1:]
	}
}

// crlfReader reads the server form of a file of LF lines.
type crlfReader struct {
	r    io.Reader
	in   []byte // room for what is read at once
	out  []byte // converted and not yet handed out
	buf  []byte // room for out
	fail error
}

// The first piece is enough for most messages, of which there may be many.
const (
	crlfFirst = 8 << 10
	crlfChunk = 32 << 10
)

func newCRLFReader(r io.Reader) *crlfReader {
	c := &crlfReader{r: r}
	c.room(crlfFirst)
	return c
}

func (c *crlfReader) room(n int) { c.in, c.buf = make([]byte, n), make([]byte, 0, 2*n) }

func (c *crlfReader) Read(p []byte) (int, error) {
	for len(c.out) == 0 {
		if c.fail != nil {
			return 0, c.fail
		}
		n, err := c.r.Read(c.in)
		c.out, c.fail = appendCRLF(c.buf[:0], c.in[:n]), err
		if n == crlfFirst {
			c.room(crlfChunk)
		}
		if len(p) == 0 {
			break
		}
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}
