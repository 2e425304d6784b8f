package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// SmallMailbox is the size up to which a mailbox, or an account, may be emptied
// without a question (SPEC §7): people do empty small mailboxes.
const SmallMailbox = 20

// Lost is what a mailbox, or the account, lost to removals within a day. The
// zero value is nothing.
type Lost struct {
	// Run is the run that removed the first of them. Messages that came into
	// the base since do not count: it is no loss to remove what arrives.
	Run  int64
	Held int // how many messages there were before it
	// Local and Remote count what was removed from each side.
	Local, Remote int
}

// Halt is a safety brake that was pulled: nothing is removed in the mailbox.
type Halt struct {
	Mailbox  string // empty: the account as a whole, on one side
	Local    bool   // it is the Maildir that would lose messages
	Removes  int    // how many this plan would remove
	Earlier  int    // how many were removed within a day before
	Messages int    // of how many there are, or were when the day began
	// Where says, for the account, how many of Removes are in which mailbox,
	// the most first.
	Where []Share
}

// Share is what one mailbox would lose.
type Share struct {
	Mailbox           string
	Removes, Messages int
}

func (h Halt) String() string {
	if h.Mailbox == "" {
		return "account: " + h.Reason()
	}
	return h.Mailbox + ": " + h.Reason()
}

// someShares is how many mailboxes a sentence names.
const someShares = 4

// Reason says in numbers and names what would have happened.
func (h Halt) Reason() string {
	s := fmt.Sprintf("would remove %d of %d messages", h.Removes, h.Messages)
	if h.Earlier > 0 {
		s = fmt.Sprintf("would remove %d more of %d messages, after %d within a day,", h.Removes, h.Messages, h.Earlier)
	}
	if h.Local {
		s += " from the Maildir, because they are gone from the server"
	} else {
		s += " from the server, because they are gone from the Maildir"
	}
	if len(h.Where) == 0 {
		return s
	}
	var names []string
	for _, w := range h.Where[:min(someShares, len(h.Where))] {
		names = append(names, fmt.Sprintf("%s %d of %d", w.Mailbox, w.Removes, w.Messages))
	}
	s += " (" + strings.Join(names, ", ")
	if n := len(h.Where) - len(names); n > 0 {
		s += fmt.Sprintf(", and %d more mailboxes", n)
	}
	return s + ")"
}

// tally counts removals from one mailbox, or the account, by side; old are
// those of messages that were there before the first removal of the day.
type tally struct{ local, remote, oldLocal, oldRemote int }

func (t *tally) count(o Op, l Lost) {
	old := 0
	if l.Run > 0 && o.Item.Since < l.Run {
		old = 1
	}
	if o.Kind == LocalRemove {
		t.local++
		t.oldLocal += old
	} else {
		t.remote++
		t.oldRemote += old
	}
}

// halt pulls the brake for mailboxes that would lose too much, and then for the
// account, if what is left would be too much of it.
func (p *maker) halt() {
	if p.in.MaxDeletePercent <= 0 || !slices.ContainsFunc(p.plan.Ops, func(o Op) bool { return o.Kind.Removes() }) {
		return
	}
	removes := p.removals()
	for _, name := range slices.Sorted(maps.Keys(removes)) {
		m := p.mailboxes[name]
		if m == nil {
			continue
		}
		t, lost := removes[name], p.in.Lost[name]
		local := t.local > t.remote
		h, is := p.tooMany(t, lost, m.BaseMessages, local)
		if !is {
			h, is = p.tooMany(t, lost, m.BaseMessages, !local)
		}
		if is {
			h.Mailbox = name
			p.plan.Halts = append(p.plan.Halts, h)
		}
	}
	if len(p.plan.Halts) > 0 {
		p.drop(func(o Op) bool { return o.loses() && p.halted(o.home()) })
	}
	p.haltAccount(p.removals())
}

// removals counts what the plan removes, by mailbox.
func (p *maker) removals() map[string]*tally {
	removes := map[string]*tally{}
	for _, o := range p.plan.Ops {
		if !o.loses() {
			continue
		}
		t := removes[o.home()]
		if t == nil {
			t = &tally{}
			removes[o.home()] = t
		}
		t.count(o, p.in.Lost[o.home()])
	}
	return removes
}

// haltAccount is the brake on the account as a whole.
func (p *maker) haltAccount(removes map[string]*tally) {
	lost := p.in.Lost[""]
	all := &tally{}
	for _, o := range p.plan.Ops {
		if o.loses() {
			all.count(o, lost)
		}
	}
	for _, local := range []bool{true, false} {
		h, is := p.tooMany(all, lost, p.in.Messages, local)
		if !is {
			continue
		}
		for name, t := range removes {
			n := t.remote
			if local {
				n = t.local
			}
			if m := p.mailboxes[name]; m != nil && n > 0 {
				h.Where = append(h.Where, Share{name, n, m.BaseMessages})
			}
		}
		slices.SortFunc(h.Where, func(a, b Share) int {
			if a.Removes != b.Removes {
				return b.Removes - a.Removes
			}
			return strings.Compare(a.Mailbox, b.Mailbox)
		})
		p.plan.Halts = append(p.plan.Halts, h)
		p.drop(func(o Op) bool { return o.loses() && (o.Kind == LocalRemove) == local })
	}
}

// loses reports whether the operation takes away a message that is not elsewhere
// by a move.
func (o Op) loses() bool { return o.Kind.Removes() && !o.Item.Left }

// home returns the mailbox that a removal is out of: where the base has the
// message, which the side that removed it still knows.
func (o Op) home() string {
	if o.Kind == LocalRemove {
		return o.Item.Remote.Mailbox
	}
	return o.Item.Local.Mailbox
}

// tooMany is the brake on mass deletion: in this plan, or with what was removed
// within a day.
func (p *maker) tooMany(t *tally, lost Lost, messages int, local bool) (Halt, bool) {
	n, old, earlier := t.remote, t.oldRemote, lost.Remote
	if local {
		n, old, earlier = t.local, t.oldLocal, lost.Local
	}
	if exceeds(n, messages, p.in.MaxDeletePercent) {
		return Halt{Local: local, Removes: n, Messages: messages}, true
	}
	if old > 0 && exceeds(earlier+old, lost.Held, p.in.MaxDeletePercent) {
		return Halt{Local: local, Removes: old, Earlier: earlier, Messages: lost.Held}, true
	}
	return Halt{}, false
}

func exceeds(n, of, percent int) bool { return of > SmallMailbox && n*100 > percent*of }

// halted reports whether a brake keeps the messages of a mailbox.
func (p *maker) halted(mailbox string) bool {
	return slices.ContainsFunc(p.plan.Halts, func(h Halt) bool { return h.Mailbox == mailbox || h.Mailbox == "" })
}
