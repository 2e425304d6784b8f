package sync

import (
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// A message that the server cannot give is set aside until the run ends: the
// cursor waits for it, so that the next run asks again, and the later cycles of
// this one do not.

// asideKey is a message of the server.
type asideKey struct {
	mailbox  string
	validity mail.UIDValidity
	uid      mail.UID
}

func (a *applier) asideKey(op *plan.Op) asideKey {
	return asideKey{op.Mailbox, a.validity(a.mailboxes[op.Mailbox]), ref(op.Item).uid}
}

// setAside leaves a download to the next run.
func (a *applier) setAside(op *plan.Op, err error) {
	key := a.asideKey(op)
	a.mu.Lock()
	if a.aside == nil {
		a.aside = map[asideKey]error{}
	}
	a.aside[key] = err
	a.mu.Unlock()
	a.skip(op, err)
}

// isAside skips a download that this run tried already.
func (a *applier) isAside(op *plan.Op) bool {
	key := a.asideKey(op)
	a.mu.Lock()
	err := a.aside[key]
	a.mu.Unlock()
	if err == nil {
		return false
	}
	a.skip(op, err)
	return true
}
