package report

import (
	"bufio"
	"io"
	"mime"
	"strings"
)

// maxHeader bounds how much of a message is read in search of Subject and From.
const maxHeader = 64 << 10

// ReadHead returns the decoded Subject and From fields of a header, "" for one
// that there is not. It is lenient: whatever the message holds, it returns some
// text.
func ReadHead(r io.Reader) (subject, from string) {
	br := bufio.NewReader(io.LimitReader(r, maxHeader))
	values := map[string]*string{"subject": &subject, "from": &from}
	var open *string // the field that a continuation line goes on with
	for {
		line, err := br.ReadString('\n')
		text := strings.TrimRight(line, "\r\n")
		if text == "" {
			break // the end of the header
		}
		if text[0] == ' ' || text[0] == '\t' {
			if open != nil {
				*open += " " + strings.TrimSpace(text)
			}
		} else {
			name, value, _ := strings.Cut(text, ":")
			open = values[strings.ToLower(strings.TrimRight(name, " \t"))]
			if open != nil && *open == "" {
				*open = strings.TrimSpace(value)
			} else {
				open = nil // of several the first counts
			}
		}
		if err != nil {
			break
		}
	}
	return decodeHeader(subject), decodeHeader(from)
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

// HeadBytes is how much of a message on the server is read in search of sender
// and subject.
const HeadBytes = 8 << 10
