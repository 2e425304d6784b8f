package remote

import (
	"strings"

	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// command is one command in flight. The goroutine that reads from the server
// calls its functions and fills in its result; once done is closed everything
// belongs to the goroutine that waits.
type command struct {
	line string // the command without tag and line end

	// untagged takes each response that arrives while this command is the
	// oldest one. It must not block.
	untagged func(wire.Response)
	// literal may take over a literal of a FETCH response instead of having
	// it read into memory. It returns false to decline.
	literal func(f *wire.Fetch, r *literalReader) bool
	// free: the server may answer it in any order with other free commands.
	free bool
	// lists: its answers are of kinds that no other command has, so the server
	// may give them, and end it, while others are under way (RFC 3501 §5.5).
	lists bool
	// viaGoIMAP: the tag is go-imap's, which waits for the answer too.
	viaGoIMAP bool
	// compress: what follows the answer OK is compressed, both ways.
	compress bool
	// login: continuation requests belong to go-imap.
	login bool
	// answer replaces what go-imap writes in answer to a challenge, without
	// its line end.
	answer func(line string) string
	// cont is told of each continuation request (RFC 3501 §7.5), when set.
	cont chan struct{}

	continued bool // cont was told; reading goroutine only

	within string // the name of the mailbox that was opened last before it, as it was sent

	tag   string
	depth int64 // how many turns of the line it took to get here

	done   chan struct{}
	status string // OK, NO or BAD
	text   wire.Text
}

// finished reports whether the answer is there, and so may be looked at.
func (c *command) finished() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (c *command) err() error { return refusal.Of(c.status, c.text, c.quotable()) }

// openedBy returns the name in a command that opens a mailbox, "" for another.
func openedBy(line string) string {
	if verb, name, _ := strings.Cut(line, " "); verb == "SELECT" || verb == "EXAMINE" {
		return name
	}
	return ""
}

// quotable is what the answer to a command may quote. What a login sends is no
// name, and is kept nowhere.
func (c *command) quotable() string {
	if c.login {
		return ""
	}
	return c.line + " " + c.within
}
