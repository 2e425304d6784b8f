package remote

import (
	"io"

	"satchel/sync/remote/wire"
)

// literalReader reads one literal straight from the connection, and then the
// rest of its response.
type literalReader struct {
	l    *link
	left int64
	err  error
}

func (r *literalReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.l.br.Read(p)
	r.left -= int64(n)
	if err != nil {
		// Never io.EOF: half a message must not look like a whole one.
		r.err = r.l.fail(wire.Short(err))
		err = r.err
	}
	return n, err
}

// finish throws away what was not read. The rest of the line stays; a command
// that took a literal has read it with rest.
func (r *literalReader) finish() error {
	if r.err == nil && r.left > 0 {
		_, r.err = io.Copy(io.Discard, r)
	}
	return r.err
}

// rest reads the remainder of the response behind the literal into f. Further
// literals on the line are read into memory.
func (r *literalReader) rest(f *wire.Fetch) (ok bool, err error) {
	if err := r.finish(); err != nil {
		return false, err
	}
	l := r.l
	l.buf = l.buf[:0]
	for {
		if err := l.appendLine(); err != nil {
			r.err = wire.Short(err)
			return false, r.err
		}
		text := wire.TrimEOL(l.buf)
		lit, _, isLit := wire.TrailingLiteral(text)
		if !isLit {
			if wire.BrokenLiteral(text) {
				r.err = errLiteral
				return false, r.err
			}
			return f.ParseRest(text), nil
		}
		if int64(len(l.buf))+lit.Size > maxResponse {
			r.err = errLongLine
			return false, r.err
		}
		start := len(l.buf)
		l.buf = append(l.buf, make([]byte, lit.Size)...)
		if _, err := io.ReadFull(l.br, l.buf[start:]); err != nil {
			r.err = wire.Short(err)
			return false, r.err
		}
	}
}
