package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"satchel/conflict"
	"satchel/sync/mail"
)

// Place says where the sides have a mailbox of the base now. A name is
// another one than the base's only where the side proves that it is the same
// mailbox: by MAILBOXID (RFC 8474 §4), or by the inode of its folder. Empty:
// the side has it no more, or cannot tell.
type Place struct {
	Name          string // in the base
	Local, Remote string
	// ReadOnly means that the server lets nothing be changed here.
	ReadOnly bool
	// Ignored means that none of its names is included.
	Ignored bool
}

// RenameInput is everything that the renames are planned from.
type RenameInput struct {
	Places []Place // of all mailboxes of the base, the excluded ones too
	// LocalNames and RemoteNames are all names in use on a side, whether or
	// not the base knows them, they are included or hold messages.
	LocalNames, RemoteNames []string
	// Pull, Push and Only are those of [Input].
	Pull, Push bool
	Only       []string
}

// RenameStep is one rename, or base-only ones that go together. The base takes
// over its part in one transaction with it.
type RenameStep struct {
	Ops []Op
	// Base holds the names in the base that change, old and new. They change
	// at the same time: what one gives up another may take.
	Base      [][2]string
	Conflicts []conflict.Conflict
}

// Renames plans what makes the names of mailboxes agree. The steps are to be
// carried out in order; when one fails, those after it do not hold.
//
// A mailbox that one side renamed is renamed on the other. When both gave it
// another name, the server's wins. A rename takes what lies below along, on
// either side; where that would move a mailbox that is meant to stay, or the
// name is taken, there is none: the messages are then moved one by one, as
// between any two mailboxes. INBOX is never renamed, because RENAME would
// only move its messages (RFC 3501 §6.3.5).
//
// A step ends with the base at a name that one of the sides has. So a run that is
// stopped after any of them is gone on with by planning anew.
func Renames(in RenameInput) []RenameStep {
	r := &renamer{in: &in, local: nameSet(in.LocalNames), remote: nameSet(in.RemoteNames)}
	for _, p := range in.Places {
		r.places = append(r.places, &p)
	}
	slices.SortFunc(r.places, func(a, b *Place) int { return cmp.Compare(a.Name, b.Name) })
	// Each round but the last brings a mailbox to its place, or opens a ring;
	// the bound is for safety.
	for range 3*len(r.places) + 1 {
		if !r.adopt() && !r.round(true) && !r.openRing() && !r.round(false) {
			break
		}
	}
	return r.steps
}

type renamer struct {
	in            *RenameInput
	places        []*Place // sorted by the name in the base
	local, remote map[string]bool
	steps         []RenameStep
	rings         int
}

func nameSet(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[n] = true
	}
	return set
}

// adopt lets the base follow where both sides agree.
func (r *renamer) adopt() bool {
	agreed := map[*Place]bool{}
	for _, p := range r.places {
		agreed[p] = p.Local != "" && p.Local == p.Remote && p.Local != p.Name
	}
	// A name that another mailbox of the base keeps is not free, and a
	// mailbox that therefore keeps its own may be in the way of the next.
	for again := true; again; {
		again = false
		kept := map[string]bool{}
		for _, p := range r.places {
			kept[p.Name] = kept[p.Name] || !agreed[p]
		}
		for _, p := range r.places {
			if agreed[p] && kept[p.Local] {
				agreed[p], again = false, true
			}
		}
	}
	var step RenameStep
	for _, p := range r.places {
		if agreed[p] {
			step.Ops = append(step.Ops, Op{Kind: AdoptRename, Mailbox: p.Name, To: p.Local})
			step.Base = append(step.Base, [2]string{p.Name, p.Local})
			p.Name = p.Local
		}
	}
	if len(step.Ops) == 0 {
		return false
	}
	r.steps = append(r.steps, step)
	return true
}

// wanted returns the rename that brings the sides' names of p together; ok is
// false when there is none, or none that may be done.
func (r *renamer) wanted(p *Place) (op Op, ok bool) {
	if p.Local == "" || p.Remote == "" || p.Local == p.Remote || p.Ignored {
		return Op{}, false
	}
	op = Op{Kind: LocalRename, Mailbox: p.Local, To: p.Remote}
	if p.Remote == p.Name {
		op = Op{Kind: RemoteRename, Mailbox: p.Remote, To: p.Local}
	}
	named := func(name string) bool { return slices.Contains(r.in.Only, name) }
	switch {
	case op.Mailbox == "INBOX" || op.To == "INBOX",
		op.Kind == RemoteRename && (p.ReadOnly || r.in.Pull),
		op.Kind == LocalRename && r.in.Push,
		len(r.in.Only) > 0 && !named(op.Mailbox) && !named(op.To):
		return Op{}, false
	}
	return op, true
}

