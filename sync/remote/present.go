package remote

import (
	"context"
	"errors"

	"satchel/sync/mail"
)

// Present lists all UIDs of a mailbox, to confirm a VANISHED that is hard to
// believe. Its error is ErrIncomplete, together with the list, when that is
// shorter than the mailbox, mail.ErrUIDValidityChanged when v is another.
func (c *Conn) Present(ctx context.Context, mailbox string, v mail.UIDValidity) (mail.UIDSet, error) {
	const op = "list messages"
	defer c.guard(ctx)()
	// A new selection, because EXISTS of an old one may be out of date.
	sel := &selecting{mailbox: mailbox, examine: true}
	in := &inquiry{level: Plain}
	search := &command{line: searchAll(c), untagged: in.take}
	c.link.cork()
	err := c.startSelect(sel, "")
	if err == nil {
		err = c.link.begin(search)
	}
	if corkErr := c.link.uncork(); err == nil {
		err = corkErr
	}
	if err != nil {
		if mail.KindOf(err) == mail.KindMailbox {
			return nil, err
		}
		return nil, c.dead(op, mailbox, err)
	}
	for _, cmd := range []*command{sel.cmd, search} {
		if err := c.wait(cmd); err != nil {
			return nil, c.dead(op, mailbox, err)
		}
	}
	if err := c.settle(sel); err != nil {
		return nil, err
	}
	if v != 0 && sel.cursor.UIDValidity != v {
		return nil, mailboxError(op, mailbox, mail.ErrUIDValidityChanged)
	}
	if err := search.err(); err != nil {
		return nil, mailboxError(op, mailbox, err)
	}
	set := mail.MergeUIDs(in.present)
	if !in.searched {
		return nil, mailboxError(op, mailbox, errors.New("the server did not answer a search"))
	}
	if set.Count()+in.expunged < uint64(sel.cursor.Messages) {
		return set, mailboxError(op, mailbox, ErrIncomplete)
	}
	return set, nil
}

// searchAll asks for all UIDs, as ranges where the server can (RFC 4731).
func searchAll(c *Conn) string {
	if c.Has("ESEARCH") {
		return "UID SEARCH RETURN (ALL) ALL"
	}
	return "UID SEARCH ALL"
}
