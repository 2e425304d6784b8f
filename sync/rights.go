package sync

import (
	"errors"
	"fmt"
	"time"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// Whether messages may be taken out of a mailbox is announced by \Deleted in
// PERMANENTFLAGS (RFC 4314 §4), and announced wrongly: some servers list the
// flags in use there. So it is tried. Only where the server announces nothing of
// the kind and does nothing of the kind either, removals and moves wait.

// faultRemoval is what is remembered of such a mailbox.
const faultRemoval = "removal"

// retryRemoval is how long a mailbox is believed to keep all its messages; then
// it is tried again, and before that when the announcement changes.
const retryRemoval = 24 * time.Hour

// errKeepsAll is a removal or a move that waits until the server allows it. The
// next cycle says so.
var errKeepsAll = fmt.Errorf("the server lets no message be taken out: %w", mail.ErrChanged)

// keepsAll reports whether the server was seen to keep all messages of a
// mailbox. session.mu is held.
func (s *session) keepsAll(mailbox string) bool {
	since := s.distrust[fault{mailbox, faultRemoval}]
	return !since.IsZero() && s.start.Sub(since) < retryRemoval
}

// mayRemove gives a mailbox its chance again.
func (s *session) mayRemove(mailbox string) {
	s.absolve(fault{mailbox, faultRemoval})
}

// notRemoved looks at the changes that were to take messages out of a mailbox
// and did not, where the server had not announced that they would.
func (a *applier) notRemoved(mb *mailbox, changes []*laneChange) {
	if !a.keeps(mb).Stores(mail.Flags{System: mail.Deleted}).IsEmpty() {
		return
	}
	for _, x := range changes {
		switch x.op.Kind {
		case plan.RemoteRemove, plan.RemoteTrash, plan.RemoteMove:
		default:
			continue
		}
		if !refusedRight(x.err) && !didNothing(x.err) {
			continue
		}
		x.err = errKeepsAll
		a.mu.Lock()
		a.distrust[fault{mb.name, faultRemoval}] = a.start
		a.mu.Unlock()
	}
}

// refusedRight reports whether a refusal may be for want of a right, and is not
// about the destination, a limit or the moment.
func refusedRight(err error) bool {
	var re *remote.ResponseError
	if limit, _ := remote.LimitOf(err); limit != remote.NoLimit || !errors.As(err, &re) {
		return false
	}
	return re.Code != remote.CodeTryCreate && re.Code != remote.CodeNonExistent && re.Code != remote.CodeAlreadyExists
}

// didNothing reports whether the server said OK and left the message there.
func didNothing(err error) bool {
	var e *remote.NotDoneError
	return errors.As(err, &e) && e.Op != "copy"
}
