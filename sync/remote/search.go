package remote

import (
	"context"
	"errors"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/resync"
)

// SearchAllUIDs lists all UIDs of a mailbox, to confirm a VANISHED that is hard to
// believe. Its error is ErrIncomplete, together with the list, when that is
// shorter than the mailbox, mail.ErrUIDValidityChanged when v is another.
func (c *Conn) SearchAllUIDs(ctx context.Context, mailbox string, v mail.UIDValidity) (mail.UIDSet, error) {
	defer c.guard(ctx)()
	set, meanwhile, err := c.searchOnce(mailbox, v)
	if meanwhile && errors.Is(err, resync.ErrIncomplete) {
		// Another client removed something between EXISTS and the list, or the
		// server says so; asked again, it has nothing to explain.
		set, _, err = c.searchOnce(mailbox, v)
	}
	return set, err
}

// searchOnce lists the UIDs once, and reports whether something is said to have
// gone meanwhile.
func (c *Conn) searchOnce(mailbox string, v mail.UIDValidity) (set mail.UIDSet, meanwhile bool, err error) {
	const op = refusal.OpMessages
	// A new selection, because EXISTS of an old one may be out of date.
	sel := &selecting{mailbox: mailbox, examine: true}
	in := &resync.Inquiry{Level: resync.Plain, Sel: &sel.Opened}
	search := &command{line: resync.SearchAll(c.can().eSearch), untagged: in.Take}
	c.link.cork()
	err = c.startSelect(sel, "")
	if err == nil {
		err = c.link.begin(search)
	}
	if corkErr := c.link.uncork(); err == nil {
		err = corkErr
	}
	if err != nil {
		if mail.KindOf(err) == mail.KindMailbox {
			return nil, false, err
		}
		return nil, false, c.dead(op, mailbox, err)
	}
	for _, cmd := range []*command{sel.cmd, search} {
		if err := c.wait(cmd); err != nil {
			return nil, false, c.dead(op, mailbox, err)
		}
	}
	if err := c.settle(sel); err != nil {
		return nil, false, err
	}
	if v != 0 && sel.Cursor.UIDValidity != v {
		return nil, false, refusal.ForMailbox(op, mailbox, mail.ErrUIDValidityChanged)
	}
	if err := search.err(); err != nil {
		return nil, false, refusal.ForMailbox(op, mailbox, err)
	}
	set, meanwhile, err = in.UIDs()
	return set, meanwhile, refusal.ForMailbox(op, mailbox, err)
}
