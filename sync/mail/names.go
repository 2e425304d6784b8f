package mail

import "strings"

// Names of mailboxes are canonical here: levels are separated by "/", and the
// one at the top is INBOX in capitals.

// Within reports whether name is that of mailbox, or of one below it.
func Within(name, mailbox string) bool {
	_, ok := Renamed(name, mailbox, "")
	return ok
}

// Renamed returns the name that a mailbox gets when from, with all that is
// below it, becomes to. ok is false, and the name as it was, for one that is
// not within from.
func Renamed(name, from, to string) (renamed string, ok bool) {
	rest, ok := strings.CutPrefix(name, from)
	if !ok || rest != "" && rest[0] != '/' {
		return name, false
	}
	return to + rest, true
}
