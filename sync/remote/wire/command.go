package wire

import (
	"strings"

	"satchel/sync/mail"
)

// MaxCommand is how long a command may be, without its literals. Servers are to
// take 8,192 bytes (RFC 7162 §4); beyond that some end the connection.
const MaxCommand = 8000

// tagRoom is what tag, blanks and line end take of it at most.
const tagRoom = len("X18446744073709551615 ") + len(" \r\n")

// MaxKeyword is how long a keyword may be: a command must hold the flags of a
// folder, of which a Maildir has 26 and the six of the system. Longer ones are
// refused before a command is made of them, as longer names are.
const MaxKeyword = 120

// SetRoom is how long a set may be in a command that has these parts beside it.
func SetRoom(parts ...string) int {
	room := MaxCommand - tagRoom
	for _, p := range parts {
		room -= len(p)
	}
	return room
}

// FormatFlags writes flags for STORE and APPEND and returns those that cannot be
// written: a quote or parenthesis would end the command early, and one that is
// too long would make it too long.
func FormatFlags(f mail.Flags) (list string, refused mail.Flags) {
	var good, bad []string
	for _, n := range f.Names() {
		if len(n) > MaxKeyword || strings.ContainsAny(strings.TrimPrefix(n, `\`), "(){\"\\%*") || !IsASCII(n) {
			bad = append(bad, n)
			continue
		}
		good = append(good, n)
	}
	return "(" + strings.Join(good, " ") + ")", mail.NewFlags(bad...)
}

// IsASCII reports whether a word has visible ASCII letters only.
func IsASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
