package wire

import (
	"bytes"

	"satchel/sync/mail"
)

// List is a LIST or LSUB response (RFC 3501 §7.2.2, RFC 5258).
type List struct {
	Attrs []string
	Delim byte   // 0 for NIL
	Name  string // as sent: not decoded
}

// Has reports whether the mailbox carries the attribute.
func (l List) Has(attr string) bool {
	for _, a := range l.Attrs {
		if bytes.EqualFold([]byte(a), []byte(attr)) {
			return true
		}
	}
	return false
}

// ParseList reads the rest of a LIST or LSUB response.
func ParseList(b []byte) (l List, ok bool) {
	s := scanner{b: b}
	s.space()
	attrs, ok := s.list()
	if !ok {
		return List{}, false
	}
	l.Attrs = ParseWords(attrs)
	s.space()
	delim, isNil, ok := s.str()
	if !ok || (!isNil && len(delim) > 1) {
		return List{}, false
	}
	if len(delim) == 1 {
		l.Delim = delim[0]
	}
	s.space()
	name, ok := s.name()
	l.Name = string(name)
	return l, ok
}

// name reads a mailbox name, for which NIL is a name like any other.
func (s *scanner) name() ([]byte, bool) {
	start := s.i
	v, isNil, ok := s.str()
	if isNil {
		v = s.b[start:s.i]
	}
	return v, ok
}

// Status is a STATUS response.
type Status struct {
	Name      string // as sent
	Cursor    mail.Cursor
	MailboxID string
	// AppendLimit is the size of the largest message that the mailbox takes, in
	// bytes (RFC 7889 §4); 0 when none is told.
	AppendLimit int64
}

// ParseStatus reads the rest of a STATUS response (RFC 3501 §7.2.4). Values
// that are no numbers leave their field zero, which means unknown.
func ParseStatus(b []byte) (st Status, ok bool) {
	s := scanner{b: b}
	s.space()
	name, ok := s.name()
	if !ok {
		return Status{}, false
	}
	st.Name = string(name)
	s.space()
	items, ok := s.list()
	if !ok {
		return Status{}, false
	}
	s = scanner{b: items}
	for s.space(); !s.done(); s.space() {
		key := s.word()
		s.space()
		start := s.i
		if len(key) == 0 || !s.skip() {
			return st, true // the rest is unreadable; what was read stands
		}
		st.set(key, s.b[start:s.i])
	}
	return st, true
}

func (st *Status) set(key, value []byte) {
	n32, _ := number32(value)
	switch {
	case bytes.EqualFold(key, []byte("MESSAGES")):
		st.Cursor.Messages = n32
	case bytes.EqualFold(key, []byte("UIDNEXT")):
		st.Cursor.UIDNext = mail.UID(n32)
	case bytes.EqualFold(key, []byte("UIDVALIDITY")):
		st.Cursor.UIDValidity = mail.UIDValidity(n32)
	case bytes.EqualFold(key, []byte("HIGHESTMODSEQ")):
		n, _ := number(value)
		st.Cursor.HighestModSeq = mail.ModSeq(n)
	case bytes.EqualFold(key, []byte("MAILBOXID")):
		st.MailboxID = ParseID(value)
	case bytes.EqualFold(key, []byte("APPENDLIMIT")):
		n, _ := number(value) // NIL: none
		st.AppendLimit = int64(min(n, 1<<62))
	case bytes.EqualFold(key, []byte("X-GUID")): // Dovecot's own
		st.MailboxID = string(bytes.Trim(value, `"`))
	}
}

// ParseID reads an object identifier in its parentheses (RFC 8474 §4). What cannot
// be one is none: Cyrus 3.6 answers STATUS with a few bytes of its memory.
func ParseID(b []byte) string {
	s := scanner{b: b}
	s.space()
	v, _ := s.list()
	return string(objectID(v))
}

// objectID returns an identifier without the space around it, nil if it is none.
func objectID(v []byte) []byte {
	if v = bytes.TrimSpace(v); len(v) > 255 || bytes.ContainsFunc(v, notOfID) {
		return nil
	}
	return v
}

// notOfID reports whether an identifier cannot have a character (RFC 8474 §7).
func notOfID(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_' && r != '-'
}

// Namespace is one prefix with its delimiter (RFC 2342 §5).
type Namespace struct {
	Prefix string
	Delim  byte
}

// ParseNamespace reads the rest of a NAMESPACE response.
func ParseNamespace(b []byte) (personal, others []Namespace, ok bool) {
	s := scanner{b: b}
	for class := range 3 {
		s.space()
		if s.peek() != '(' {
			if _, isNil, ok := s.str(); !ok || !isNil {
				return personal, others, class > 0
			}
			continue
		}
		inner, ok := s.list()
		if !ok {
			return personal, others, class > 0
		}
		spaces := parseNamespaces(inner)
		if class == 0 {
			personal = spaces
		} else {
			others = append(others, spaces...)
		}
	}
	return personal, others, true
}

func parseNamespaces(b []byte) []Namespace {
	var spaces []Namespace
	s := scanner{b: b}
	for {
		s.space()
		one, ok := s.list()
		if !ok {
			return spaces
		}
		in := scanner{b: one}
		in.space()
		prefix, _, okP := in.str()
		in.space()
		delim, _, okD := in.str()
		if !okP || !okD || len(delim) > 1 {
			continue
		}
		ns := Namespace{Prefix: string(prefix)}
		if len(delim) == 1 {
			ns.Delim = delim[0]
		}
		spaces = append(spaces, ns)
	}
}
