package simulate

import (
	"satchel/sync/imaptest"
)

// serverDamage breaks a message in the store: whoever asks for its content loses
// the session, or is refused.
func serverDamage(w *World, e Event) bool {
	x, ok := pick(w.there(), e.A)
	if !ok {
		return false
	}
	how := []imaptest.Damage{imaptest.EndsAll, imaptest.ClosesAll, imaptest.Refused, imaptest.RefusedBad}[e.B%4]
	w.damaged.Message(w.onWire(x.box), x.msg.UID, how)
	w.broken = append(w.broken, x)
	w.note("server: %d in %s is damaged (%d)", x.token, x.box, e.B%4)
	return true
}

// serverMend mends all messages.
func serverMend(w *World, _ Event) bool {
	if len(w.broken) == 0 {
		return false
	}
	for _, x := range w.broken {
		w.damaged.Message(w.onWire(x.box), x.msg.UID, imaptest.Sound)
	}
	w.broken = nil
	w.note("server: nothing is damaged any more")
	return true
}
