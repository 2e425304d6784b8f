package remote

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

const (
	// How many messages, and bytes, may be under way: in groups, one by one, and
	// one by one once there was no room for a group.
	groupWindow       = 8 * groupMessages
	appendWindow      = 256
	scarceWindow      = 16
	appendWindowBytes = 4 << 20
	// groupMessages and groupBytes bound what shares a command, which is all sent
	// again when it is refused; maxGroupLine is for servers that count the lines
	// of a command together (RFC 7162 §4 recommends to take 8,192 bytes).
	groupMessages = 128
	groupBytes    = 1 << 20
	maxGroupLine  = 8000
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

// Append puts messages into a mailbox, which need not be selected. With
// LITERAL+ they are on their way together. With MULTIAPPEND (RFC 3502) as well,
// many small ones share a command that stores all of them or none, which spares
// the server a transaction for each; those of a command that was refused are
// sent again one by one, so that one refusal concerns one message. Without
// LITERAL+ the server's consent is awaited for each that is not small (RFC 7888).
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
	if err := c.leaveExamined(mailbox); err != nil {
		return err
	}
	can := c.can()
	a := &appender{c: c, mailbox: mailbox, quoted: quoted, reqs: reqs, atOnce: can.atOnce, done: done, window: appendWindow, ends: make([]*appendEnd, len(reqs))}
	list := make([]int, len(reqs))
	for i := range list {
		list[i] = i
	}
	if can.GroupsAppends {
		a.window = groupWindow
		if list, err = a.send(list, groupMessages); err != nil {
			return err
		}
		a.window = appendWindow
		if a.full != nil { // for a group; a smaller one may fit
			a.full, a.window = nil, scarceWindow
		}
	}
	_, err = a.send(list, 1)
	return err
}

// appender is one call of [Conn.Append].
type appender struct {
	c       *Conn
	mailbox string
	quoted  string
	reqs    []AppendRequest
	atOnce  int64 // see Abilities
	done    func(i int, uid mail.UID, v mail.UIDValidity, err error)

	flight   []*appending
	messages int   // in flight
	bytes    int64 // in flight
	window   int   // how many messages may be
	full     error // why nothing more is sent
	refused  []int // messages of groups that the server did not take

	ends []*appendEnd // nil: not known yet
	told int          // done was called for so many
}

// appending is an APPEND of one message or of a group.
type appending struct {
	indices []int
	msgs    []*outgoing // until it is sent
	size    int64
	line    int // bytes beside the messages
	cmd     *command
}

// appendEnd is what became of a message.
type appendEnd struct {
	uid mail.UID
	v   mail.UIDValidity
	err error
}

