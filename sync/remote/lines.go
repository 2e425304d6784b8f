package remote

// maxCommand is how long a command may be, without its literals. Servers are to
// take 8,192 bytes (RFC 7162 §4); beyond that some end the connection.
const maxCommand = 8000

// tagRoom is what tag, blanks and line end take of it at most.
const tagRoom = len("X18446744073709551615 ") + len(" \r\n")

// maxKeyword is how long a keyword may be: a command must hold the flags of a
// folder, of which a Maildir has 26 and the six of the system. Longer ones are
// refused before a command is made of them, as longer names are.
const maxKeyword = 120

// setRoom is how long a set may be in a command that has these parts beside it.
func setRoom(parts ...string) int {
	room := maxCommand - tagRoom
	for _, p := range parts {
		room -= len(p)
	}
	return room
}
