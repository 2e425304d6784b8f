package mail

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"strings"
	"unicode"
)

// Likeness is what may show of two messages that they are one, although their
// bytes differ. Servers alter what they store: line ends, a line at the end, a
// field of the header.
type Likeness struct {
	Whole   Digest // of all bytes
	Size    int64  // of all bytes
	Essence Digest // see [Essence]
	// Text is the digest of the essence without any line end, and Body that of
	// the part of it behind the header.
	Text, Body Digest
	// Cut is set when the header is too long to be read; then the fields below
	// say nothing.
	Cut bool
	// The first field of each name, without white space, which folding changes.
	MessageID, Date, From, Subject string
}

// SameCard reports whether two messages have the same author, subject and date,
// and the same Message-ID. One without a Message-ID has no card.
func (l *Likeness) SameCard(o *Likeness) bool {
	return l.MessageID != "" && l.MessageID == o.MessageID && l.From == o.From && l.SameSubjectAndDate(o)
}

// SameSubjectAndDate reports whether two messages have the same subject and date. That is
// next to nothing where both have neither.
func (l *Likeness) SameSubjectAndDate(o *Likeness) bool {
	return !l.Cut && !o.Cut && l.Date == o.Date && l.Subject == o.Subject
}

// maxCard is how much of a header is kept for its fields, in bytes.
const maxCard = 256 << 10

// Reading finds out the likeness of a message that is written to it in pieces of
// any size. Done completes it.
type Reading struct {
	size    int64
	whole   hash.Hash
	essence *Essence
	sum     essenceSum
}

// NewReading begins a message.
func NewReading() *Reading {
	r := &Reading{whole: sha256.New()}
	r.sum = essenceSum{all: sha256.New(), text: sha256.New(), body: sha256.New()}
	r.essence = NewEssence(&r.sum)
	return r
}

// Write takes a piece of the message; it cannot fail.
func (r *Reading) Write(p []byte) (int, error) {
	r.size += int64(len(p))
	_, _ = r.whole.Write(p) // a hash never fails
	return r.essence.Write(p)
}

// Done returns what was found. Nothing may be written after it.
func (r *Reading) Done() Likeness {
	_ = r.essence.Close() // nor does essenceSum
	l := Likeness{Size: r.size, Cut: r.sum.cut}
	r.whole.Sum(l.Whole[:0])
	r.sum.all.Sum(l.Essence[:0])
	r.sum.text.Sum(l.Text[:0])
	r.sum.body.Sum(l.Body[:0])
	l.MessageID, l.Date = FieldOf(r.sum.head, "Message-ID"), FieldOf(r.sum.head, "Date")
	l.From, l.Subject = FieldOf(r.sum.head, "From"), FieldOf(r.sum.head, "Subject")
	return l
}

// essenceSum takes an essence apart: all lines end in CRLF there.
type essenceSum struct {
	all, text, body hash.Hash
	head            []byte
	cut             bool // head is not all of the header
	inBody          bool
	line            int // bytes of the present line
	lines           []byte
}

func (s *essenceSum) Write(p []byte) (int, error) {
	_, _ = s.all.Write(p)
	s.lines = s.lines[:0]
	behind := 0 // where the body begins in lines
	for i := 0; i < len(p); {
		n := bytes.IndexAny(p[i:], "\r\n")
		if n < 0 {
			n = len(p) - i
		}
		s.lines = append(s.lines, p[i:i+n]...)
		if !s.inBody {
			s.keep(p[i : i+n])
			s.line += n
		}
		if i += n; i == len(p) {
			break
		}
		if !s.inBody && p[i] == '\n' {
			s.keep(p[i : i+1])
			if s.line == 0 {
				s.inBody, behind = true, len(s.lines)
			}
			s.line = 0
		}
		i++
	}
	_, _ = s.text.Write(s.lines)
	if s.inBody {
		_, _ = s.body.Write(s.lines[behind:])
	}
	return len(p), nil
}

func (s *essenceSum) keep(p []byte) {
	room := maxCard - len(s.head)
	s.cut = s.cut || len(p) > room
	s.head = append(s.head, p[:min(len(p), room)]...)
}

// FieldOf returns the value of the first field of that name in a header, without
// its white space.
func FieldOf(header []byte, name string) string {
	var value []byte
	found := false
	for line := range bytes.Lines(header) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if found {
				value = append(value, line...)
			}
			continue
		}
		if found {
			break
		}
		field, rest, ok := bytes.Cut(line, []byte(":"))
		if ok && strings.EqualFold(string(bytes.TrimRight(field, " \t")), name) {
			found, value = true, bytes.Clone(rest)
		}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, string(value))
}
