package remote

import (
	"context"
	"errors"

	"satchel/sync/remote/refusal"
)

// Opens returns why a mailbox cannot be opened, or nil.
func (c *Conn) Opens(ctx context.Context, mailbox string) error {
	defer c.guard(ctx)()
	s := &selecting{mailbox: mailbox, examine: true}
	if err := c.startSelect(s, ""); err != nil {
		return err
	}
	if err := c.wait(s.cmd); err != nil {
		return c.dead(refusal.OpExamine, mailbox, err)
	}
	return c.settle(s)
}

// SaysAbsent reports whether a mailbox that cannot be opened does not exist, of
// a server that refuses in words only. It begins an APPEND, which such a
// server must refuse with TRYCREATE (RFC 3501 §6.3.11), and sends no message,
// so where the server would take one the connection is of no use afterwards.
func (c *Conn) SaysAbsent(ctx context.Context, mailbox string) (bool, error) {
	defer c.guard(ctx)()
	quoted, err := c.quotedName(mailbox)
	if err != nil {
		return false, err
	}
	cmd := &command{line: "APPEND " + quoted + " {1}", cont: make(chan struct{}, 1)}
	if err := c.link.begin(cmd); err != nil {
		return false, c.dead("append", mailbox, err)
	}
	select {
	case <-cmd.cont:
		c.link.kill(errClosed)
		return false, nil
	case <-cmd.done:
	case <-c.link.dead:
		if !cmd.finished() {
			return false, c.dead("append", mailbox, c.link.failure())
		}
	}
	var re *refusal.ResponseError
	return errors.As(cmd.err(), &re) && (re.Code == refusal.CodeTryCreate || re.Code == refusal.CodeNonExistent), nil
}
