package quirk

import (
	"errors"
	"fmt"
	"time"

	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/run"
)

// Whether messages may be taken out of a mailbox is announced by \Deleted in
// PERMANENTFLAGS (RFC 4314 §4), and announced wrongly: some servers list the
// flags in use there. So it is tried. Only where the server announces nothing of
// the kind and does nothing of the kind either, removals and moves wait.

// FaultRemoval is what is remembered of such a mailbox.
const FaultRemoval = "removal"

// retryRemoval is how long a mailbox is believed to keep all its messages; then
// it is tried again, and before that when the announcement changes.
const retryRemoval = 24 * time.Hour

// ErrKeepsAll is a removal or a move that waits until the server allows it. The
// next cycle says so.
var ErrKeepsAll = fmt.Errorf("the server lets no message be taken out: %w", mail.ErrChanged)

// keepsAll reports whether the server was seen to keep all messages of a
// mailbox. session.mu is held.
func (s *Quirks) keepsAll(mailbox string) bool {
	since := s.Distrust[run.Fault{Mailbox: mailbox, What: FaultRemoval}]
	return !since.IsZero() && s.Start.Sub(since) < retryRemoval
}

// MayRemove gives a mailbox its chance again.
func (s *Quirks) MayRemove(mailbox string) {
	s.Absolve(run.Fault{Mailbox: mailbox, What: FaultRemoval})
}

// RefusedRight reports whether a refusal may be for want of a right, and is not
// about the destination, a limit or the moment.
func RefusedRight(err error) bool {
	var re *remote.ResponseError
	if limit, _ := remote.LimitOf(err); limit != remote.NoLimit || !errors.As(err, &re) {
		return false
	}
	return re.Code != remote.CodeTryCreate && re.Code != remote.CodeNonExistent && re.Code != remote.CodeAlreadyExists
}

// DidNothing reports whether the server said OK and left the message there.
func DidNothing(err error) bool {
	var e *remote.NotDoneError
	return errors.As(err, &e) && e.Op != "copy"
}
