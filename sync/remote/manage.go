package remote

import (
	"context"
)

// Delete removes a mailbox with all that is in it. errors.Is(err,
// mail.ErrGone) tells of one that is not there, if the server does.
func (c *Conn) Delete(ctx context.Context, name string) error {
	defer c.guard(ctx)()
	quoted, err := c.quotedName(name)
	if err != nil {
		return err
	}
	if err := c.leave(); err != nil {
		return err
	}
	err = c.runThrough("delete mailbox", name, &command{line: "DELETE " + quoted}, func() { c.imap.Delete(name) })
	if err == nil {
		c.cl.mailboxNames().forget(name)
	}
	return err
}

// leave closes the mailbox that is selected, without expunging. Dovecot ends
// the session when the selected mailbox is deleted or renamed. The answer is
// not waited for: it comes before that of the command behind it.
func (c *Conn) leave() error {
	if c.selected.mailbox == "" {
		return nil
	}
	c.deselect("")
	line := "UNSELECT" // RFC 3691
	if !c.Has("UNSELECT") {
		c.selected.mailbox = unknownMailbox
		line = `EXAMINE "INBOX"`
	}
	if err := c.link.begin(&command{line: line}); err != nil {
		return c.dead("unselect", "", err)
	}
	return nil
}

// Rename gives a mailbox another name, and with it those below it.
func (c *Conn) Rename(ctx context.Context, from, to string) error {
	defer c.guard(ctx)()
	quotedFrom, err := c.quotedName(from)
	if err != nil {
		return err
	}
	quotedTo, err := c.quotedName(to)
	if err != nil {
		return err
	}
	if err := c.leave(); err != nil {
		return err
	}
	err = c.runThrough("rename mailbox", from, &command{line: "RENAME " + quotedFrom + " " + quotedTo},
		func() { c.imap.Rename(from, to, nil) })
	if err == nil {
		c.cl.mailboxNames().rename(from, to)
	}
	return err
}

// Subscribe puts a mailbox on the list of those that mail programs show, or
// takes it off.
func (c *Conn) Subscribe(ctx context.Context, name string, on bool) error {
	defer c.guard(ctx)()
	quoted, err := c.quotedName(name)
	if err != nil {
		return err
	}
	if on {
		return c.runThrough("subscribe", name, &command{line: "SUBSCRIBE " + quoted}, func() { c.imap.Subscribe(name) })
	}
	return c.runThrough("unsubscribe", name, &command{line: "UNSUBSCRIBE " + quoted}, func() { c.imap.Unsubscribe(name) })
}
