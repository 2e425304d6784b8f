package check

import (
	"context"
	"fmt"
	"time"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/run"
	"satchel/sync/survey"
)

// server compares the base with what the server has: by UID, size, Message-ID
// and flags, and where these prove too little by content.
func (c *Checker) server(ctx context.Context) error {
	client, err := remote.New(c.RemoteOptions())
	if err != nil {
		return err
	}
	conn, err := client.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	boxes, err := conn.ListMailboxes(ctx)
	if err != nil {
		return err
	}
	if err := c.nameless(ctx, client, boxes); err != nil {
		return err
	}
	there := map[string]bool{}
	for _, b := range boxes {
		if b.Selectable && c.wanted(b.Name) {
			there[b.Name] = true
		}
	}
	if err := c.countUnpaired(ctx, boxes, there); err != nil {
		return err
	}
	doubts, err := c.compareAll(ctx, conn, there)
	if err != nil {
		return err
	}
	for _, d := range doubts {
		if err := c.resolve(ctx, conn, d); err != nil {
			return err
		}
	}
	for _, mb := range c.boxes {
		if m := c.mends[mb.ID]; m != nil && len(m.altered) > 0 && there[mb.Name] {
			if err := c.blame(ctx, conn, mb, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// countUnpaired counts what the next sync carries over with whole mailboxes: those that
// are new on the server, and those that it does not have any more.
func (c *Checker) countUnpaired(ctx context.Context, boxes []remote.Mailbox, there map[string]bool) error {
	known := map[string]bool{}
	for _, mb := range c.boxes {
		known[mb.Name] = true
		if there[mb.Name] {
			continue
		}
		n, err := c.db.Count(ctx, mb.ID)
		if err != nil {
			return err
		}
		c.rep.Waiting += n
	}
	for _, b := range boxes {
		if there[b.Name] && !known[b.Name] {
			c.rep.Waiting += 1 + int(b.Status.Messages)
		}
	}
	return nil
}

// compareAll compares the mailboxes that are on the server, and returns what only content
// decides.
func (c *Checker) compareAll(ctx context.Context, conn *remote.Conn, there map[string]bool) (doubts []*doubt, err error) {
	var reqs []remote.ResyncRequest
	of := map[string]*state.Mailbox{}
	for _, mb := range c.boxes {
		if there[mb.Name] {
			of[mb.Name] = mb
			reqs = append(reqs, remote.ResyncRequest{Mailbox: mb.Name, ReadOnly: true, ListNew: true, MessageIDs: mail.UIDSet{{Start: 1, Stop: mail.MaxUID}}})
		}
	}
	err = conn.Resync(ctx, reqs, func(ch *remote.Changes) error {
		mb := of[ch.Mailbox]
		if mb == nil {
			return nil
		}
		d := &doubt{mb: mb, validity: ch.Cursor.UIDValidity}
		if err := c.compare(ctx, d, ch); err != nil {
			return err
		}
		if len(d.certain)+len(d.sizes) > 0 {
			doubts = append(doubts, d)
		}
		return nil
	})
	return doubts, err
}

// nameless names what cannot be compared for want of a name: mailboxes of the
// server that have none here, and folders that the server cannot have, or
// takes for another mailbox.
func (c *Checker) nameless(ctx context.Context, client *remote.Client, boxes []remote.Mailbox) error {
	for _, out := range client.LeftOut() {
		if c.wanted(out.Name) {
			c.leftOut(out.Text, out.Why)
		}
	}
	there := map[string]*remote.Mailbox{}
	for i := range boxes {
		there[boxes[i].Name] = &boxes[i]
		if _, err := c.store.Dir(boxes[i].Name); err != nil && boxes[i].Selectable && c.wanted(boxes[i].Name) {
			c.leftOut(boxes[i].Name, err.Error())
		}
	}
	known := map[run.Fault]time.Time{}
	list, err := c.db.Distrusts(ctx)
	if err != nil {
		return err
	}
	for _, d := range list {
		known[run.Fault{Mailbox: d.Mailbox, What: d.Fault}] = d.Since
	}
	for _, name := range c.newOnDisk {
		if there[name] != nil {
			continue
		}
		err := client.Nameable(name)
		if err == nil {
			err = survey.KnownAlias(known, time.Time{}, there, name)
		}
		if err != nil {
			c.leftOut(name, err.Error())
		}
	}
	return nil
}

// compare holds what the server lists of a mailbox against its rows.
func (c *Checker) compare(ctx context.Context, d *doubt, ch *remote.Changes) error {
	mb := d.mb
	switch {
	case ch.Err != nil:
		c.mend(mb).altered = nil // found, but not to be mended now
		c.found(FoundUnopened, mb, nil, "the server does not open it: %v", ch.Err)
		return nil
	case mb.Cursor.UIDValidity != 0 && ch.Cursor.UIDValidity != mb.Cursor.UIDValidity:
		c.mend(mb).altered = nil
		c.rep.Waiting += len(ch.New) // paired anew by the next sync
		return nil
	}
	c.ahead(mb, ch.Cursor)
	there := make(map[mail.UID]*remote.NewMessage, len(ch.New))
	for i := range ch.New {
		there[ch.New[i].UID] = &ch.New[i]
	}
	settled := c.mend(mb).rows() // what is found already
	err := c.db.All(ctx, mb.ID, func(row *state.Message) error {
		m := there[row.UID]
		delete(there, row.UID)
		if m == nil {
			c.missing(mb, row, ch.Cursor)
			return nil
		}
		c.rep.OnServer++
		switch {
		case settled[row.ID] || row.Pending:
		case c.req.Full || !c.here.proves(row, m):
			d.certain = append(d.certain, row)
		case m.HasMeta && m.Size != row.Size:
			d.sizes = append(d.sizes, row)
		}
		c.flagged(mb, row, m, ch.Cursor)
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range ch.New { // in the order of UIDs
		if there[n.UID] == nil {
			continue
		}
		c.rep.Waiting++
		// A cursor that a repair put back will make the sync see it.
		if n.UID < mb.Cursor.UIDNext && !putBack(mb.Cursor) {
			m := c.mend(mb)
			m.unknown = true
			m.byPairing = append(m.byPairing, len(c.rep.Findings))
			c.rep.Findings = append(c.rep.Findings, Finding{Kind: FoundUnknown, Mailbox: mb.Name, Message: fmt.Sprintf("uid %d", n.UID),
				Problem: "the server has it, the state does not know it and takes the mailbox for read"})
		}
	}
	return nil
}

// ahead reports a cursor that is beyond what the server ever gave: what comes
// there next would be taken for known.
func (c *Checker) ahead(mb *state.Mailbox, now mail.Cursor) {
	was, m := mb.Cursor, c.mend(mb)
	if was.UIDNext > now.UIDNext && now.UIDNext != 0 {
		m.unknown = true
		m.byPairing = append(m.byPairing, c.found(FoundCursor, mb, nil,
			"the state takes it for read up to uid %d, the server has given none beyond %d", was.UIDNext-1, now.UIDNext-1))
	}
	if was.HighestModSeq > now.HighestModSeq && now.HighestModSeq != 0 {
		m.flags = true
		m.byCopying = append(m.byCopying, c.found(FoundCursor, mb, nil,
			"the state takes its flags for read up to mod-sequence %d, the server is at %d", was.HighestModSeq, now.HighestModSeq))
	}
}

// missing is about a row whose message the server does not list. The next sync
// hears of that, unless for all counters nothing happened: then the row tells
// of a message that is not there, and what became of it is not known. It is
// neither to be removed here nor to be sent up on that ground.
func (c *Checker) missing(mb *state.Mailbox, row *state.Message, now mail.Cursor) {
	was := mb.Cursor
	if was.HighestModSeq == 0 {
		now.HighestModSeq = 0 // the sync does not go by it
	}
	if now != was || row.Pending || row.UID == 0 {
		c.rep.Waiting++
		return
	}
	c.found(FoundMissing, mb, row, "the server has no such message, and nothing tells a sync so; satchel sync --full %s takes it for removed there, and undo keeps the file",
		mail.ShellWord(c.Account.Name))
}

// flagged compares the flags that a message has on the server with those that
// the state says. A sync asks for what changed behind the cursor, so a change
// that is not behind it would never be heard of.
func (c *Checker) flagged(mb *state.Mailbox, row *state.Message, m *remote.NewMessage, now mail.Cursor) {
	if m.Flags.Equal(row.RemoteFlags) {
		return
	}
	c.rep.Waiting++
	known := mb.Cursor.HighestModSeq
	if known == 0 || now.HighestModSeq == 0 || m.ModSeq > known || m.ModSeq == 0 && now.HighestModSeq != known {
		return
	}
	md := c.mend(mb)
	md.flags = true
	md.byCopying = append(md.byCopying, c.found(FoundFlags, mb, row, "flags on the server are %q, the state says %q", m.Flags, row.RemoteFlags))
}
