package remote

import (
	"context"

	"satchel/sync/remote/names"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// Identify asks for the identities of mailboxes, which stay the same when a
// mailbox is renamed, and fills in what the server tells. Where OBJECTID is
// offered, [Conn.ListMailboxes] has them already, but for mailboxes that are left
// out of it. Dovecot has them, as it has those of messages, without announcing
// it: STATUS (X-GUID). The UIDs say whether an identity can be believed.
func (c *Conn) Identify(ctx context.Context, boxes []*Mailbox) error {
	objectID := c.can().objectID
	item := itemMailboxID
	if !objectID {
		if item = itemGUID; !c.cl.isDovecot() || c.cl.identityRefused() {
			return nil
		}
	}
	defer c.guard(ctx)()
	li := &listing{statuses: map[string]wire.Status{}}
	var list []inquired
	for _, m := range boxes {
		told := objectID && (c.can().listStatus || c.cl.asks(m.Name))
		if quoted, ok := names.QuoteListed(m.Wire); ok && !told && !c.cl.isAside(m.Name) {
			line := "STATUS " + quoted + " (UIDNEXT UIDVALIDITY " + item + ")"
			list = append(list, inquired{m.Name, &command{line: line, free: true, untagged: li.take}})
		}
	}
	if err := c.askEach(refusal.OpIdentity, list); err != nil {
		return err
	}
	for _, m := range boxes {
		st, ok := li.statuses[names.FoldINBOX(m.Wire)]
		if !ok {
			continue
		}
		m.MailboxID = st.MailboxID
		if m.Status.UIDValidity == 0 {
			m.Status = st.Cursor
		}
	}
	return nil
}

// Pretend makes this side's mailbox from, and those below it, answer to the
// name to. So a plan can go on as if the rename that it begins with had been
// carried out. It holds until the next [Conn.ListMailboxes].
func (cl *Client) Pretend(from, to string) { cl.mailboxNames().Pretend(from, to) }
