package remote

import (
	"context"
	"fmt"
	"strings"

	"satchel/sync/mail"
	"satchel/sync/remote/names"
	"satchel/sync/remote/refusal"
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
	err = c.runThrough(refusal.OpDelete, name, &command{line: "DELETE " + quoted}, func() { c.imap.Delete(name) })
	if err == nil {
		c.cl.mailboxNames().Forget(name)
	}
	return err
}

// DeleteEmpty removes a mailbox that holds no message, and the subscription to it. DELETE
// has no condition (RFC 3501 §6.3.4), so it follows at once on the answer that says so:
// what comes in between goes with the mailbox. errors.Is(err, mail.ErrChanged) tells of one
// that holds messages, or of which the server does not say.
func (c *Conn) DeleteEmpty(ctx context.Context, name string) error {
	quoted, err := c.quotedName(name) // Delete forgets how it is spelled
	if err != nil {
		return err
	}
	now, err := c.lastLook(ctx, name)
	switch {
	case err != nil:
		return err
	case now.UIDValidity == 0:
		return refusal.ForMailbox(refusal.OpDelete, name, fmt.Errorf("%w: the server does not say whether it is empty", mail.ErrChanged))
	case now.Messages > 0:
		return refusal.ForMailbox(refusal.OpDelete, name, fmt.Errorf("%w: it holds %d messages", mail.ErrChanged, now.Messages))
	}
	if err := c.Delete(ctx, name); err != nil {
		return err
	}
	if err := c.subscribe(ctx, name, quoted, false); isDead(err) {
		return err
	}
	return nil
}

// lastLook asks what a mailbox holds, and leaves the one that is selected.
func (c *Conn) lastLook(ctx context.Context, name string) (mail.Cursor, error) {
	defer c.guard(ctx)()
	if err := c.leave(); err != nil {
		return mail.Cursor{}, err
	}
	return c.status(refusal.OpDelete, name, "MESSAGES UIDVALIDITY")
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
	if !c.can().unselect {
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
	left := now.mailbox == unknownMailbox && mailbox == names.Inbox // see leave
	if !left && (now.mailbox != mailbox || !now.examined) {
		return nil
	}
	if c.can().unselect {
		return c.leave()
	}
	s, err := c.startChanging(mailbox)
	if err != nil {
		return err
	}
	if err := c.wait(s.cmd); err != nil {
		return c.dead(refusal.OpSelect, mailbox, err)
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
		c.cl.mailboxNames().Rename(from, to)
	}
	return err
}

// Subscribe puts a mailbox on the list of those that mail programs show, or
// takes it off. A refusal is none when the mailbox is on that list already, or
// not on it: some servers say so with NO.
func (c *Conn) Subscribe(ctx context.Context, name string, on bool) error {
	quoted, err := c.quotedName(name)
	if err != nil {
		return err
	}
	return c.subscribe(ctx, name, quoted, on)
}

func (c *Conn) subscribe(ctx context.Context, name, quoted string, on bool) error {
	defer c.guard(ctx)()
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
	if c.can().listExtended {
		line = `LIST (SUBSCRIBED) "" ` // RFC 5258 §3.1; RFC 9051 has no LSUB
	}
	if err := c.run("list subscriptions", "", li.ask(line+quoted)); err != nil {
		return false, err
	}
	for _, row := range li.lists {
		li.subbed[names.FoldINBOX(row.Name)] = row.Has(`\Subscribed`)
	}
	for name, is := range li.subbed {
		if again, ok := wire.Quote(name); ok && again == quoted && is {
			return true, nil
		}
	}
	return false, nil
}
