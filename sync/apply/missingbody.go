package apply

import (
	"context"
	"errors"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// unsent settles what to say of messages that the server was asked for and did
// not send. RFC 3501 §6.4.8 has it pass over UIDs that are not there, without
// an error, so the likely reason is that another client removed or moved
// them since they were listed; then there is nothing to report. A message that
// the server's own list still has is one that it should have sent.
func (a *applier) unsent(ctx context.Context, c *remote.Conn, open view.ByUID[*plan.Op]) error {
	for _, name := range a.Names {
		if len(open[name]) == 0 {
			continue
		}
		present, err := c.SearchAllUIDs(ctx, name, a.Validity(a.Mailboxes[name]))
		if err != nil && pool.Fatal(ctx, err) {
			return err
		}
		for uid, op := range open[name] {
			if err == nil && !present.Contains(uid) {
				a.skip(op, mail.ErrGone)
				continue
			}
			a.setAside(op, &mail.Error{Op: "fetch", Mailbox: op.Mailbox, UID: uid, Kind: mail.KindMessage,
				Err: errors.New("the server did not send the message")})
		}
	}
	return nil
}
