package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

const (
	appendWindow      = 256
	appendWindowBytes = 4 << 20
	// appendBuffer: up to this size a message is read and checked before any
	// of it is sent; larger ones are read twice.
	appendBuffer = 1 << 20
)

// AppendRequest is a message for a mailbox.
type AppendRequest struct {
	Flags mail.Flags // those that cannot be written in IMAP are left out
	Date  mail.Date  // 0: the server's present
	Size  int64      // exactly what Open will give
	// Open gives the message in the form in which the server is to hold it.
	// It may be called twice.
	Open func() (io.ReadCloser, error)
}

// Why a message cannot be appended, without the server being asked.
var (
	ErrNUL      = errors.New("message holds NUL bytes, which IMAP servers refuse or alter")
	ErrTooBig   = errors.New("message is larger than the server takes")
	ErrUnstable = errors.New("message changed while it was read")
)

// appending is an APPEND in flight.
type appending struct {
	index int
	size  int64
	cmd   *command
}

// Append puts messages into a mailbox, which need not be selected. With
// LITERAL+ they are on their way together, each as a command of its own, so
// that one refusal concerns one message; otherwise the server's consent is
// awaited for each that is not small (RFC 7888).
//
// done is called for each message in order, in the caller's goroutine. uid is
// 0 when the server does not tell (RFC 4315 §3). Once the server says that
// there is no more room, what is not on its way yet stays here, with that error.
// The error Append returns means that the connection is dead: messages for which done was not called
// may or may not be there.
func (c *Conn) Append(ctx context.Context, mailbox string, reqs []AppendRequest, done func(i int, uid mail.UID, v mail.UIDValidity, err error)) error {
	defer c.guard(ctx)()
	quoted, err := c.quotedName(mailbox)
	if err != nil {
		return err
	}
	var flight []*appending
	var inFlight int64
	var full error // why nothing more is sent
	settle := func() error {
		a := flight[0]
		flight = flight[1:]
		inFlight -= a.size
		if !a.cmd.finished() { // an answer that is there already cost no turn
			if err := c.wait(a.cmd); err != nil {
				return c.dead("append", mailbox, err)
			}
		}
		v, uid, _ := wire.ParseAppendUID(nil)
		if a.cmd.text.Code == "APPENDUID" {
			v, uid, _ = wire.ParseAppendUID(a.cmd.text.Args)
		}
		err := messageError(mailbox, a.cmd.err())
		if limit, _ := LimitOf(err); limit == LimitQuota {
			full = err
		}
		done(a.index, uid, v, err)
		return nil
	}
	for i, req := range reqs {
		for len(flight) > 0 && flight[0].cmd.finished() {
			if err := settle(); err != nil {
				return err
			}
		}
		for len(flight) >= appendWindow || len(flight) > 0 && inFlight+req.Size > appendWindowBytes {
			if err := settle(); err != nil {
				return err
			}
		}
		msg, err := (*outgoing)(nil), full
		if full == nil {
			msg, err = c.prepare(mailbox, req)
		}
		if err != nil {
			for len(flight) > 0 { // done is called in order
				if err := settle(); err != nil {
					return err
				}
			}
			done(i, 0, 0, messageError(mailbox, err))
			continue
		}
		a := &appending{index: i, size: req.Size}
		flight = append(flight, a)
		inFlight += req.Size
		if err := c.sendAppend(a, quoted, req, msg); err != nil {
			return c.dead("append", mailbox, err)
		}
	}
	for len(flight) > 0 {
		if err := settle(); err != nil {
			return err
		}
	}
	return nil
}

func messageError(mailbox string, err error) error {
	if err == nil {
		return nil
	}
	var e *mail.Error
	if errors.As(err, &e) {
		return err
	}
	return &mail.Error{Op: "append", Mailbox: mailbox, Kind: mail.KindMessage, Err: err,
		Hint: cmp.Or(limitHint(err), appendHint)}
}

const appendHint = "the file stays in the Maildir and is tried again; move it elsewhere if the server will never take it"

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

// appendLimit returns the size of the largest message that a mailbox takes
// (RFC 7889): its own limit, from STATUS, or the one of the whole server.
func (c *Conn) appendLimit(mailbox string) (int64, bool) {
	if n, ok := c.cl.mailboxLimit(mailbox); ok {
		return n, true
	}
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	for _, w := range c.link.caps {
		if v, ok := strings.CutPrefix(w, "APPENDLIMIT="); ok {
			n, err := strconv.ParseInt(v, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// sendAppend sends one command. Its error is that of the connection.
func (c *Conn) sendAppend(a *appending, quoted string, req AppendRequest, msg *outgoing) error {
	line := "APPEND " + quoted
	if flags, _ := flagList(req.Flags); flags != "()" {
		line += " " + flags
	}
	if req.Date != 0 {
		if date, ok := wire.FormatDate(req.Date); ok {
			line += " " + date
		}
	}
	line += " "
	wait := !c.Has("LITERAL+") && (!c.Has("LITERAL-") || req.Size > 4096)
	a.cmd = &command{line: line + "{" + strconv.FormatInt(req.Size, 10) + "+}"}
	if wait {
		a.cmd.line = line + "{" + strconv.FormatInt(req.Size, 10) + "}"
		a.cmd.cont = make(chan struct{}, 1)
	}
	if err := c.link.begin(a.cmd); err != nil {
		return err
	}
	if wait {
		select {
		case <-a.cmd.cont:
			c.link.goesOn(a.cmd)
		case <-a.cmd.done: // refused before the message was sent
			return nil
		case <-c.link.dead:
			return c.link.failure()
		}
	}
	if msg.data != nil {
		return c.link.send(append(msg.data, "\r\n"...))
	}
	if err := c.sendLarge(req); err != nil {
		return c.link.fail(err)
	}
	return c.link.send([]byte("\r\n"))
}

// sendLarge sends a message straight from its source. If it turns out to be
// another than the one that was checked, the connection is dropped within the
// literal, and the server drops the message.
func (c *Conn) sendLarge(req AppendRequest) error {
	r, err := req.Open()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // only read from
	buf := make([]byte, writeChunk)
	for left := req.Size; left > 0; {
		n, err := r.Read(buf[:min(left, int64(len(buf)))])
		if n > 0 {
			if err := c.link.send(buf[:n]); err != nil {
				return err
			}
			left -= int64(n)
		}
		if err != nil && left > 0 {
			if errors.Is(err, io.EOF) {
				err = ErrUnstable
			}
			return err
		}
	}
	if n, _ := r.Read(buf[:1]); n > 0 {
		return ErrUnstable
	}
	return nil
}
