package mail

import (
	"errors"
	"fmt"
)

// Kind says how much an error makes unusable, and so what may go on.
type Kind uint8

// The kinds, from the narrowest to the widest.
const (
	// KindMessage concerns one message; the rest of its mailbox goes on.
	KindMessage Kind = iota
	// KindMailbox concerns one mailbox; the rest of the account goes on.
	KindMailbox
	// KindAccount stops the account.
	KindAccount
	// KindConfig is wrong usage or configuration: exit 2.
	KindConfig
	// KindBusy is another satchel at work: exit 3.
	KindBusy
	// KindConnection is no connection, no TLS or a refused login: exit 4.
	KindConnection
	// KindBrake is a safety brake (SPEC §7): exit 5.
	KindBrake
)

func (k Kind) String() string {
	switch k {
	case KindMessage:
		return "message"
	case KindMailbox:
		return "mailbox"
	case KindAccount:
		return "account"
	case KindConfig:
		return "configuration"
	case KindBusy:
		return "busy"
	case KindConnection:
		return "connection"
	case KindBrake:
		return "brake"
	}
	return "unknown"
}

// Error is what crosses package borders: what was attempted, where, how much
// is unusable, and what to do next.
type Error struct {
	Op      string // what was attempted, lower case: "select", "open maildir"
	Mailbox string // empty when no mailbox is concerned
	UID     UID    // zero when no message is concerned
	Kind    Kind
	Hint    string // the next thing to do, as a command or a sentence; may be empty
	Err     error  // the cause; may be nil when Op says it all
}

func (e *Error) Error() string {
	s := e.Op
	if e.Mailbox != "" {
		s += " " + e.Mailbox
	}
	if e.UID != 0 {
		s += fmt.Sprintf(" uid %d", e.UID)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Facts that callers act on.
var (
	// ErrGone: the file, message or mailbox that was seen is no longer there.
	ErrGone = errors.New("no longer there")
	// ErrExists: a name that was to be taken is taken already.
	ErrExists = errors.New("already exists")
	// ErrChanged: the message changed after it was seen, so the operation
	// was not carried out (RFC 7162 §3.1.3, MODIFIED).
	ErrChanged = errors.New("changed meanwhile")
	// ErrReadOnly: the mailbox or folder may not be changed.
	ErrReadOnly = errors.New("read-only")
	// ErrUIDValidityChanged: all UIDs known of a mailbox are void.
	ErrUIDValidityChanged = errors.New("UIDVALIDITY changed")
)

// KindOf returns the widest kind in err's chain, and KindMessage for an
// error that carries none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindMessage
}

// HintOf returns the first hint in err's chain.
func HintOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}
