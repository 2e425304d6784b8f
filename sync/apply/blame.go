package apply

import (
	"fmt"
	"time"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/quirk"
	"satchel/sync/run"
	"satchel/sync/view"
)

// known reports whether an earlier run could not fetch a message because the
// server ended the session, or refused.
func (a *applier) known(op *plan.Op) bool { return !a.triedAt(op).IsZero() }

// triedAt returns when a run last failed at a message; zero when none did.
func (a *applier) triedAt(op *plan.Op) time.Time {
	return a.quirks.Since(quirk.MessageFault(a.asideKey(op)))
}

// catch sets a message aside that the server cannot give.
func (a *applier) catch(op *plan.Op, why string, err error) {
	key := a.asideKey(op)
	a.Mu.Lock()
	if a.quirks.Blame.Caught == nil {
		a.quirks.Blame.Caught = map[run.Fault]bool{}
	}
	a.quirks.Blame.Caught[quirk.MessageFault(key)] = true
	a.Mu.Unlock()
	a.setAside(op, &mail.Error{Op: "fetch", Mailbox: op.Mailbox, UID: key.UID, Kind: mail.KindMessage,
		Hint: "everything else is synced; the message is damaged on the server: tell its administrator, or remove it there",
		Err:  fmt.Errorf("%s: %w", why, quirk.EndedBy(err))})
}

// clear notes that a message came that an earlier run could not fetch.
func (a *applier) clear(op *plan.Op) {
	f := quirk.MessageFault(a.asideKey(op))
	if a.quirks.Since(f).IsZero() {
		return
	}
	a.Mu.Lock()
	defer a.Mu.Unlock()
	if a.quirks.Blame.Sound == nil {
		a.quirks.Blame.Sound = map[run.Fault]bool{}
	}
	a.quirks.Blame.Sound[f] = true
}

// A message that the server cannot give is set aside until the run ends: the
// cursor waits for it, so that the next run asks again, and the later cycles of
// this one do not.

func (a *applier) asideKey(op *plan.Op) view.AsideKey {
	return view.AsideKey{Mailbox: op.Mailbox, Validity: a.Validity(a.Mailboxes[op.Mailbox]), UID: view.Ref(op.Item).UID}
}

// setAside leaves a download to the next run.
func (a *applier) setAside(op *plan.Op, err error) {
	key := a.asideKey(op)
	a.Mu.Lock()
	if a.aside == nil {
		a.aside = map[view.AsideKey]error{}
	}
	a.aside[key] = err
	a.Mu.Unlock()
	a.skip(op, err)
}

// isAside skips a download that this run tried already.
func (a *applier) isAside(op *plan.Op) bool {
	key := a.asideKey(op)
	a.Mu.Lock()
	err := a.aside[key]
	a.Mu.Unlock()
	if err == nil {
		return false
	}
	a.skip(op, err)
	return true
}
