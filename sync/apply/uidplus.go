package apply

import (
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/view"
)

// taken reports whether another message of the base has the UID that the server
// gave to this one.
func (a *applier) taken(tx *state.Tx, mb *view.Mailbox, x *laneChange) (bool, error) {
	if x.err != nil || x.uid == 0 || a.Pool.Shares() {
		return false, nil
	}
	var own int64
	if x.m.Row != nil {
		own = x.m.Row.ID
	}
	id, _, err := tx.At(mb.Row.ID, x.uid)
	return id != 0 && id != own, err
}

// acceptUID reports whether a UID that the server gave a message just now can
// be one: not below the UIDNEXT that it named, and given out once.
func (a *applier) acceptUID(mb *view.Mailbox, uid mail.UID) bool {
	if a.Pool.Shares() {
		return true
	}
	if uid >= mb.NextUID() && uid != ^mail.UID(0) {
		a.Mu.Lock()
		defer a.Mu.Unlock()
		if !a.given[mb.Name][uid] {
			a.given.Put(mb.Name, uid, true)
			return true
		}
	}
	a.Rep.Notice("%s: the server says that a message got a UID which is another one's; messages are looked for", mb.Name)
	return false
}
