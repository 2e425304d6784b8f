package remote

import (
	"errors"

	"satchel/sync/mail"
)

var (
	errOutOfOrder = errors.New("the server answered commands out of order")
	errClosed     = errors.New("connection closed")
	errLongLine   = errors.New("the server sent a line longer than 16 MB")
	errLiteral    = errors.New("the server sent a literal of unknown size")
	errOtherUID   = errors.New("the server sent another message than the one that was asked for")
)

// isDead reports whether err means that the connection is gone.
func isDead(err error) bool {
	return err != nil && mail.KindOf(err) == mail.KindConnection
}
