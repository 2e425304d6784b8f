package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Why a message cannot be appended, without the server being asked.
var (
	ErrNUL      = errors.New("message holds NUL bytes, which IMAP servers refuse or alter")
	ErrTooBig   = errors.New("message is larger than the server takes")
	ErrUnstable = errors.New("message changed while it was read")
)

// outgoing is a message that was checked.
type outgoing struct {
	data []byte // nil: too large to hold
}

// prepare finds out everything that would be wrong with a message before its
// literal is announced. After that there is no way back but to drop the
// connection.
func (c *Conn) prepare(mailbox string, req AppendRequest) (*outgoing, error) {
	if limit, ok := c.appendLimit(mailbox); ok && req.Size > limit {
		return nil, fmt.Errorf("%w (%d bytes)", ErrTooBig, limit)
	}
	r, err := req.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // only read from
	msg := &outgoing{}
	var hold *bytes.Buffer
	scan := &nulScanner{}
	var w io.Writer = scan
	if req.Size <= appendBuffer {
		hold = bytes.NewBuffer(make([]byte, 0, req.Size))
		w = io.MultiWriter(hold, scan)
	}
	n, err := io.Copy(w, io.LimitReader(r, req.Size+1))
	switch {
	case err != nil:
		return nil, err
	case n != req.Size:
		return nil, ErrUnstable
	}
	if hold != nil {
		msg.data = hold.Bytes()
	}
	if scan.found {
		// CHAR8 has no NUL (RFC 3501 §9), and where literal8 is taken for it
		// (RFC 3516) Dovecot stores another byte in its place.
		return nil, ErrNUL
	}
	return msg, nil
}

type nulScanner struct{ found bool }

func (s *nulScanner) Write(p []byte) (int, error) {
	s.found = s.found || bytes.IndexByte(p, 0) >= 0
	return len(p), nil
}

// leastLimit is the least that is believed of a limit, in bytes: next to no
// message is smaller, so with less the server would have announced that it
// takes no mail. It is then asked by sending.
const leastLimit = 1000

// appendLimit returns the size of the largest message that a mailbox takes
// (RFC 7889): its own limit, from STATUS, or the one of the whole server. What
// cannot be meant is no limit.
func (c *Conn) appendLimit(mailbox string) (int64, bool) {
	if n, ok := c.cl.mailboxLimit(mailbox); ok {
		return n, n >= leastLimit
	}
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	for _, w := range c.link.caps {
		if v, ok := strings.CutPrefix(w, "APPENDLIMIT="); ok {
			n, err := strconv.ParseInt(v, 10, 64)
			return n, err == nil && n >= leastLimit
		}
	}
	return 0, false
}
