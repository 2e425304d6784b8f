package apply

import (
	"strconv"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// follows notes that flags of a message which this run uploaded or copied may
// follow by STORE. To the user that is one operation, and the plan named one.
func (s *Apply) follows(mb *view.Mailbox, uid mail.UID) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if s.landed == nil {
		s.landed = map[view.Landing]bool{}
	}
	s.landed[view.Landing{Mailbox: mb.Name, Key: view.UIDKey(uid)}] = true
}

// followsUnplaced notes the same of a message that the server took without saying
// as what: the next cycle finds it.
func (s *Apply) followsUnplaced(mailbox string, m *view.Message) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if s.landed == nil {
		s.landed = map[view.Landing]bool{}
	}
	s.landed[view.Landing{Mailbox: mailbox, Key: unplacedKey(m)}] = true
}

// unplacedKey is no UID. What the base has is known by its row, if its mailbox did not
// start anew, and else by its file: the server may have altered what it holds.
func unplacedKey(m *view.Message) string {
	if m.Item.InBase && m.ID != 0 {
		return "row " + strconv.FormatInt(m.ID, 10)
	}
	return "file " + m.File.Base()
}

// completes reports whether an operation sets the flags of what this run
// uploaded or copied.
func (s *Apply) completes(op *plan.Op) bool {
	if op.Kind != plan.RemoteFlags {
		return false
	}
	mailbox := op.Item.Remote.Mailbox
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if s.landed[view.Landing{Mailbox: mailbox, Key: op.Item.Remote.Key}] {
		return true
	}
	return len(s.landed) > 0 && s.landed[view.Landing{Mailbox: mailbox, Key: unplacedKey(view.Ref(op.Item))}]
}
