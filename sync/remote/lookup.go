package remote

import (
	"context"
	"errors"

	"satchel/sync/mail"
	"satchel/sync/remote/names"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// One list proves nothing about a name: a proxy loses rows, and CREATE may
// answer OK for a name that the server does not keep apart from another one.
// Here is what is asked before a mailbox counts as missing, and after it was
// made.

// ListNames lists the mailboxes without their state, in one turn.
func (c *Conn) ListNames(ctx context.Context) ([]Mailbox, error) {
	defer c.guard(ctx)()
	li := newListing()
	li.bare = true
	extended, err := c.lists(li)
	if err != nil {
		return nil, err
	}
	return c.mailboxes(li, extended), nil
}

// Lookup asks for mailboxes by their own names, each in the spelling that it
// is known by, or would be made with. What is returned was listed under just
// that spelling. unknown are those of which the server did not say whether
// they are there.
func (c *Conn) Lookup(ctx context.Context, mailboxes []string) (found map[string]*Mailbox, unknown map[string]error, err error) {
	defer c.guard(ctx)()
	found, unknown = map[string]*Mailbox{}, map[string]error{}
	li, n := newListing(), c.cl.mailboxNames()
	asked, spelled := map[string]*command{}, map[string]string{}
	var list []inquired
	for _, name := range mailboxes {
		wireName, err := n.Expected(name)
		if err != nil {
			continue // the server cannot have it
		}
		quoted, err := names.Quote(name, wireName)
		if err != nil {
			continue
		}
		line := "LIST \"\" " + quoted
		switch {
		case !c.can().listStatus || !c.cl.asks(name):
		case c.can().listExtended:
			line += " RETURN (SUBSCRIBED STATUS (" + c.statusItems() + "))"
		default:
			line += " RETURN (STATUS (" + c.statusItems() + "))"
		}
		asked[name], spelled[name] = li.ask(line), wireName
		list = append(list, inquired{name, asked[name]})
	}
	if err := c.askEach(refusal.OpLookup, list); err != nil {
		return nil, nil, err
	}
	for name, cmd := range asked {
		if err := cmd.err(); err != nil {
			unknown[name] = refusal.ForMailbox(refusal.OpLookup, name, err)
		}
	}
	return found, unknown, c.lookedUp(li, spelled, found)
}

// lookedUp takes the rows that have just the spelling that was asked for. A
// wildcard in a name, and a server that answers with what it likes, bring
// others.
func (c *Conn) lookedUp(li *listing, spelled map[string]string, found map[string]*Mailbox) error {
	rows := make(map[string]wire.List, len(li.lists))
	for _, l := range li.lists {
		rows[l.Name] = l
	}
	var ask []Mailbox
	n := c.cl.mailboxNames()
	for name, wireName := range spelled {
		l, ok := rows[wireName]
		if !ok {
			continue
		}
		n.Learn(name, wireName)
		found[name] = &Mailbox{Name: name, Wire: wireName, Selectable: names.Selectable(l), Subscribed: l.Has(`\Subscribed`), Foreign: n.Foreign(wireName), SpecialUse: specialUse(l.Attrs)}
		if _, told := li.statuses[names.FoldINBOX(wireName)]; !told {
			ask = append(ask, *found[name])
		}
	}
	if err := c.statusFlight(li, ask); err != nil {
		return err
	}
	for _, m := range found {
		if st, ok := li.statuses[names.FoldINBOX(m.Wire)]; ok {
			m.Status, m.MailboxID = st.Cursor, st.MailboxID
		}
	}
	return nil
}

// Create makes a mailbox. existed: the server says that there is one already.
// Neither answer proves that there is one of just this name now; see
// [Conn.ListNames] and [Conn.Lookup].
func (c *Conn) Create(ctx context.Context, name string) (existed bool, err error) {
	defer c.guard(ctx)()
	quoted, err := c.quotedName(name)
	if err != nil {
		return false, err
	}
	err = c.runThrough("create mailbox", name, &command{line: "CREATE " + quoted}, func() { c.imap.Create(name, nil) })
	if err == nil || !refusal.IsResponse(err) {
		return false, err
	}
	if errors.Is(err, mail.ErrExists) {
		return true, nil
	}
	// Servers without RFC 5530 refuse in words only: ask whether it is there.
	status := c.run("status", name, &command{line: "STATUS " + quoted + " (UIDVALIDITY)"})
	if status == nil {
		return true, nil
	}
	if isDead(status) {
		return false, status
	}
	return false, err
}
