package imaptest

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// utf7Base64 is the alphabet of modified UTF-7, RFC 3501 §5.1.3.
func utf7Base64() *base64.Encoding {
	return base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding).Strict()
}

// EncodeName writes a mailbox name in modified UTF-7.
func EncodeName(name string) string {
	var b strings.Builder
	var pending []rune
	flush := func() {
		if len(pending) == 0 {
			return
		}
		var raw []byte
		for _, u := range utf16.Encode(pending) {
			raw = append(raw, byte(u>>8), byte(u))
		}
		b.WriteString("&" + utf7Base64().EncodeToString(raw) + "-")
		pending = pending[:0]
	}
	for _, r := range name {
		if r < ' ' || r > '~' {
			pending = append(pending, r)
			continue
		}
		flush()
		b.WriteRune(r)
		if r == '&' {
			b.WriteByte('-')
		}
	}
	flush()
	return b.String()
}

// DecodeName reads modified UTF-7 and accepts only the one form that EncodeName writes: a name has one spelling.
func DecodeName(raw string) (string, error) {
	bad := errors.New("invalid modified UTF-7")
	var b strings.Builder
	for rest := raw; rest != ""; {
		plain, shifted, found := strings.Cut(rest, "&")
		b.WriteString(plain)
		if !found {
			break
		}
		code, after, found := strings.Cut(shifted, "-")
		if !found {
			return "", bad
		}
		rest = after
		if code == "" {
			b.WriteByte('&')
			continue
		}
		bytes, err := utf7Base64().DecodeString(code)
		if err != nil || len(bytes)%2 != 0 {
			return "", bad
		}
		units := make([]uint16, 0, len(bytes)/2)
		for i := 0; i < len(bytes); i += 2 {
			units = append(units, uint16(bytes[i])<<8|uint16(bytes[i+1]))
		}
		for _, r := range utf16.Decode(units) {
			b.WriteRune(r)
		}
	}
	name := b.String()
	if !utf8.ValidString(name) || EncodeName(name) != raw {
		return "", bad
	}
	return name, nil
}
