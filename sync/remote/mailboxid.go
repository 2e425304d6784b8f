package remote

import (
	"context"

	"satchel/sync/remote/wire"
)

// MailboxIDs asks for the identities of mailboxes, which stay the same when a
// mailbox is renamed. Where OBJECTID is offered, [Conn.Overview] has them
// already. Dovecot has them, as it has those of messages, without announcing
// it: STATUS (X-GUID). What a server does not tell is not in the result.
func (c *Conn) MailboxIDs(ctx context.Context, names []string) (map[string]string, error) {
	if c.Has("OBJECTID") || !c.cl.isDovecot() || c.cl.identityRefused() || len(names) == 0 {
		return nil, nil
	}
	defer c.guard(ctx)()
	li := &listing{statuses: map[string]wire.Status{}}
	wires := make(map[string]string, len(names))
	var list []inquired
	for _, name := range names {
		w, err := c.cl.mailboxNames().toWire(name)
		if err != nil || !c.cl.asks(name) {
			continue // LIST would not have named it, or it ends the connection
		}
		quoted, ok := quotedWire(w)
		if !ok {
			continue
		}
		wires[name] = w
		list = append(list, inquired{name, &command{line: "STATUS " + quoted + " (" + itemGUID + ")", free: true, untagged: li.take}})
	}
	if err := c.askEach(opIdentity, list); err != nil {
		return nil, err
	}
	ids := make(map[string]string, len(names))
	for name, w := range wires {
		if st, ok := li.statuses[inboxFold(w)]; ok && st.MailboxID != "" {
			ids[name] = st.MailboxID
		}
	}
	return ids, nil
}

// Pretend makes this side's mailbox from, and those below it, answer to the
// name to. So a plan can go on as if the rename that it begins with had been
// carried out. It holds until the next [Conn.Overview].
func (cl *Client) Pretend(from, to string) { cl.mailboxNames().pretend(from, to) }
