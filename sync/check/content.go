package check

import (
	"context"
	"fmt"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/look"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// OnDisk is what a check learned of the files that are what was synced: that by
// which the same messages are known again on the server.
type onDisk struct {
	byRow map[int64]likeness
	first map[likeness]mail.Digest
	// alike are those that several messages of different contents have.
	alike map[likeness]bool
	blind map[int64]bool // mailboxes whose folder could not be read
}

// likeness is what a list of messages tells of one, without its content.
type likeness struct {
	size int64
	id   string // Message-ID
}

func newOnDisk() *onDisk {
	return &onDisk{byRow: map[int64]likeness{}, first: map[likeness]mail.Digest{}, alike: map[likeness]bool{}, blind: map[int64]bool{}}
}

func (o *onDisk) add(row *state.Message, content *maildir.Content) {
	l := likeness{row.Size, content.MessageID}
	o.byRow[row.ID] = l
	if d, ok := o.first[l]; !ok {
		o.first[l] = row.Digest
	} else if d != row.Digest {
		o.alike[l] = true
	}
}

// proves reports whether what the server lists of a message can only be the
// message of the row. Where it is not, the content decides.
func (o *onDisk) proves(row *state.Message, m *remote.NewMessage) bool {
	l, known := o.byRow[row.ID]
	switch {
	case row.EmailID != "" && m.EmailID != "" && row.EmailID != m.EmailID:
		return false
	case !known:
		return o.blind[row.MailboxID] // the folder is gone or unreadable, which is said
	}
	return m.HasMessageID && m.MessageID == l.id && !o.alike[l]
}

// doubt is about messages of a mailbox of which the content is to be compared.
type doubt struct {
	mb       *state.Mailbox
	validity mail.UIDValidity
	certain  []*state.Message // those of which only the content is proof
	sizes    []*state.Message // those of another size than the state says
	alters   bool             // the server has some of them altered
}

// someDoubts is how many messages of a mailbox are fetched to see whether
// their server merely does not tell sizes as they are.
const someDoubts = 16

// resolve fetches messages in doubt. Servers are known that guess the size
// (RFC822.SIZE): where some messages of another size are whole, the others are
// taken for such.
func (c *Checker) resolve(ctx context.Context, conn *remote.Conn, d *doubt) error {
	if open, err := c.contents(ctx, conn, d, d.certain); !open || err != nil {
		return err
	}
	before := len(c.rep.Findings)
	n := min(someDoubts, len(d.sizes))
	open, err := c.contents(ctx, conn, d, d.sizes[:n])
	if !open || err != nil || len(c.rep.Findings) == before && !d.alters {
		return err
	}
	_, err = c.contents(ctx, conn, d, d.sizes[n:])
	return err
}

// contents compares messages with what the server sends of them; open is false
// when the mailbox cannot be read, which is said.
func (c *Checker) contents(ctx context.Context, conn *remote.Conn, d *doubt, rows []*state.Message) (open bool, err error) {
	if len(rows) == 0 {
		return true, nil
	}
	got, err := c.fetch(ctx, conn, d.mb, d.validity, rows)
	if err != nil || got == nil {
		return false, err
	}
	var unsent, again []*state.Message
	for _, row := range rows {
		m, ok := got[row.UID]
		if !ok {
			unsent = append(unsent, row)
			continue
		}
		c.rep.Fetched++
		switch {
		case m.digest != row.Digest && c.otherLineEnds(ctx, row, m.digest, d.mb.Name):
			c.broken(FoundContent, d.mb, row, "the server holds other line ends: %d bytes, the file is %d; each side keeps its own", m.size, row.DiskSize)
		case m.digest != row.Digest && c.isFile(ctx, row, m, d.mb.Name):
			// The server alters what it stores, or words it anew each time: each
			// side keeps its own, and there is nothing to mend.
			d.alters = true
		case m.digest != row.Digest && c.hasCard(ctx, row, m, d.mb.Name):
			again = append(again, row)
		case m.digest != row.Digest:
			c.otherContent(d.mb, row, m)
		case m.size != row.Size && !c.isBroken(d.mb, row):
			c.broken(FoundContent, d.mb, row, "the state says %d bytes, the server's message has %d", row.Size, m.size)
		}
	}
	if err := c.reworded(ctx, conn, d, again, got); err != nil {
		return true, err
	}
	return true, c.unsent(ctx, conn, d, unsent)
}

// unsent tells messages that went meanwhile, which RFC 3501 §6.4.8 has the
// server pass over, from those that it lists and does not send.
func (c *Checker) unsent(ctx context.Context, conn *remote.Conn, d *doubt, rows []*state.Message) error {
	if len(rows) == 0 {
		return nil
	}
	present, err := conn.SearchAllUIDs(ctx, d.mb.Name, d.validity)
	if err != nil && (ctx.Err() != nil || mail.KindOf(err) == mail.KindConnection) {
		return err
	}
	for _, row := range rows {
		if err == nil && !present.Contains(row.UID) {
			c.rep.Waiting++
			continue
		}
		c.found(FoundUnsent, d.mb, row, "the server lists it and does not send it, so it was not compared")
	}
	return nil
}

// otherLineEnds reports whether the server's message is the file with other
// line ends.
func (c *Checker) otherLineEnds(ctx context.Context, row *state.Message, d mail.Digest, folder string) bool {
	content, err := c.store.Inspect(ctx, view.FileOf(folder, row))
	return err == nil && content.TidySize > 0 && content.TidyDigest == d
}

func (c *Checker) isBroken(mb *state.Mailbox, row *state.Message) bool {
	m := c.mends[mb.ID]
	return m != nil && slices.ContainsFunc(m.broken, func(r *state.Message) bool { return r.ID == row.ID })
}

// fetched is a message as the server has it.
type fetched struct {
	size   int64
	digest mail.Digest
	like   *mail.Likeness
}

// fetch reads messages from the server. Those that it does not send are not
// in the answer, which is nil when the mailbox cannot be read.
func (c *Checker) fetch(ctx context.Context, conn *remote.Conn, mb *state.Mailbox, v mail.UIDValidity, rows []*state.Message) (map[mail.UID]fetched, error) {
	got := map[mail.UID]fetched{}
	req := remote.BodyRequest{Mailbox: mb.Name, UIDValidity: v}
	for _, row := range rows {
		req.UIDs = append(req.UIDs, row.UID)
	}
	failed, err := conn.FetchBodies(ctx, []remote.BodyRequest{req}, func(b remote.Body) error {
		like, err := look.ReadLikeness(b)
		if err == nil {
			got[b.UID] = fetched{b.Size, like.Whole, like}
		}
		return err
	})
	if err == nil && failed[mb.Name] != nil {
		c.found(FoundUnopened, mb, nil, "the server does not send messages: %v", failed[mb.Name])
		return nil, nil
	}
	return got, err
}

// blame fetches what altered files should be: a file that is what the server
// has is whole, and the state is wrong.
func (c *Checker) blame(ctx context.Context, conn *remote.Conn, mb *state.Mailbox, m *mending) error {
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
