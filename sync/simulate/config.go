package simulate

import (
	"slices"

	"satchel/conflict"
)

// configOther has the runs from now on use another configuration than the last
// one did.
func configOther(w *World, e Event) bool {
	switch e.A % 3 {
	case 0:
		if w.acct.Policy.Removal == conflict.Trash {
			return false // what was removed is in the trash, and stays there
		}
		list := policies()
		p := list[e.B%len(list)]
		p.Removal = w.acct.Policy.Removal
		w.acct.Policy, w.changed = p, true
	case 1:
		w.acct.Connections = 1 + e.B%4
	case 2:
		w.h.Setting.Window = []int{2, 4, 4096}[e.B%3]
	}
	w.note("the configuration is another: policy %v, %d connections, windows of %d", w.acct.Policy, w.acct.Connections, w.h.Setting.Window)
	return true
}

// capsDiffer has the server offer less, or again more, from now on.
func capsDiffer(w *World, e Event) bool {
	names := sortedKeys(capabilities())
	w.acct.WithoutCaps = nil
	for i, name := range names {
		// Without UIDPLUS, removals wait for other programs: a setting of its own.
		if name != "UIDPLUS" && e.A>>i&1 == 1 {
			w.acct.WithoutCaps = append(w.acct.WithoutCaps, name)
		}
	}
	w.note("the server is without %v", w.acct.WithoutCaps)
	return true
}

// lacks reports whether the server is without a capability, for what the present run knows.
func (w *World) lacks(name string) bool {
	return slices.Contains(w.h.Setting.Without, name) || slices.Contains(w.acct.WithoutCaps, name)
}
