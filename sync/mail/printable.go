package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSaid bounds a text of somebody else that is kept or shown, in runes.
const maxSaid = 500

// Printable makes text of a server, a message or a file name safe for a
// terminal, a log and a table: a line break or tab becomes a blank, and what a
// terminal obeys, what turns the direction of text round and what nobody sees
// becomes U+FFFD. Text that is Printable stays as it is.
func Printable(s string) string {
	if !strings.ContainsFunc(s, Unprintable) && utf8.ValidString(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case Unprintable(r):
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// Unprintable reports whether a character does something else than to be seen:
// controls (C0, C1), formats such as the direction of text and joiners of no
// width, separators of lines, and whatever Unicode has drawn as nothing. The
// marks that Unicode counts as formats and that are drawn are none of these.
func Unprintable(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// Said is a text of somebody else as it is kept in an error, a log or the
// state: Printable, and no longer than anybody reads.
func Said(s string) string { return Shortened(strings.TrimSpace(s), maxSaid) }

// Shortened is Printable text of at most n runes; what was cut off is told by
// three dots at the end.
func Shortened(s string, n int) string {
	const dots = "..."
	// A rune takes no more than four bytes: what is behind them is not looked at.
	if len(s) > 4*n+4 {
		s = strings.ToValidUTF8(s[:4*n+4], string(utf8.RuneError))
	}
	s = Printable(s)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	keep := 0
	for i := range s {
		if keep++; keep > n-len(dots) {
			return s[:i] + dots
		}
	}
	return s
}
