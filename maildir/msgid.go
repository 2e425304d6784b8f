package maildir

import (
	"bytes"
	"strings"
)

// maxHeader is how much of a message is searched for its Message-ID, in bytes.
const maxHeader = 256 << 10

// headScanner collects the header of a message that goes by.
type headScanner struct {
	head []byte
	done bool
}

func (h *headScanner) write(p []byte) {
	if h.done {
		return
	}
	p = p[:min(len(p), maxHeader-len(h.head))]
	// The empty line may lie across the border between two writes.
	from := max(0, len(h.head)-3)
	h.head = append(h.head, p...)
	if i := headEnd(h.head[from:]); i >= 0 {
		h.head, h.done = h.head[:from+i], true
	}
	h.done = h.done || len(h.head) >= maxHeader
}

// headEnd returns where the empty line after the header begins, or -1.
func headEnd(p []byte) int {
	a, b := bytes.Index(p, []byte("\n\n")), bytes.Index(p, []byte("\n\r\n"))
	switch {
	case a < 0 && b < 0:
		return -1
	case a < 0 || b >= 0 && b < a:
		return b + 1
	}
	return a + 1
}

// messageID returns the value of the first Message-ID field with its
// continuation lines joined, whatever else the header is like.
func (h *headScanner) messageID() string {
	const name = "message-id"
	var value []byte
	found := false
	for line := range bytes.Lines(h.head) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break // a message that begins with an empty line has no header
		}
		if line[0] == ' ' || line[0] == '\t' {
			if found {
				value = append(append(value, ' '), bytes.TrimSpace(line)...)
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
	return string(bytes.TrimSpace(value))
}
