package wire

import (
	"bytes"
	"strings"
)

// Response is an untagged response, split as far as all of them are alike.
type Response struct {
	Kind   string // upper case: "FETCH", "OK", "VANISHED"
	Number uint64 // the number in front of EXISTS, EXPUNGE and FETCH
	Rest   []byte // what follows the kind and its space, without line end
}

// kinds spares an allocation for each line of the usual responses.
func kind(b []byte) string {
	switch {
	case bytes.EqualFold(b, []byte("FETCH")):
		return "FETCH"
	case bytes.EqualFold(b, []byte("OK")):
		return "OK"
	case bytes.EqualFold(b, []byte("STATUS")):
		return "STATUS"
	case bytes.EqualFold(b, []byte("LIST")):
		return "LIST"
	}
	return string(bytes.ToUpper(b))
}

// ParseResponse splits b, which starts behind "* " and may still carry its
// line end.
func ParseResponse(b []byte) (Response, bool) {
	s := scanner{b: TrimEOL(b)}
	s.space()
	w := s.word()
	if len(w) == 0 {
		return Response{}, false
	}
	var r Response
	if n, ok := number(w); ok {
		r.Number = n
		s.space()
		if w = s.word(); len(w) == 0 {
			return Response{}, false
		}
	}
	r.Kind = kind(w)
	s.space()
	r.Rest = s.b[s.i:]
	return r, true
}

// IsCondition reports whether the response ends in text for people, where
// braces mean nothing (RFC 3501 §7.1).
func (r Response) IsCondition() bool {
	switch r.Kind {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		return true
	}
	return false
}

// Text is the resp-text of a condition (RFC 3501 §7.1): "[CODE args] text".
type Text struct {
	Code string // upper case, without brackets; empty when there is none
	Args []byte // what follows the code
	Text string
}

// ParseText reads a resp-text. A "]" inside quotes or parentheses does not
// end the code, since keywords with brackets occur in PERMANENTFLAGS.
func ParseText(b []byte) Text {
	b = TrimEOL(b)
	if len(b) == 0 || b[0] != '[' {
		return Text{Text: string(b)}
	}
	end := codeEnd(b)
	if end < 0 {
		return Text{Text: string(b)}
	}
	code, args, _ := bytes.Cut(bytes.TrimSpace(b[1:end]), []byte(" "))
	return Text{
		Code: string(bytes.ToUpper(code)),
		Args: bytes.TrimSpace(args),
		Text: string(bytes.TrimLeft(b[end+1:], " ")),
	}
}

func codeEnd(b []byte) int {
	depth := 0
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '"':
			s := scanner{b: b, i: i}
			if _, _, ok := s.quoted(); ok {
				i = s.i - 1
			}
		case ']':
			if depth <= 0 {
				return i
			}
		}
	}
	return bytes.IndexByte(b, ']') // unbalanced: the first one
}

// ParseNumber reads the number that a response code carries.
func ParseNumber(b []byte) (uint64, bool) {
	s := scanner{b: b}
	s.space()
	return number(s.word())
}

// ParseWords splits a list of atoms such as CAPABILITY or ENABLED.
func ParseWords(b []byte) []string { return strings.Fields(string(b)) }

// ParseFlagList splits "(a b)"; the parentheses may be missing.
func ParseFlagList(b []byte) []string {
	s := scanner{b: b}
	s.space()
	if inner, ok := s.list(); ok {
		b = inner
	}
	return ParseWords(b)
}
