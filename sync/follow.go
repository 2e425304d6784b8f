package sync

import (
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// landing is a message by its place on the server.
type landing struct {
	mailbox int64 // the row
	uid     mail.UID
}

// follows notes that flags of a message which this run uploaded or copied may
// follow by STORE. To the user that is one operation, and the plan named one.
func (s *session) follows(mb *mailbox, uid mail.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.landed == nil {
		s.landed = map[landing]bool{}
	}
	s.landed[landing{mb.row.ID, uid}] = true
}

// completes reports whether an operation sets the flags of what this run
// uploaded or copied.
func (s *session) completes(op *plan.Op) bool {
	if op.Kind != plan.RemoteFlags {
		return false
	}
	m := ref(op.Item)
	s.mu.Lock()
	defer s.mu.Unlock()
	return m.row != nil && s.landed[landing{m.row.MailboxID, m.uid}]
}
