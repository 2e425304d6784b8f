package mail

import (
	"bytes"
	"io"
	"slices"
	"strings"
)

// HousekeepingFields returns the names of the header fields that programs add
// to a message, or take away, while it stays the same message (SPEC §5): what
// mbsync and offlineimap mark their uploads with; what mutt and other readers of
// mbox write when they save; Thunderbird's notes; Proton Bridge's at APPEND. The
// README lists them too.
func HousekeepingFields() []string {
	fields := housekeeping()
	return fields[:]
}

func housekeeping() [12]string {
	return [...]string{
		"X-TUID", "X-OfflineIMAP",
		"Content-Length", "Lines", "Status", "X-Status", "X-Keywords", "X-UID",
		"X-Mozilla-Status", "X-Mozilla-Status2", "X-Mozilla-Keys",
		"X-Pm-Gluon-Id",
	}
}

// maxField is how much of a line is looked at for the name of its field: more
// than any name of HousekeepingFields, and some white space before the colon.
const maxField = 64

// Essence passes on what identifies a message: all of it but the housekeeping
// lines of its header, with CRLF at the end of every line, however lines end in
// it. CRs before LF, and at the end of all, are dropped, which is what Dovecot
// keeps of what it is sent. The header ends at the first empty line (RFC 5322
// §2.1); nothing behind that is taken out. A message may be written in pieces of
// any size; Close completes it.
type Essence struct {
	w   io.Writer
	out []byte

	crs     int  // CRs that were read, of which it is not known whether a LF follows
	inBody  bool // the empty line behind the header went by
	line    int  // bytes of the present line of the header
	field   []byte
	open    bool // the name of the present line's field is not complete yet
	drop    bool // the present line, and what it is folded into, is left out
	dropped int64
}

// NewEssence returns an Essence that writes to w.
func NewEssence(w io.Writer) *Essence {
	return &Essence{w: w, field: make([]byte, 0, maxField)}
}

// Housekeeping returns how many bytes of housekeeping lines were left out so far,
// with their line ends as they were written.
func (e *Essence) Housekeeping() int64 { return e.dropped }

// InBody reports whether all of the header went by.
func (e *Essence) InBody() bool { return e.inBody }

// essencePart is how much of a piece is taken at a time, in bytes: what bounds
// the memory, whatever the pieces are, but for a run of CRs within a line, which
// is passed on at once.
const essencePart = 32 << 10

// Write takes a piece of the message.
func (e *Essence) Write(p []byte) (int, error) {
	for part := range slices.Chunk(p, essencePart) {
		e.out = e.out[:0]
		for len(part) > 0 && !e.inBody {
			e.header(part[0])
			part = part[1:]
		}
		e.body(part)
		if _, err := e.w.Write(e.out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Close completes the message; it does not close what Essence writes to.
func (e *Essence) Close() error {
	e.out = e.out[:0]
	if e.open {
		e.out = append(e.out, e.field...)
		e.open = false
	}
	if e.drop && !e.inBody {
		e.dropped += int64(e.crs)
	}
	e.crs = 0
	_, err := e.w.Write(e.out)
	return err
}

// body passes a part of the body on.
func (e *Essence) body(p []byte) {
	for len(p) > 0 {
		n := bytes.IndexAny(p, "\r\n")
		if n < 0 {
			n = len(p)
		}
		if n > 0 {
			e.keepCRs()
			e.out = append(e.out, p[:n]...)
		}
		if n == len(p) {
			return
		}
		if p[n] == '\r' {
			e.crs++
		} else {
			e.crs = 0
			e.out = append(e.out, '\r', '\n')
		}
		p = p[n+1:]
	}
}

// keepCRs passes on CRs that stand within a line.
func (e *Essence) keepCRs() {
	for ; e.crs > 0; e.crs-- {
		e.out = append(e.out, '\r')
	}
}

func (e *Essence) header(b byte) {
	switch b {
	case '\r':
		e.crs++
	case '\n':
		e.endLine()
	default:
		for ; e.crs > 0; e.crs-- {
			e.headerByte('\r')
		}
		e.headerByte(b)
	}
}

// headerByte takes a byte within a line of the header.
func (e *Essence) headerByte(b byte) {
	e.line++
	if e.line == 1 && b != ' ' && b != '\t' {
		e.open, e.drop, e.field = true, false, e.field[:0]
	}
	switch {
	case e.open && b == ':':
		e.open = false
		if e.drop = isHousekeeping(bytes.TrimRight(e.field, " \t")); e.drop {
			e.dropped += int64(e.line)
			return
		}
		e.out = append(append(e.out, e.field...), b)
	case e.open:
		if e.field = append(e.field, b); len(e.field) == maxField {
			e.open = false
			e.out = append(e.out, e.field...)
		}
	case e.drop:
		e.dropped++
	default:
		e.out = append(e.out, b)
	}
}

func isHousekeeping(field []byte) bool {
	for _, name := range housekeeping() {
		if len(field) == len(name) && strings.EqualFold(string(field), name) {
			return true
		}
	}
	return false
}

func (e *Essence) endLine() {
	if e.open {
		e.open = false
		e.out = append(e.out, e.field...)
	}
	switch {
	case e.line == 0:
		e.inBody = true
		e.out = append(e.out, '\r', '\n')
	case e.drop:
		e.dropped += int64(e.crs) + 1
	default:
		e.out = append(e.out, '\r', '\n')
	}
	e.line, e.crs = 0, 0
}

// HousekeepingIn returns how many bytes of a header, or of lines from one, are
// housekeeping lines.
func HousekeepingIn(header []byte) int64 {
	e := NewEssence(io.Discard)
	_, _ = e.Write(header) // io.Discard takes everything
	_ = e.Close()
	return e.Housekeeping()
}
