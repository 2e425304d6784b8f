package state

import (
	"strings"

	"satchel/sync/mail"
)

// encodeFlags writes flags as Maildir letters, and keywords behind spaces:
// "FS work todo".
func encodeFlags(f mail.Flags) string {
	s := f.System.Letters()
	if kw := f.Keywords(); len(kw) > 0 {
		s += " " + strings.Join(kw, " ")
	}
	return s
}

// decodeFlags is the inverse of encodeFlags.
func decodeFlags(s string) mail.Flags {
	letters, keywords, some := strings.Cut(s, " ")
	var f mail.Flags
	if some {
		f = mail.NewFlags(strings.Split(keywords, " ")...)
	}
	for i := 0; i < len(letters); i++ {
		if bit, ok := mail.FromLetter(letters[i]); ok {
			f.System |= bit
		}
	}
	return f
}
