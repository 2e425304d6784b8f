package simulate

import (
	"slices"

	"satchel/sync/remote/imaptest"
)

// lag is a replica that is behind, which answers in place of the server.
type lag struct {
	now  *imaptest.Moment // what it shows; nil: the server answers itself
	ran  *imaptest.Moment // what it showed to the last run, nil: that one saw the server
	past *imaptest.Moment // the server when the last run began
}

// serverLags has the connections that are made from now on, or every second of them,
// read from a replica that stays where the server is now, or was before the last run.
// What they write reaches the server.
func serverLags(w *World, e Event) bool {
	at := w.lag.past
	if e.A%2 == 0 || at == nil {
		at = w.srv.Remember()
	}
	nth := 1 + e.B%2
	w.srv.Lag(at, nth)
	w.lag.now, w.lag.ran, w.blurred = at, at, true
	w.note("server: connection %d of %d sees a replica that is behind", nth, nth)
	return true
}

func serverCatchesUp(w *World, _ Event) bool {
	if w.lag.now == nil {
		return false
	}
	w.srv.CatchUp()
	w.lag.now = nil
	w.note("server: no replica is behind any more")
	return true
}

// begins notes that a run begins.
func (w *World) begins() {
	w.lag.past, w.lag.ran = w.srv.Remember(), w.lag.now
}

// hidden reports whether a message is one that the last run may not have seen, because a
// replica was behind.
func (w *World) hidden(x onServer) bool {
	return w.lag.ran != nil && !slices.Contains(w.lag.ran.UIDs(w.onWire(x.box)), x.msg.UID)
}
