package sync

import (
	"bufio"
	"io"
	"mime"
	"strings"
)

// maxHeader bounds how much of a message is read in search of its Subject.
const maxHeader = 64 << 10

// readSubject returns the decoded Subject header, "" if there is none. It is
// lenient: whatever the message holds, it returns some text.
func readSubject(r io.Reader) string {
	br := bufio.NewReader(io.LimitReader(r, maxHeader))
	var value string
	found := false
	for {
		line, err := br.ReadString('\n')
		text := strings.TrimRight(line, "\r\n")
		switch {
		case found && text != "" && (text[0] == ' ' || text[0] == '\t'):
			value += " " + strings.TrimSpace(text)
		case found || text == "":
			return decodeHeader(value)
		case len(text) >= 8 && strings.EqualFold(text[:8], "subject:"):
			found = true
			value = strings.TrimSpace(text[8:])
		}
		if err != nil {
			return decodeHeader(value)
		}
	}
}

func decodeHeader(v string) string {
	var d mime.WordDecoder
	if s, err := d.DecodeHeader(v); err == nil {
		v = s
	}
	return strings.TrimSpace(strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, v), "�"))
}
