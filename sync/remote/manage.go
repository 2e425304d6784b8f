package remote

import (
	"context"
	"strings"

	"satchel/sync/remote/wire"
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

// leaveExamined sees to it that a mailbox into which messages are to go is not
// open for reading only, perhaps: Courier answers READ-ONLY then, though APPEND
// has nothing to do with what is selected (RFC 3501 §6.3.11).
func (c *Conn) leaveExamined(mailbox string) error {
	now := c.selected
	left := now.mailbox == unknownMailbox && mailbox == inboxName // see leave
	if !left && (now.mailbox != mailbox || !now.examined) {
		return nil
	}
	if c.Has("UNSELECT") {
		return c.leave()
	}
	s, err := c.startChanging(mailbox)
	if err != nil {
		return err
	}
	if err := c.wait(s.cmd); err != nil {
		return c.dead(opSelect, mailbox, err)
	}
	if err := c.settle(s); isDead(err) {
		return err
	}
	return nil // what the mailbox does not allow, APPEND is told
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
// takes it off. A refusal is none when the mailbox is on that list already, or
// not on it: some servers say so with NO.
func (c *Conn) Subscribe(ctx context.Context, name string, on bool) error {
	defer c.guard(ctx)()
	quoted, err := c.quotedName(name)
	if err != nil {
		return err
	}
	verb, call := "SUBSCRIBE ", func() { c.imap.Subscribe(name) }
	if !on {
		verb, call = "UNSUBSCRIBE ", func() { c.imap.Unsubscribe(name) }
	}
	op := strings.ToLower(strings.TrimSpace(verb))
	refused := c.runThrough(op, name, &command{line: verb + quoted}, call)
	if refused == nil || isDead(refused) {
		return refused
	}
	is, err := c.subscribed(quoted)
	switch {
	case isDead(err):
		return err
	case err != nil || is != on:
		return refused
	}
	return nil
}

// subscribed asks whether a mailbox is on the list (RFC 3501 §6.3.9).
func (c *Conn) subscribed(quoted string) (bool, error) {
	li, line := newListing(), `LSUB "" `
	if c.Has("LIST-EXTENDED") {
		line = `LIST (SUBSCRIBED) "" ` // RFC 5258 §3.1; RFC 9051 has no LSUB
	}
	if err := c.run("list subscriptions", "", li.ask(line+quoted)); err != nil {
		return false, err
	}
	for _, row := range li.lists {
		li.subbed[inboxFold(row.Name)] = row.Has(`\Subscribed`)
	}
	for name, is := range li.subbed {
		if again, ok := wire.Quote(name); ok && again == quoted && is {
			return true, nil
		}
	}
	return false, nil
}
