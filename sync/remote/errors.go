package remote

import (
	"errors"

	"satchel/sync/mail"
)

var (
	errStalled    = error(stalledError{})
	errOutOfOrder = errors.New("the server answered commands out of order")
	errClosed     = errors.New("connection closed")
	errLongLine   = errors.New("the server sent a line longer than 16 MB")
	errLiteral    = errors.New("the server sent a literal of unknown size")
	errOtherUID   = errors.New("the server sent another message than the one that was asked for")
)

// What a server's list of messages may be.
var (
	// ErrIncomplete says that the server listed fewer messages than it says the
	// mailbox holds, so nothing can be concluded from those that are missing.
	ErrIncomplete = errors.New("the server's list of messages is incomplete")
	// ErrExcess says that the server told of thousands of messages more than it says
	// the mailbox holds, or of more than are kept of any mailbox (maxHeld).
	ErrExcess = errors.New("the server tells of far more messages than it says there are, or than any mailbox holds")
)

// stalledError is a [net.Error] of the kind that time ended.
type stalledError struct{}

func (stalledError) Error() string   { return "the server sent nothing for too long" }
func (stalledError) Timeout() bool   { return true }
func (stalledError) Temporary() bool { return true }

// isDead reports whether err means that the connection is gone.
func isDead(err error) bool {
	return err != nil && mail.KindOf(err) == mail.KindConnection
}
