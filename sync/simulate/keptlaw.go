package simulate

import (
	"slices"

	"satchel/conflict"
)

// kept: what one side removed and the other moved or edited, before a run had seen
// either, is there, unless the configuration says that removals win.
func (w *World) kept(s snapshot) *Violation {
	where := s.where()
	for _, t := range w.model.sorted() {
		if w.lost || w.changed || w.acct.Policy.EditVsDelete == conflict.Delete || t.excused != "" || t.voided || t.unread || len(t.base) != 1 {
			continue
		}
		for _, gone := range []Side{Server, Disk} {
			edited := gone.other()
			if !t.touch[gone] || !t.touch[edited] || len(t.places[gone]) > 0 || len(t.places[edited]) != 1 || !t.together() {
				continue
			}
			boxes := slices.Concat(t.places[edited], t.base)
			if !w.model.stable(Server, boxes) || !w.model.stable(Disk, boxes) {
				continue // not the message was moved, but its mailbox
			}
			if (t.places[edited][0] != t.base[0] || t.edited(edited, w.blurred)) && len(where[t.n]) == 0 {
				return broken("kept", "message %d is gone; the %v removed it, and the %v had it in %v with %v (base %v, %v)",
					t.n, gone, edited, t.places[edited], t.set[edited], t.base, t.flags)
			}
		}
	}
	return nil
}

// together reports whether both sides did all that they did between the same two runs.
func (t *token) together() bool {
	first := t.when[Server][0]
	return t.when == [2][2]int{{first, first}, {first, first}}
}

// edited reports whether a side changed a flag that counts: who only read a message does
// not keep it. Nor does who marked it as deleted where no run could see that before it
// removed the message: marks and removal are one flight (ADR 8).
func (t *token) edited(s Side, unseen bool) bool {
	for f, on := range t.set[s] {
		if f != `\Seen` && (f != `\Deleted` || !on || !unseen) && on != t.flags[f] {
			return true
		}
	}
	return false
}
