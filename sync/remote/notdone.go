package remote

import (
	"errors"
	"fmt"

	"satchel/sync/mail"
)

// NotDoneError is about messages for which the server said OK and did nothing.
type NotDoneError struct {
	Op   string // "copy", "expunge" or "store"
	UIDs []mail.UID
}

func (e *NotDoneError) Error() string {
	return fmt.Sprintf("the server answered OK to %s and did nothing for %d messages", e.Op, len(e.UIDs))
}

// NotDone returns the messages for which the command behind err did nothing,
// though the server says it did.
func NotDone(err error) []mail.UID {
	var e *NotDoneError
	if errors.As(err, &e) {
		return e.UIDs
	}
	return nil
}
