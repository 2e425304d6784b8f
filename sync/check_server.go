package sync

import (
	"context"
	"fmt"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// server compares UIDs and sizes with what the server has.
func (c *checker) server(ctx context.Context) error {
	client, err := remote.New(c.remoteOptions())
	if err != nil {
		return err
	}
	conn, err := client.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	boxes, err := conn.Overview(ctx)
	if err != nil {
		return err
	}
	for _, out := range client.LeftOut() {
		if c.wanted(out.Name) {
			c.rep.Findings = append(c.rep.Findings, Finding{Mailbox: out.Text, Problem: "it was not compared: " + out.Why})
		}
	}
	var reqs []remote.ChangesRequest
	there := map[string]bool{}
	for _, b := range boxes {
		if !b.Selectable || !c.wanted(b.Name) {
			continue
		}
		there[b.Name] = true
		if !slices.ContainsFunc(c.boxes, func(mb *state.Mailbox) bool { return mb.Name == b.Name }) {
			c.rep.Waiting += 1 + int(b.Status.Messages) // new
		}
	}
	for _, mb := range c.boxes {
		if there[mb.Name] {
			reqs = append(reqs, remote.ChangesRequest{Mailbox: mb.Name, ReadOnly: true, ListNew: true})
			continue
		}
		n, err := c.db.Count(ctx, mb.ID)
		if err != nil {
			return err
		}
		c.rep.Waiting += n
	}
	var doubts []*doubt
	err = conn.Changes(ctx, reqs, func(ch *remote.Changes) error {
		i := slices.IndexFunc(c.boxes, func(mb *state.Mailbox) bool { return mb.Name == ch.Mailbox })
		if i < 0 {
			return nil
		}
		d := &doubt{mb: c.boxes[i], validity: ch.Cursor.UIDValidity}
		if err := c.compare(ctx, d, ch); err != nil {
			return err
		}
		if len(d.rows) > 0 {
			doubts = append(doubts, d)
		}
		return nil
	})
	for _, d := range doubts {
		if err == nil {
			err = c.resolve(ctx, conn, d)
		}
	}
	for _, mb := range c.boxes {
		if m := c.mends[mb.ID]; err == nil && m != nil && len(m.altered) > 0 && there[mb.Name] {
			err = c.blame(ctx, conn, mb, m)
		}
	}
	return err
}

// blame fetches what altered files should be: a file that is what the server
// has is whole, and the state is wrong.
func (c *checker) blame(ctx context.Context, conn *remote.Conn, mb *state.Mailbox, m *mending) error {
	rows := make([]*state.Message, 0, len(m.altered))
	for _, a := range m.altered {
		rows = append(rows, a.row)
	}
	got, err := c.fetch(ctx, conn, mb, mb.Cursor.UIDValidity, rows)
	if err != nil {
		return err
	}
	if got == nil {
		m.altered = nil // found, but not to be mended now
		return nil
	}
	m.altered = slices.DeleteFunc(m.altered, func(a alteration) bool {
		if got[a.row.UID].digest != a.digest {
			return false
		}
		c.rep.Findings[a.finding].Problem = fmt.Sprintf("the state says digest %s, file and server have %s", a.row.Digest, a.digest)
		m.broken, m.byPairing = append(m.broken, a.row), append(m.byPairing, a.finding)
		return true
	})
	return nil
}

// doubt is about messages of a mailbox that have another size on the server
// than in the state.
type doubt struct {
	mb       *state.Mailbox
	validity mail.UIDValidity
	rows     []*state.Message
}

func (c *checker) compare(ctx context.Context, d *doubt, ch *remote.Changes) error {
	mb := d.mb
	switch {
	case ch.Err != nil:
		c.mend(mb).altered = nil // found, but not to be mended now
		c.found(mb, nil, "the server does not open it: %v", ch.Err)
		return nil
	case mb.Cursor.UIDValidity != 0 && ch.Cursor.UIDValidity != mb.Cursor.UIDValidity:
		c.mend(mb).altered = nil
		c.rep.Waiting += len(ch.New) // paired anew by the next sync
		return nil
	}
	there := make(map[mail.UID]*remote.NewMessage, len(ch.New))
	for i := range ch.New {
		there[ch.New[i].UID] = &ch.New[i]
	}
	err := c.db.Range(ctx, mb.ID, mail.AllUIDs(), func(row *state.Message) error {
		m := there[row.UID]
		delete(there, row.UID)
		switch {
		case m == nil:
			c.rep.Waiting++
			return nil
		case m.HasMeta && m.Size != row.Size:
			d.rows = append(d.rows, row)
		case !m.Flags.Equal(row.RemoteFlags):
			c.rep.Waiting++
			// Nothing would report the flags again if the cursor were past
			// this change.
			if ch.Cursor.HighestModSeq != 0 && ch.Cursor.HighestModSeq == mb.Cursor.HighestModSeq {
				md := c.mend(mb)
				md.flags = true
				md.byCopying = append(md.byCopying, c.found(mb, row, "flags on the server are %q, the state says %q", m.Flags, row.RemoteFlags))
			}
		}
		c.rep.OnServer++
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
			c.rep.Findings = append(c.rep.Findings, Finding{Mailbox: mb.Name, Message: fmt.Sprintf("uid %d", n.UID),
				Problem: "the server has it, the state does not know it and takes the mailbox for read"})
		}
	}
	return nil
}

// someDoubts is how many messages of a mailbox are fetched to see whether
// their server merely does not tell sizes as they are.
const someDoubts = 16

// resolve fetches messages in doubt: servers are known that guess the size
// (RFC822.SIZE), and only the content proves that a message is another.
func (c *checker) resolve(ctx context.Context, conn *remote.Conn, d *doubt) error {
	before := len(c.rep.Findings)
	for len(d.rows) > 0 {
		n := min(someDoubts, len(d.rows))
		if len(c.rep.Findings) > before {
			n = len(d.rows)
		}
		rows := d.rows[:n]
		got, err := c.fetch(ctx, conn, d.mb, d.validity, rows)
		if err != nil || got == nil {
			return err
		}
		for _, row := range rows {
			switch m, ok := got[row.UID]; {
			case !ok:
				c.rep.Waiting++ // gone meanwhile
			case m.digest != row.Digest && c.otherLineEnds(ctx, row, m.digest, d.mb.Name):
				c.broken(d.mb, row, "the server holds other line ends: %d bytes, the file is %d; each side keeps its own", m.size, row.DiskSize)
			case m.digest != row.Digest:
				c.broken(d.mb, row, "the server's message has %d bytes, the synced one %d; digest %s, should be %s",
					m.size, row.Size, m.digest, row.Digest)
			case m.size != row.Size && !c.isBroken(d.mb, row):
				c.broken(d.mb, row, "the state says %d bytes, the server's message has %d", row.Size, m.size)
			}
		}
		if d.rows = d.rows[n:]; len(c.rep.Findings) == before {
			return nil // it guesses
		}
	}
	return nil
}

// otherLineEnds reports whether the server's message is the file with other
// line ends.
func (c *checker) otherLineEnds(ctx context.Context, row *state.Message, d mail.Digest, folder string) bool {
	content, err := c.store.Inspect(ctx, maildir.File{Folder: folder, New: row.New, Name: row.Base + row.Info})
	return err == nil && content.TidySize > 0 && content.TidyDigest == d
}

func (c *checker) isBroken(mb *state.Mailbox, row *state.Message) bool {
	m := c.mends[mb.ID]
	return m != nil && slices.ContainsFunc(m.broken, func(r *state.Message) bool { return r.ID == row.ID })
}

// fetched is a message as the server has it.
type fetched struct {
	size   int64
	digest mail.Digest
}

// fetch reads messages from the server. Those that it does not send are not
// in the answer, which is nil when the mailbox cannot be read.
func (c *checker) fetch(ctx context.Context, conn *remote.Conn, mb *state.Mailbox, v mail.UIDValidity, rows []*state.Message) (map[mail.UID]fetched, error) {
	got := map[mail.UID]fetched{}
	req := remote.BodyRequest{Mailbox: mb.Name, UIDValidity: v}
	for _, row := range rows {
		req.UIDs = append(req.UIDs, row.UID)
	}
	failed, err := conn.FetchBodies(ctx, []remote.BodyRequest{req}, func(b remote.Body) error {
		d, err := b.Digest()
		got[b.UID] = fetched{size: b.Size, digest: d}
		return err
	})
	if err == nil && failed[mb.Name] != nil {
		c.found(mb, nil, "the server does not send messages: %v", failed[mb.Name])
		return nil, nil
	}
	return got, err
}
