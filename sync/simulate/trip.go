package simulate

import (
	"errors"
	"sync"
	"syscall"

	"satchel/maildir/faultfs"
)

var errCut = errors.New("the connection is cut")

// fault is what befalls a run.
type fault struct {
	kind string // one of faultKinds; empty: nothing
	at   int
}

// tripwire counts the steps of a run: each change of the disk, each commit of
// the state, each piece sent and each received. It stops the run, or lets
// others act, at the step that was chosen.
type tripwire struct {
	mu     sync.Mutex
	n      int
	shown  []int // steps that others can see the effect of
	fault  fault
	reset  bool           // a run is under way
	actors map[int]func() // what others do, by step
	where  string         // the kind of the step at which the fault befell the run
}

// arm begins a run.
func (t *tripwire) arm(f fault, actors map[int]func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n, t.shown, t.fault, t.actors, t.reset, t.where = 0, nil, f, actors, true, ""
}

func (t *tripwire) disarm() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fault, t.actors, t.reset = fault{}, nil, false
}

// stops reports whether nothing has an effect from the step on.
func (f fault) stops() bool { return f.kind == "kill" || f.kind == "power" }

// step counts one; effect: others can see that it was done.
func (t *tripwire) step(kind string, effect bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fault.stops() && t.n >= t.fault.at {
		return errDead
	}
	t.n++
	if effect {
		t.shown = append(t.shown, t.n)
	}
	if act := t.actors[t.n]; act != nil {
		delete(t.actors, t.n)
		act()
	}
	switch {
	case t.fault.stops() && t.n >= t.fault.at:
		t.where = kind
		return errDead
	case t.fault.kind == "cut" && t.n >= t.fault.at && (kind == "sent" || kind == "received"):
		t.fault.kind, t.where = "", kind
		return errCut
	}
	return nil
}

func (t *tripwire) dead() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reset && t.fault.stops() && t.n >= t.fault.at {
		return errDead
	}
	return nil
}

// before is for faultfs.FS.
func (t *tripwire) before(op faultfs.Op, _ string) error {
	if !op.Changes() && op != faultfs.Sync && op != faultfs.SyncDir && op != faultfs.SyncFS {
		return t.dead()
	}
	if err := t.step("disk: "+string(op), op.Changes()); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fault.kind == "full" && t.n >= t.fault.at && (op == faultfs.Create || op == faultfs.Write || op == faultfs.Mkdir) {
		t.where = "disk: " + string(op)
		return syscall.ENOSPC
	}
	return nil
}
