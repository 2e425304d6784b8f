package sync

import (
	"strconv"

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

// followsUnplaced notes the same of a message that the server took without saying
// as what: the next cycle finds it.
func (s *session) followsUnplaced(mailbox string, m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.landed == nil {
		s.landed = map[landing]bool{}
	}
	s.landed[landing{mailbox, unplacedKey(m)}] = true
}

// unplacedKey is no UID. What the base has is known by its row, if its mailbox did not
// start anew, and else by its file: the server may have altered what it holds.
func unplacedKey(m *message) string {
	if m.item.InBase && m.id != 0 {
		return "row " + strconv.FormatInt(m.id, 10)
	}
	return "file " + m.file.Base()
}

// completes reports whether an operation sets the flags of what this run
// uploaded or copied.
func (s *session) completes(op *plan.Op) bool {
	if op.Kind != plan.RemoteFlags {
		return false
	}
	mailbox := op.Item.Remote.Mailbox
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.landed[landing{mailbox, op.Item.Remote.Key}] {
		return true
	}
	return len(s.landed) > 0 && s.landed[landing{mailbox, unplacedKey(ref(op.Item))}]
}
