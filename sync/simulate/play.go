package simulate

import (
	"io"
	"slices"
)

// Options are what a player wants beside a history.
type Options struct {
	Cover  *Coverage
	Ignore []string  // laws that are known to be broken, to look for others
	Log    io.Writer // transcript of all connections and the log of the engine; nil: none
	Record *Record   // filled in for those who enumerate; nil: nobody asks
	// StateDisk is below the state, so that a power failure takes its unsynced
	// writes as well; nil: what is written of the state is durable.
	StateDisk *StateDisk
	Strict    bool // an event that finds nothing to do ends the history, see Record.Void
}

// Play lives through a history and returns the first law that is broken, with
// what happened until then. It must be called in a testing/synctest bubble.
func Play(h History, o Options) (v *Violation, notes []string, err error) {
	if o.Record == nil {
		o.Record = &Record{}
	}
	w, err := newWorld(h, o)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if cerr := w.close(); err == nil {
			err = cerr
		}
	}()
	if v = w.live(); v != nil && slices.Contains(o.Ignore, v.Law) {
		v = nil // the rest of the history would say the same
	}
	return v, w.notes, nil
}

func (w *World) live() *Violation {
	during := map[int][]Event{}
	for _, e := range w.h.Events {
		switch {
		case e.During > 0:
			during[e.During] = append(during[e.During], e)
		case e.Kind == "others agree":
			w.met[e.Kind] = true
			if v := w.settle(); v != nil {
				return v
			}
			w.cover.meet(w.met)
		case e.run():
			v := w.runEvent(e, during)
			during = map[int][]Event{}
			if v != nil {
				return v
			}
		default:
			w.do(e)
		}
		if w.void() {
			return nil
		}
	}
	return w.settle()
}

func (w *World) runEvent(e Event, during map[int][]Event) *Violation {
	actors := map[int]func(){}
	for at, list := range during {
		actors[at] = func() {
			w.model.during = true
			for _, e := range list {
				w.note("while it runs, at step %d:", at)
				w.do(e)
			}
			w.model.during = false
		}
	}
	for _, t := range w.model.tokens {
		t.came = ""
	}
	res, v := w.play(e, actors)
	r := w.o.Record
	r.Steps, r.Effects, r.Reached = res.steps, res.effects, r.Reached || res.where != ""
	w.met[e.Kind] = true
	if e.Fault != "" && res.where != "" {
		w.met[e.Fault] = true
	}
	w.cover.meet(w.met)
	return v
}

func (w *World) do(e Event) {
	if alphabet()[e.Kind].do(w, e) {
		w.met[e.Kind] = true
		w.cover.did(e.Kind)
	} else if w.o.Strict {
		w.o.Record.Void = true
	}
}

// void reports whether an event did nothing where each has to do something.
func (w *World) void() bool { return w.o.Strict && w.o.Record.Void }
