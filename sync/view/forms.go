package view

import (
	"strings"
	"unicode"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
)

// A file may be the message of a row, or a new one of the server, in several forms
// (mail.Form).

// IsExactly reports whether a file with that content is what the message of a row
// was on disk: one whose line ends the server changed only as another such.
func IsExactly(c *maildir.Content, row *state.Message) bool {
	switch row.Digest {
	case c.Digest, c.RawDigest:
		return true
	case c.TidyDigest:
		return row.Form == mail.FormTidy
	}
	return false
}

// Holds reports whether a file with that content may be the message of a row.
func Holds(c *maildir.Content, row *state.Message) bool {
	return IsExactly(c, row) || c.Essence == row.Identity()
}

// FormOf returns how a file with that content relates to the server's message of
// a row.
func FormOf(c *maildir.Content, row *state.Message) mail.Form {
	as := *c
	as.Apart(row.Digest, row.Size)
	return as.Form
}

// ManyForms reports whether the file does not tell what the server has: a new one
// that it may hold with other line ends, or in several forms of one size, or one
// of which it holds a message apart.
func (m *Message) ManyForms() bool {
	if m.Row != nil {
		return m.Row.Form == mail.FormApart
	}
	c := m.Content
	return c != nil && (c.TidySize > 0 || c.Form == mail.FormApart || c.Housekeeping > 0 && c.EssenceSize == c.DiskSize)
}

// RawFor reports whether a new file could be a message of that size only as
// the bytes that it is.
func (m *Message) RawFor(size int64) bool {
	return m.Row == nil && m.Content != nil && m.Content.DiskSize == size && m.Content.Size != size
}

// BareFor is the same for a new file without its housekeeping lines.
func (m *Message) BareFor(size int64) bool {
	return m.Row == nil && m.Content != nil && m.Content.Housekeeping > 0 && m.Content.EssenceSize == size && m.Content.Size != size
}

// DigestFor returns the digest that a candidate has as a message of that size.
func (m *Message) DigestFor(size int64) mail.Digest {
	switch {
	case m.RawFor(size):
		return m.Content.RawDigest
	case m.BareFor(size):
		return m.Content.Essence
	}
	return m.Digest()
}

// Bare removes white space, which folding may have changed.
func Bare(id string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, id)
}