// round does the renames whose new name is free. With patience, what goes
// along with a parent waits for that.
func (r *renamer) round(patient bool) (did bool) {
	for _, p := range r.places {
		op, ok := r.wanted(p)
		if ok && patient && r.goesAlong(p, op) {
			continue
		}
		if ok && op.Kind == LocalRename && strings.EqualFold(op.Mailbox, op.To) {
			// A disk that does not tell upper from lower case takes the new
			// name for the old one, so it is reached in two steps.
			op.To = r.unused(op.Mailbox)
		}
		if ok && r.free(op) && r.takesAlong(p, op) {
			r.do(p, op)
			did = true
		}
	}
	return did
}

// goesAlong reports whether the rename of a parent, which is still to come,
// brings p to its place.
func (r *renamer) goesAlong(p *Place, op Op) bool {
	return slices.ContainsFunc(r.places, func(q *Place) bool {
		up, ok := r.wanted(q)
		to, below := mail.Renamed(op.Mailbox, up.Mailbox, up.To)
		return ok && q != p && up.Kind == op.Kind && below && to == op.To
	})
}

// names returns the names that are in use on the side that op changes.
func (r *renamer) names(op Op) map[string]bool {
	if op.Kind.Local() {
		return r.local
	}
	return r.remote
}

// side returns where the side that op changes has a mailbox, and the other.
func (p *Place) side(op Op) (here, there *string) {
	if op.Kind.Local() {
		return &p.Local, &p.Remote
	}
	return &p.Remote, &p.Local
}

// free reports whether a side has nothing under the new name, nor below it,
// and whether the new name is not one below the old one.
func (r *renamer) free(op Op) bool {
	if mail.Within(op.To, op.Mailbox) {
		return false
	}
	for name := range r.names(op) {
		if mail.Within(name, op.To) {
			return false
		}
	}
	return true
}

// after returns where the side that op changes has q once op, the rename of p,
// was carried out, and the name that the base then has for it. What only
// followed its parent on the side that renamed that has the parent's new name
// in the base, so that a name of its own on this side is seen as such.
func (p *Place) after(q *Place, op Op) (here, base string) {
	at, there := q.side(op)
	here, base = *at, q.Name
	if to, ok := mail.Renamed(here, op.Mailbox, op.To); ok {
		here, base = to, to
	}
	if to, ok := mail.Renamed(q.Name, p.Name, op.To); ok && q != p && *there == to {
		base = *there
	}
	return here, base
}

// takesAlong reports whether what lies below may go along with a rename: not
// a mailbox that the other side has under the present name still, and none
// into a name that the base has for another one.
func (r *renamer) takesAlong(p *Place, op Op) bool {
	names := map[string]bool{}
	for _, q := range r.places {
		if here, there := q.side(op); q != p && mail.Within(*here, op.Mailbox) && *there == *here {
			return false
		}
		_, base := p.after(q, op)
		if names[base] {
			return false
		}
		names[base] = true
	}
	return true
}

// do plans one rename and goes on as if it had been carried out.
func (r *renamer) do(p *Place, op Op) {
	step := RenameStep{Ops: []Op{op}}
	if p.Local != p.Name && p.Remote != p.Name && op.To == p.Remote {
		step.Conflicts = append(step.Conflicts, conflict.Conflict{Kind: conflict.RenamedApart, Mailbox: p.Name,
			Outcome: "the server's name wins: " + p.Remote})
	}
	type names struct{ here, base string }
	after := make([]names, len(r.places))
	for i, q := range r.places {
		after[i].here, after[i].base = p.after(q, op)
	}
	for i, q := range r.places {
		here, _ := q.side(op)
		*here = after[i].here
		if q.Name != after[i].base {
			step.Base = append(step.Base, [2]string{q.Name, after[i].base})
			q.Name = after[i].base
		}
	}
	used := r.names(op)
	for name := range maps.Clone(used) {
		if to, ok := mail.Renamed(name, op.Mailbox, op.To); ok {
			delete(used, name)
			used[to] = true
		}
	}
	r.steps = append(r.steps, step)
}

// openRing begins a ring of renames, such as a to b and b to a, by giving its
// first mailbox a name that nobody uses.
func (r *renamer) openRing() bool {
	for _, p := range r.places {
		op, ok := r.wanted(p)
		if !ok || !r.inRing(p, op) {
			continue
		}
		op.To = r.unused(op.Mailbox)
		if r.takesAlong(p, op) {
			r.do(p, op)
			return true
		}
	}
	return false
}

// inRing follows who is in the way of whom, and reports whether that leads
// back to p.
func (r *renamer) inRing(p *Place, first Op) bool {
	op := first
	for range r.places {
		i := slices.IndexFunc(r.places, func(q *Place) bool { here, _ := q.side(first); return *here == op.To })
		if i < 0 {
			return false
		}
		if r.places[i] == p {
			return true
		}
		next, ok := r.wanted(r.places[i])
		if !ok || next.Kind != first.Kind {
			return false
		}
		op = next
	}
	return false
}

func (r *renamer) unused(name string) string {
	for {
		r.rings++
		unused := fmt.Sprintf("%s-renamed-%d", name, r.rings)
		if !r.local[unused] && !r.remote[unused] && !slices.ContainsFunc(r.places, func(q *Place) bool { return q.Name == unused }) {
			return unused
		}
	}
}
