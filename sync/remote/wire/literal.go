package wire

import "bytes"

// Literal is the announcement of a literal at the end of a line
// (RFC 3501 §4.3, RFC 7888, RFC 3516 for literal8).
type Literal struct {
	Size   int64
	Binary bool // ~{n}
}

// ParseLiteral reads an announcement at the start of line, which must end
// directly behind it, and returns its length with the line end; 0 when there
// is none.
func ParseLiteral(line []byte) (Literal, int) {
	text := TrimEOL(line)
	if len(text) == len(line) {
		return Literal{}, 0
	}
	lit, start, ok := TrailingLiteral(text)
	if !ok || start != 0 {
		return Literal{}, 0
	}
	return lit, len(line)
}

// TrailingLiteral looks for an announcement at the end of text, a line
// without its end, and returns where it starts.
func TrailingLiteral(text []byte) (lit Literal, start int, ok bool) {
	digits, start, ok := trailingBraces(text)
	if !ok {
		return Literal{}, 0, false
	}
	digits = bytes.TrimSuffix(digits, []byte("+")) // seen from servers too
	n, ok := number(digits)
	if !ok || n > 1<<62 {
		return Literal{}, 0, false
	}
	lit.Size = int64(n)
	if start > 0 && text[start-1] == '~' {
		lit.Binary = true
		start--
	}
	return lit, start, true
}

// BrokenLiteral reports whether text ends in what was meant as a literal but
// tells no usable size. How many bytes follow is then unknown, and with that
// where the next response begins.
func BrokenLiteral(text []byte) bool {
	digits, _, ok := trailingBraces(text)
	if !ok || len(digits) == 0 {
		return false
	}
	for _, c := range digits {
		if (c < '0' || c > '9') && c != '-' && c != '+' {
			return false
		}
	}
	_, _, ok = TrailingLiteral(text)
	return !ok
}

func trailingBraces(text []byte) (inner []byte, start int, ok bool) {
	if len(text) < 3 || text[len(text)-1] != '}' {
		return nil, 0, false
	}
	start = bytes.LastIndexByte(text, '{')
	if start < 0 {
		return nil, 0, false
	}
	return text[start+1 : len(text)-1], start, true
}

// TrimEOL removes CRLF, or the bare LF that some servers send.
func TrimEOL(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
		if n > 1 && line[n-2] == '\r' {
			line = line[:n-2]
		}
	}
	return line
}
