package refusal

import (
	"errors"
	"io"
	"syscall"

	"satchel/sync/mail"
)

// A server that comes upon something damaged in its store may end the session,
// as Dovecot does, and would do so again each time. What it was asked for then
// is what has to be asked for apart from the rest.

// Ending is what a server was asked for when it ended a connection: the oldest
// command without an answer.
type Ending struct {
	Mailbox  string // empty: the list of mailboxes
	Messages bool   // for messages of it; it was open by then
}

// EndedAt reports whether err says that a server ended a connection that it was
// read from, without the reason that a limit is. It may have been the network.
func EndedAt(err error) (at Ending, ok bool) {
	var e *mail.Error
	if !errors.As(err, &e) || e.Kind != mail.KindConnection {
		return at, false
	}
	var bye *ByeError
	if limit, _ := LimitOf(err); limit != NoLimit || errors.As(err, &bye) && bye.Refused || bye == nil && !IsClosing(err) {
		return at, false
	}
	switch e.Op {
	case OpFetch, OpProbe, OpHeader:
		return Ending{Mailbox: e.Mailbox, Messages: true}, e.Mailbox != ""
	case OpList:
		return Ending{}, true
	case OpExamine, OpSelect, OpChanges, OpMessages, OpStatus, OpLookup, OpIdentity:
		return Ending{Mailbox: e.Mailbox}, e.Mailbox != ""
	}
	return at, false
}

// What is read, as errors name it.
const (
	OpFetch    = "fetch"
	OpProbe    = "probe"
	OpHeader   = "header"
	OpList     = "list mailboxes"
	OpExamine  = "examine"
	OpSelect   = "select"
	OpChanges  = "changes"
	OpMessages = "list messages"
	OpStatus   = "status"
	OpDelete   = "delete mailbox"
	OpLookup   = "look for mailbox"
	OpIdentity = "ask for the identity of mailboxes"
)

// OfMessages reports whether an error is about messages that were asked for, of
// a mailbox that could be opened.
func OfMessages(err error) bool {
	var e *mail.Error
	return errors.As(err, &e) && (e.Op == OpFetch || e.Op == OpProbe || e.Op == OpHeader)
}

// IsClosing reports whether err is how the other end's closing looks.
func IsClosing(err error) bool {
	for _, how := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, how) {
			return true
		}
	}
	return false
}
