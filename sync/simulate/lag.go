package simulate

import (
	"slices"
	"time"

	"satchel/sync/imaptest"
)

// lag is a replica that is behind, which answers in place of the server.
type lag struct {
	now  *imaptest.Moment // what it shows; nil: the server answers itself
	ran  *imaptest.Moment // what it showed to the last run, nil: that one saw the server
	past *imaptest.Moment // the server when the last run began
	told *imaptest.Moment // the server when a run ended last that was not stopped; nil: none did
	// since is when it fell behind, as far as the runs could see; zero: they saw the server.
	since time.Time
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
	if w.lag.since.IsZero() {
		w.lag.since = time.Now()
	}
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
	if w.lag.now == nil {
		w.lag.since = time.Time{}
	}
	w.unanswered()
}

// unanswered takes into account that a run sends again what a stopped run sent and had no
// answer to, where a replica does not show it and shows all else that the runs knew of: it
// gives no sign that it is behind, and looks like a server that got nothing.
func (w *World) unanswered() {
	if w.lag.now == nil || !w.stopped {
		return
	}
	var again []*token
	for _, x := range w.there() {
		switch t := w.model.tokens[x.token]; {
		case t == nil || !w.hidden(x):
		case w.lag.told != nil && slices.Contains(w.lag.told.UIDs(w.onWire(x.box)), x.msg.UID):
			return
		default:
			again = append(again, t)
		}
	}
	for _, t := range again {
		t.resent++
	}
}

// tooMany is the law that a message breaks which is there more often than it was made. What
// went up again beside such a replica is a known fault, and breaks a law of its own.
func (t *token) tooMany(by int) string {
	if by <= t.resent {
		return "resent"
	}
	return "doubled"
}

// vouched takes into account that a person says that what a replica does not show is
// not there, by comparing everything when it has been behind for a day. Each run before
// asked for that word, with the hint to look first. What the server has all the same
// goes up once more.
func (w *World) vouched() {
	if w.lag.now == nil || time.Since(w.lag.since) < 24*time.Hour {
		return
	}
	for _, x := range w.there() {
		if t := w.model.tokens[x.token]; t != nil && !slices.Contains(w.lag.now.UIDs(w.onWire(x.box)), x.msg.UID) {
			t.most++
			t.excused = "a person said that it is not on the server"
		}
	}
}

// hidden reports whether a message is one that the last run may not have seen, because a
// replica was behind.
func (w *World) hidden(x onServer) bool {
	return w.lag.ran != nil && !slices.Contains(w.lag.ran.UIDs(w.onWire(x.box)), x.msg.UID)
}