// send sends the messages of the list, at most so many in a command, and takes
// all answers. It returns those that are to be sent once more, one by one.
func (a *appender) send(list []int, most int) ([]int, error) {
	a.refused = nil
	group := &appending{}
	flush := func() error {
		if len(group.indices) == 0 {
			return nil
		}
		g := group
		group = &appending{}
		return a.launch(g)
	}
	for k, i := range list {
		if a.full != nil && most > 1 {
			a.refused = slices.Concat(a.refused, group.indices, list[k:])
			group = &appending{}
			break
		}
		msg, err := (*outgoing)(nil), a.full
		if err == nil {
			msg, err = a.c.prepare(a.mailbox, a.reqs[i])
		}
		if err != nil {
			a.end(i, &appendEnd{err: messageError(a.mailbox, err)})
			continue
		}
		size, line := a.reqs[i].Size, len(appendOptions(a.reqs[i]))+len("{1048576+}\r\n")
		if msg.data == nil || len(group.indices) == most || group.size+size > groupBytes || group.line+line > maxGroupLine {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		group.indices, group.msgs = append(group.indices, i), append(group.msgs, msg)
		group.size += size
		group.line += line
		if msg.data == nil || most == 1 {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	for len(a.flight) > 0 {
		if err := a.settle(); err != nil {
			return nil, err
		}
	}
	return a.refused, nil
}

// launch sends a command once the window has room for it.
func (a *appender) launch(g *appending) error {
	for len(a.flight) > 0 && (a.flight[0].cmd.finished() ||
		a.messages+len(g.indices) > a.window || a.bytes+g.size > appendWindowBytes) {
		if err := a.settle(); err != nil {
			return err
		}
	}
	a.flight = append(a.flight, g)
	a.messages += len(g.indices)
	a.bytes += g.size
	if err := a.write(g); err != nil {
		return a.c.dead("append", a.mailbox, err)
	}
	g.msgs = nil
	return nil
}

// settle takes the oldest answer.
func (a *appender) settle() error {
	g := a.flight[0]
	a.flight = a.flight[1:]
	a.messages -= len(g.indices)
	a.bytes -= g.size
	if !g.cmd.finished() { // an answer that is there already cost no turn
		if err := a.c.wait(g.cmd); err != nil {
			return a.c.dead("append", a.mailbox, err)
		}
	}
	err := messageError(a.mailbox, g.cmd.err())
	if limit, _ := refusal.LimitOf(err); limit == refusal.LimitQuota {
		a.full = err
	}
	if err != nil && len(g.indices) > 1 {
		a.refused = append(a.refused, g.indices...)
		return nil
	}
	var v mail.UIDValidity
	var uids []mail.UID
	if g.cmd.text.Code == "APPENDUID" {
		v, uids, _ = wire.ParseAppendUID(g.cmd.text.Args, len(g.indices))
	}
	for k, i := range g.indices {
		e := &appendEnd{v: v, err: err}
		if uids != nil {
			e.uid = uids[k]
		}
		a.end(i, e)
	}
	return nil
}

// end notes what became of a message, and tells it when its turn has come.
func (a *appender) end(i int, e *appendEnd) {
	a.ends[i] = e
	for ; a.told < len(a.ends) && a.ends[a.told] != nil; a.told++ {
		e := a.ends[a.told]
		a.done(a.told, e.uid, e.v, e.err)
	}
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
		Hint: cmp.Or(refusal.Hint(err), appendHint)}
}

const appendHint = "the file stays in the Maildir and is tried again; move it elsewhere if the server will never take it"

// write sends one command. Its error is that of the connection.
func (a *appender) write(g *appending) error {
	c := a.c
	for k, i := range g.indices {
		req, msg := a.reqs[i], g.msgs[k]
		part := appendOptions(req) + "{" + strconv.FormatInt(req.Size, 10)
		wait := req.Size > a.atOnce || a.atOnce == 0
		if wait {
			part += "}"
		} else {
			part += "+}"
		}
		if k > 0 {
			if err := c.link.send([]byte(part + "\r\n")); err != nil {
				return err
			}
		} else {
			g.cmd = &command{line: "APPEND " + a.quoted + part}
			if wait {
				g.cmd.cont = make(chan struct{}, 1)
			}
			if err := c.link.begin(g.cmd); err != nil {
				return err
			}
		}
		if wait {
			select {
			case <-g.cmd.cont:
				c.link.goesOn(g.cmd)
			case <-g.cmd.done: // refused before the message was sent
				return nil
			case <-c.link.dead:
				return c.link.failure()
			}
		}
		if msg.data == nil {
			if err := c.sendLarge(req); err != nil {
				return c.link.fail(err)
			}
		} else if err := c.link.send(msg.data); err != nil {
			return err
		}
	}
	return c.link.send([]byte("\r\n"))
}

// appendOptions are the flags and the date of a message, as far as they can be
// written, with a space around each.
func appendOptions(req AppendRequest) string {
	line := " "
	if flags, _ := wire.FormatFlags(req.Flags); flags != "()" {
		line += flags + " "
	}
	if req.Date != 0 {
		if date, ok := wire.FormatDate(req.Date); ok {
			line += date + " "
		}
	}
	return line
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
