package wire

import (
	"bytes"
	"time"

	"satchel/sync/mail"
)

// Fetch is what a FETCH response says about one message. Slices point into
// the response.
type Fetch struct {
	UID      mail.UID
	HasFlags bool
	Flags    []byte // between the parentheses
	ModSeq   mail.ModSeq
	HasSize  bool
	Size     int64
	HasDate  bool
	Date     mail.Date
	EmailID  []byte
	Sections []Section

	// Pending is set when the response ends before a literal that was not
	// read into it: the section whose bytes come next on the line.
	Pending        Section
	PendingLiteral Literal
	HasPending     bool
}

// Section is one BODY[...] item.
type Section struct {
	Name []byte // as sent, in upper case: "BODY[]", "BODY[]<0>"
	Data []byte
	Nil  bool // NIL: the server has it not; never the same as empty
}

// ParseFetch reads the items of a FETCH response, "(UID 5 FLAGS ())". Items
// that nobody asked for are passed over. ok is false when the line is not
// built as RFC 3501 §7.4.2 says; nothing in it is to be believed then.
func ParseFetch(b []byte) (f Fetch, ok bool) {
	s := scanner{b: b}
	s.space()
	if !s.take('(') {
		return Fetch{}, false
	}
	ok = f.items(&s)
	return f, ok
}

// ParseRest reads the items behind a literal that was streamed.
func (f *Fetch) ParseRest(b []byte) bool {
	f.HasPending = false
	return f.items(&scanner{b: b})
}

func (f *Fetch) items(s *scanner) bool {
	for {
		s.space()
		if s.take(')') {
			return true
		}
		name := s.atom()
		if len(name) == 0 {
			return false
		}
		s.space()
		if pendingLiteral(s, f, name) {
			return true
		}
		if !f.item(s, name) {
			return false
		}
	}
}

func pendingLiteral(s *scanner, f *Fetch, name []byte) bool {
	lit, start, ok := TrailingLiteral(TrimEOL(s.b[s.i:]))
	if !ok || start != 0 {
		return false
	}
	f.Pending = Section{Name: bytes.ToUpper(name)}
	f.PendingLiteral = lit
	f.HasPending = true
	return true
}

func (f *Fetch) item(s *scanner, name []byte) bool {
	switch {
	case bytes.EqualFold(name, []byte("UID")):
		n, ok := number32(s.word())
		f.UID = mail.UID(n)
		return ok
	case bytes.EqualFold(name, []byte("FLAGS")):
		v, ok := s.list()
		f.Flags, f.HasFlags = v, ok
		return ok
	case bytes.EqualFold(name, []byte("MODSEQ")):
		v, ok := s.list()
		if n, valid := number(bytes.TrimSpace(v)); valid {
			f.ModSeq = mail.ModSeq(n)
		}
		return ok
	case bytes.EqualFold(name, []byte("RFC822.SIZE")):
		v := s.word()
		if n, valid := number(v); valid && n < 1<<62 {
			f.Size, f.HasSize = int64(n), true
		}
		return len(v) > 0
	case bytes.EqualFold(name, []byte("INTERNALDATE")):
		v, _, ok := s.str()
		f.Date, f.HasDate = ParseDate(string(v))
		return ok
	case bytes.EqualFold(name, []byte("EMAILID")):
		v, ok := s.list()
		f.identify("", objectID(v))
		return ok
	case bytes.EqualFold(name, []byte("X-GM-MSGID")):
		v := s.word()
		f.identify("gm:", v)
		return len(v) > 0
	case bytes.EqualFold(name, []byte("X-GUID")):
		v, isNil, ok := s.str()
		if !isNil {
			f.identify("guid:", v)
		}
		return ok
	case len(name) > 4 && bytes.EqualFold(name[:5], []byte("BODY[")):
		v, isNil, ok := s.str()
		f.Sections = append(f.Sections, Section{Name: bytes.ToUpper(name), Data: v, Nil: isNil})
		return ok
	}
	return s.skip()
}

// identify notes the server's identity of the message. Identities of different
// kinds never compare equal.
func (f *Fetch) identify(kind string, v []byte) {
	if v = bytes.TrimSpace(v); len(v) > 0 {
		f.EmailID = append([]byte(kind), v...)
	}
}

// ParseDate reads an INTERNALDATE (RFC 3501 §9, date-time). One-digit days
// without their space occur; NIL, years before 1900 and other
// nonsense give false.
func ParseDate(v string) (mail.Date, bool) {
	for len(v) > 0 && v[0] == ' ' {
		v = v[1:]
	}
	t, err := time.Parse("2-Jan-2006 15:04:05 -0700", v)
	if err != nil || t.Year() < 1900 {
		return 0, false
	}
	return mail.DateOf(t), true
}

// FormatDate is the opposite of [ParseDate], in UTC, quoted.
func FormatDate(d mail.Date) (string, bool) {
	t := d.Time()
	if t.Year() < 1900 || t.Year() > 9999 {
		return "", false
	}
	return t.Format(`"_2-Jan-2006 15:04:05 +0000"`), true
}
