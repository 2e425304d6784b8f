package remote

import (
	"context"
	"errors"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
)

// Present lists all UIDs of a mailbox, to confirm a VANISHED that is hard to
// believe. Its error is ErrIncomplete, together with the list, when that is
// shorter than the mailbox, mail.ErrUIDValidityChanged when v is another.
func (c *Conn) Present(ctx context.Context, mailbox string, v mail.UIDValidity) (mail.UIDSet, error) {
	defer c.guard(ctx)()
	set, meanwhile, err := c.present(mailbox, v)
	if meanwhile && errors.Is(err, ErrIncomplete) {
		// Another client removed something between EXISTS and the list, or the
		// server says so; asked again, it has nothing to explain.
		set, _, err = c.present(mailbox, v)
	}
	return set, err
}

// present lists the UIDs once, and reports whether something is said to have
// gone meanwhile.
func (c *Conn) present(mailbox string, v mail.UIDValidity) (set mail.UIDSet, meanwhile bool, err error) {
	const op = opMessages
	// A new selection, because EXISTS of an old one may be out of date.
	sel := &selecting{mailbox: mailbox, examine: true}
	in := &inquiry{level: Plain, sel: sel}
	search := &command{line: searchAll(c), untagged: in.take}
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
	if v != 0 && sel.cursor.UIDValidity != v {
		return nil, false, refusal.ForMailbox(op, mailbox, mail.ErrUIDValidityChanged)
	}
	if err := search.err(); err != nil {
		return nil, false, refusal.ForMailbox(op, mailbox, err)
	}
	set = mail.MergeUIDs(in.present)
	meanwhile = in.expunged > 0 || len(in.vanished) > 0
	if !in.searched {
		return nil, false, refusal.ForMailbox(op, mailbox, errors.New("the server did not answer a search"))
	}
	if set.Count() < uint64(sel.cursor.Messages) {
		return set, meanwhile, refusal.ForMailbox(op, mailbox, ErrIncomplete)
	}
	return set, meanwhile, nil
}

// searchAll asks for all UIDs, as ranges where the server can (RFC 4731).
func searchAll(c *Conn) string {
	if c.Has("ESEARCH") {
		return "UID SEARCH RETURN (ALL) ALL"
	}
	return "UID SEARCH ALL"
}
