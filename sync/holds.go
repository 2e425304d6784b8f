package sync

import (
	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
)

// A file may be the message of a row, or a new one of the server, in several forms
// (mail.Form).

// isExactly reports whether a file with that content is what the message of a row
// was on disk: one whose line ends the server changed only as another such.
func isExactly(c *maildir.Content, row *state.Message) bool {
	switch row.Digest {
	case c.Digest, c.RawDigest:
		return true
	case c.TidyDigest:
		return row.Form == mail.FormTidy
	}
	return false
}

// holds reports whether a file with that content may be the message of a row.
func holds(c *maildir.Content, row *state.Message) bool {
	return isExactly(c, row) || c.Essence == row.Identity()
}

// formOf returns how a file with that content relates to the server's message of
// a row.
func formOf(c *maildir.Content, row *state.Message) mail.Form {
	as := *c
	as.Apart(row.Digest, row.Size)
	return as.Form
}

// manyForms reports whether the file does not tell what the server has: a new one
// that it may hold with other line ends, or in several forms of one size, or one
// of which it holds a message apart.
func (m *message) manyForms() bool {
	if m.row != nil {
		return m.row.Form == mail.FormApart
	}
	c := m.content
	return c != nil && (c.TidySize > 0 || c.Form == mail.FormApart || c.Housekeeping > 0 && c.EssenceSize == c.DiskSize)
}

// rawFor reports whether a new file could be a message of that size only as
// the bytes that it is.
func (m *message) rawFor(size int64) bool {
	return m.row == nil && m.content != nil && m.content.DiskSize == size && m.content.Size != size
}

// bareFor is the same for a new file without its housekeeping lines.
func (m *message) bareFor(size int64) bool {
	return m.row == nil && m.content != nil && m.content.Housekeeping > 0 && m.content.EssenceSize == size && m.content.Size != size
}

// digestFor returns the digest that a candidate has as a message of that size.
func (m *message) digestFor(size int64) mail.Digest {
	switch {
	case m.rawFor(size):
		return m.content.RawDigest
	case m.bareFor(size):
		return m.content.Essence
	}
	return m.digest()
}
