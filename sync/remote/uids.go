package remote

import (
	"context"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// UIDs lists the messages that a mailbox has now, as merged ranges. It is how
// an announcement that most of them vanished is confirmed, so a list that may
// not be whole is an error.
func (c *Conn) UIDs(ctx context.Context, mailbox string, v mail.UIDValidity) ([]mail.UIDRange, error) {
	const op = "list messages"
	if _, err := c.Select(ctx, mailbox, v); err != nil {
		return nil, err
	}
	defer c.guard(ctx)()
	var present []mail.UIDRange
	answered := false
	line := "UID SEARCH ALL"
	if c.Has("ESEARCH") {
		line = "UID SEARCH RETURN (ALL) ALL"
	}
	cmd := &command{line: line, untagged: func(r wire.Response) {
		parse := wire.ParseSearch
		switch r.Kind {
		case "SEARCH":
		case "ESEARCH":
			parse = wire.ParseESearch
		default:
			return
		}
		set, ok := parse(r.Rest)
		present, answered = append(present, set...), answered || ok
	}}
	if err := c.run(op, mailbox, cmd); err != nil {
		return nil, err
	}
	if !answered {
		return nil, mailboxError(op, mailbox, ErrIncomplete)
	}
	return wire.Merge(present), nil
}
