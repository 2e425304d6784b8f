package wire

import (
	"bytes"
	"strings"
)

// MessageIDItem asks for the Message-ID without marking the message \Seen.
const MessageIDItem = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"

// MessageIDOf returns the Message-ID that a FETCH response tells, if it does.
func MessageIDOf(f *Fetch) (id string, told bool) {
	for _, s := range f.Sections {
		if !s.Nil && strings.HasPrefix(string(s.Name), "BODY[HEADER.FIELDS") {
			return messageID(s.Data), true
		}
	}
	return "", false
}

// messageID reads the value of the first Message-ID field, unfolded.
func messageID(header []byte) string {
	_, value, ok := bytes.Cut(header, []byte(":"))
	if !ok {
		return ""
	}
	var b strings.Builder
	for i, line := range bytes.Split(value, []byte("\n")) {
		if i > 0 && (len(line) == 0 || line[0] != ' ' && line[0] != '\t') {
			break
		}
		b.Write(bytes.TrimSpace(line))
	}
	return b.String()
}

// FetchOf reads a FETCH response that names its UID.
func FetchOf(r Response) (Fetch, bool) {
	if r.Kind != "FETCH" {
		return Fetch{}, false
	}
	f, ok := ParseFetch(r.Rest)
	return f, ok && f.UID != 0
}
