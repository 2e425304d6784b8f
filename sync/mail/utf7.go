package mail

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// mutf7 is the alphabet of RFC 3501 §5.1.3: base64 with "," for "/".
func mutf7() *base64.Encoding {
	return base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").
		WithPadding(base64.NoPadding)
}

// EncodeUTF7 writes a name in modified UTF-7 (RFC 3501 §5.1.3), as servers have
// the names of mailboxes, and some programs the folders on disk.
func EncodeUTF7(name string) string {
	var b strings.Builder
	var run []rune
	flush := func() {
		if len(run) == 0 {
			return
		}
		var raw []byte
		for _, u := range utf16.Encode(run) {
			raw = append(raw, byte(u>>8), byte(u))
		}
		b.WriteByte('&')
		b.WriteString(mutf7().EncodeToString(raw))
		b.WriteByte('-')
		run = run[:0]
	}
	for _, r := range name {
		if r < ' ' || r > '~' {
			run = append(run, r)
			continue
		}
		flush()
		if r == '&' {
			b.WriteString("&-")
		} else {
			b.WriteRune(r)
		}
	}
	flush()
	return b.String()
}

// DecodeUTF7 reads modified UTF-7. ok is false for a name that is not in that
// form; such names exist on servers, and have to be sent as they came.
func DecodeUTF7(name string) (string, bool) {
	if !strings.Contains(name, "&") {
		return name, utf8.ValidString(name)
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '&' {
			b.WriteByte(name[i])
			continue
		}
		end := strings.IndexByte(name[i:], '-')
		if end < 0 {
			return "", false
		}
		text, ok := decodeRun(name[i+1 : i+end])
		if !ok {
			return "", false
		}
		b.WriteString(text)
		i += end
	}
	return b.String(), utf8.ValidString(b.String())
}

func decodeRun(enc string) (string, bool) {
	if enc == "" {
		return "&", true
	}
	raw, err := mutf7().DecodeString(enc)
	if err != nil || len(raw)%2 != 0 || len(raw) == 0 {
		return "", false
	}
	units := make([]uint16, 0, len(raw)/2)
	for i := 0; i < len(raw); i += 2 {
		units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
	}
	runes := utf16.Decode(units)
	for _, r := range runes {
		// Printable ASCII must stand for itself: otherwise two names on the
		// wire are one name to a person, and "/" could hide in a level.
		if r == utf8.RuneError || (r >= ' ' && r <= '~') {
			return "", false
		}
	}
	return string(runes), true
}
