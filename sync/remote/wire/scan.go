package wire

import "bytes"

// scanner walks over one response. Methods return false or nil at anything
// they cannot read and leave the decision to the caller.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) done() bool { return s.i >= len(s.b) }

func (s *scanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// space skips any number of spaces; servers double and drop them.
func (s *scanner) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\t') {
		s.i++
	}
}

func (s *scanner) take(c byte) bool {
	if s.peek() == c && !s.done() {
		s.i++
		return true
	}
	return false
}

// atom reads up to a space or parenthesis. Brackets group, so that
// BODY[HEADER.FIELDS (MESSAGE-ID)]<0> is one atom; an unclosed bracket is an
// ordinary character, as in the keyword "a[b".
func (s *scanner) atom() []byte {
	start := s.i
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '(', ')', '\r', '\n':
			return s.b[start:s.i]
		case '[':
			if end := bytes.IndexByte(s.b[s.i:], ']'); end > 0 {
				s.i += end
			}
		}
		s.i++
	}
	return s.b[start:s.i]
}

// word reads up to a space, parenthesis or line end and gives brackets no
// meaning: what flags need.
func (s *scanner) word() []byte {
	start := s.i
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '(', ')', '\r', '\n':
			return s.b[start:s.i]
		}
		s.i++
	}
	return s.b[start:s.i]
}

// str reads a quoted string, a literal, NIL or an atom (RFC 3501 §4.3).
func (s *scanner) str() (v []byte, isNil, ok bool) {
	switch s.peek() {
	case '"':
		return s.quoted()
	case '{', '~':
		lit, n := ParseLiteral(s.line())
		if n == 0 {
			break
		}
		from := s.i + n
		if lit.Size > int64(len(s.b)-from) {
			return nil, false, false
		}
		s.i = from + int(lit.Size)
		return s.b[from:s.i], false, true
	}
	v = s.word()
	if len(v) == 0 {
		return nil, false, false
	}
	if bytes.EqualFold(v, []byte("NIL")) {
		return nil, true, true
	}
	return v, false, true
}

// line returns what follows, up to and including the next line feed.
func (s *scanner) line() []byte {
	if end := bytes.IndexByte(s.b[s.i:], '\n'); end >= 0 {
		return s.b[s.i : s.i+end+1]
	}
	return s.b[s.i:]
}

func (s *scanner) quoted() (v []byte, isNil, ok bool) {
	start := s.i + 1
	escaped := false
	for i := start; i < len(s.b); i++ {
		switch s.b[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			s.i = i + 1
			v = s.b[start:i]
			if escaped {
				v = unescape(v)
			}
			return v, false, true
		}
	}
	return nil, false, false
}

// unescape copies v without the backslashes that quote its characters.
func unescape(v []byte) []byte {
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		out = append(out, v[i])
	}
	return out
}

// list reads a parenthesised list and returns what is between the outer
// parentheses, quoted strings and literals included.
func (s *scanner) list() ([]byte, bool) {
	if !s.take('(') {
		return nil, false
	}
	start := s.i
	for depth := 1; !s.done(); {
		switch s.peek() {
		case '(':
			depth++
			s.i++
		case ')':
			depth--
			if depth == 0 {
				v := s.b[start:s.i]
				s.i++
				return v, true
			}
			s.i++
		case '"', '{', '~':
			if _, _, ok := s.str(); !ok {
				s.i++ // a stray quote or brace, as in the flag a{b
			}
		default:
			s.i++
		}
	}
	return nil, false
}

// skip passes over one value of any shape.
func (s *scanner) skip() bool {
	if s.peek() == '(' {
		_, ok := s.list()
		return ok
	}
	_, _, ok := s.str()
	return ok
}

// number parses decimal digits; ok is false for anything else and for what
// does not fit.
func number(b []byte) (n uint64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		d := uint64(c - '0')
		if n > (1<<64-1-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// number32 is number for UIDs and counts.
func number32(b []byte) (uint32, bool) {
	n, ok := number(b)
	if !ok || n > 1<<32-1 {
		return 0, false
	}
	return uint32(n), true
}
