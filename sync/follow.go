package sync

import (
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// landing is a message by its place on the server. It holds no more than a plan
// does, since lanes change rows side by side.
type landing struct{ mailbox, key string }

// follows notes that flags of a message which this run uploaded or copied may
// follow by STORE. To the user that is one operation, and the plan named one.
func (s *session) follows(mb *mailbox, uid mail.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.landed == nil {
		s.landed = map[landing]bool{}
	}
	s.landed[landing{mb.name, uidKey(uid)}] = true
}

// completes reports whether an operation sets the flags of what this run
// uploaded or copied.
func (s *session) completes(op *plan.Op) bool {
	if op.Kind != plan.RemoteFlags {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.landed[landing{op.Item.Remote.Mailbox, op.Item.Remote.Key}]
}
