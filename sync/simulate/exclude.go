package simulate

import (
	"slices"
	"strings"

	"satchel/conflict"
	mailsync "satchel/sync"
)

// configExclude leaves a mailbox out from now on, whatever either side has of it.
func configExclude(w *World, e Event) bool {
	box, ok := pick(others(w.mailboxes()), e.A)
	if !ok || !w.wanted(box) {
		return false
	}
	for _, t := range w.model.tokens {
		for _, s := range []Side{Server, Disk} {
			if slices.Contains(t.left[s], box) { // no run may have seen that it was moved
				t.outUnseen(s)
			}
		}
		if slices.Contains(t.places[Server], box) && !slices.Contains(t.base, box) {
			t.hide()
		}
		t.away = t.away || slices.Contains(t.places[Disk], box) && !slices.Contains(t.base, box)
		if slices.Contains(t.left[Disk], box) && w.model.trash {
			t.most++ // then its original goes to the trash
			t.excused = "its original went to the trash"
		}
	}
	w.acct.Exclude, w.changed = append(slices.Clone(w.acct.Exclude), box), true
	w.note("the configuration excludes %s", box)
	return true
}

// configInclude takes that back.
func configInclude(w *World, e Event) bool {
	box, ok := pick(w.acct.Exclude, e.A)
	if !ok {
		return false
	}
	w.acct.Exclude = slices.DeleteFunc(slices.Clone(w.acct.Exclude), func(name string) bool { return name == box })
	w.allowAlone(box)
	w.note("the configuration includes %s again", box)
	return true
}

// allowAlone: a mailbox that only one side has is made on the other one, unless it is
// empty or the policy says otherwise. What had another name meanwhile is there twice then:
// nobody saw that it was the same mailbox.
func (w *World) allowAlone(box string) {
	server, disk := w.serverSnapshot(), w.tree.snapshot()
	there, onServer := server[box]
	here, onDisk := disk[box]
	if onServer == onDisk {
		return
	}
	in := map[int]bool{}
	for _, m := range slices.Concat(there, here) {
		in[m.token] = true
	}
	w.model.allow(server, disk, in)
}

// unseenMove: who moves a message out of a mailbox that is left out has made a new one, for
// what the runs see of it, and removed another one later, which may go to the trash. What is
// moved into one on the server is removed, for what they see.
func (w *World) unseenMove(s Side, n int, from, to string) {
	t := w.model.tokens[n]
	if t == nil {
		return
	}
	if s == Server && !w.wanted(to) {
		t.hide()
	}
	t.away = t.away || s == Disk && !w.wanted(to)
	if w.wanted(from) {
		return
	}
	t.outUnseen(s)
	if s == Disk && w.model.trash {
		t.most++
		t.excused = "its original went to the trash"
	}
}

// outUnseen: what the other side did to the flags of a message in a mailbox that is left
// out goes with the one that seems to be removed there; so do the meanings of letters.
func (t *token) outUnseen(s Side) {
	t.unseen[s] = true
	t.undone = map[string]bool{}
	for i := range 7 {
		t.undone[flagOf(i)] = true
	}
}

// hide: the server moved it to where no run looks. Where only a half of it had gone up,
// the half may stay there.
func (t *token) hide() {
	t.hidden, t.halved = true, t.halved || t.half > 0
}

// most is how many there may be of a message. There is one more where no run saw the whole
// of a move, since one of the mailboxes was left out: out of one, or into one on the server.
// It counts as removed then, and comes back where the other side edited or moved it, unless
// the configuration says that removals win, or where its UID is void. What went into one
// comes back also where its mailbox went, and where its file has grown since a half of it
// went up: the server never had the whole.
func (w *World) most(t *token) int {
	grown := t.half > 0 && !t.known
	again := t.hidden && (grown || !w.model.stable(Disk, slices.Concat(t.base, t.left[Server])))
	for _, s := range []Side{Server, Disk} {
		o := s.other()
		kept := w.acct.Policy.EditVsDelete != conflict.Delete && (t.edited(o, false) || len(t.left[o]) > 0)
		again = again || (t.unseen[s] || s == Server && t.hidden) && (t.voided || kept)
	}
	if again {
		return t.most + 1
	}
	return t.most
}

// wanted reports whether a mailbox is one that the runs keep the same.
func (w *World) wanted(box string) bool {
	return !slices.Contains(w.acct.Exclude, box) && w.seconds[w.onWire(box)] == ""
}

// includeAll holds what is wanted to agreement, but for what waits, and includes
// all mailboxes again.
func (w *World) includeAll() *Violation {
	if len(w.acct.Exclude) == 0 {
		return nil
	}
	for range 2 {
		res, err := w.run(mailsync.Request{}, fault{}, nil)
		if err != nil {
			return broken("harness", "%v", err)
		}
		w.note("run -> %v", res)
		if v := w.always(res, fault{}); v != nil {
			return v
		}
		if res.err != nil {
			return broken("error", "a run without %v failed: %v", w.acct.Exclude, res.err)
		}
		if !unseen(res) {
			continue
		}
		if err := w.personLooks(); err != nil {
			return broken("harness", "%v", err)
		}
	}
	v := w.first(w.sameWanted)
	for configInclude(w, Event{}) {
		continue
	}
	return v
}

// sameWanted: both sides hold the same in the mailboxes that are wanted. What was moved
// on disk to a folder that is not stays on the server, where it was; a mailbox that it was
// in is not removed then, nor made again.
func (w *World) sameWanted() *Violation {
	server, disk := w.serverSnapshot(), w.tree.snapshot()
	held := map[int]bool{}
	for box, list := range disk {
		for _, m := range list {
			held[m.token] = held[m.token] || !w.wanted(box)
		}
	}
	waits, on := map[string]bool{}, server.where()
	for n := range held {
		if t := w.model.tokens[n]; held[n] && t != nil {
			for _, box := range slices.Concat(t.base, t.homes, on[n]) {
				waits[box] = true
			}
		}
	}
	for _, s := range []snapshot{server, disk} {
		for box, list := range s {
			if !w.wanted(box) {
				delete(s, box)
				continue
			}
			s[box] = slices.DeleteFunc(list, func(m seen) bool { return held[m.token] })
		}
	}
	for box := range waits {
		_, there := server[box]
		_, here := disk[box]
		if there != here && len(server[box])+len(disk[box]) == 0 {
			delete(server, box)
			delete(disk, box)
		}
	}
	v := same(server, disk)
	if v != nil {
		v.Text = "without " + strings.Join(w.acct.Exclude, ", ") + ": " + v.Text
	}
	return v
}
