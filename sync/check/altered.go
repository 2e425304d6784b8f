package check

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// A server may hold another wording of a file: it alters what it stores, or words it
// anew each time that it sends it. That is no damage, and to forget its row would make
// two messages of one.

// likeness reads the file of a row; nil when it cannot be read.
func (c *Checker) likeness(ctx context.Context, row *state.Message, folder string) *mail.Likeness {
	like, err := c.store.Likeness(ctx, view.FileOf(folder, row), row.DiskSize)
	if err != nil {
		return nil
	}
	return &like
}

// isFile reports whether the server's message is the file, altered. What is just the
// file is not: then the state is wrong.
func (c *Checker) isFile(ctx context.Context, row *state.Message, m fetched, folder string) bool {
	file := c.likeness(ctx, row, folder)
	content, err := c.store.Inspect(ctx, view.FileOf(folder, row))
	return err == nil && file != nil && !slices.Contains(content.Digests(), m.digest) &&
		(file.Text == m.like.Text || file.Body == m.like.Body && !view.OtherID(file.MessageID, m.like.MessageID))
}

// otherContent reports that the server has another message than the state says.
func (c *Checker) otherContent(mb *state.Mailbox, row *state.Message, m fetched) {
	c.broken(FoundContent, mb, row, "the server's message has %d bytes, the synced one %d; digest %s, should be %s",
		m.size, row.Size, m.digest, row.Digest)
}

// hasCard reports whether author, subject, date and Message-ID are the file's, and the
// body is not.
func (c *Checker) hasCard(ctx context.Context, row *state.Message, m fetched, folder string) bool {
	file := c.likeness(ctx, row, folder)
	return file != nil && file.SameCard(m.like) && file.Body != m.like.Body
}

// reworded fetches messages once more that have the card of their file and another
// body. What the server words anew each time is no damage; what it sends the same
// again is another message.
func (c *Checker) reworded(ctx context.Context, conn *remote.Conn, d *doubt, rows []*state.Message, first map[mail.UID]fetched) error {
	if len(rows) == 0 {
		return nil
	}
	got, err := c.fetch(ctx, conn, d.mb, d.validity, rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		switch m, ok := got[row.UID]; {
		case ok && m.digest == first[row.UID].digest:
			c.otherContent(d.mb, row, m)
		default:
			d.alters = true
		}
	}
	return nil
}
