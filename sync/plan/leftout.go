package plan

import (
	"cmp"
	"slices"
)

// leftOut reports whether the caller does not want the operation, or a side
// that it concerns could not be compared.
func (p *maker) leftOut(o Op) bool {
	if p.in.Pull && o.Kind.Remote() || p.in.Push && o.Kind.Local() {
		return true
	}
	if p.in.LocalBlind && (o.Kind == DeleteRemote || o.misses(Download, func(it *Item) *Side { return &it.Local })) ||
		p.in.RemoteBlind && (o.Kind == DeleteLocal || o.misses(Upload, func(it *Item) *Side { return &it.Remote })) {
		return true
	}
	places := o.places()
	frozen := func(name string) bool { m := p.mailboxes[name]; return m != nil && m.Frozen }
	named := func(name string) bool { return slices.Contains(p.in.Only, name) }
	m := p.mailboxes[o.Mailbox]
	learns := o.Kind == Adopt && m != nil && m.InBase
	// That both sides have a message is learned wherever it is seen: the copy that
	// this run asked for may be in a mailbox that nobody named.
	return slices.ContainsFunc(places, frozen) || len(p.in.Only) > 0 && !slices.ContainsFunc(places, named) && !learns
}

// misses reports whether the message of an operation seems to be missing on a side, or
// what a transfer to that side could be a copy of. Both may be in another mailbox.
func (o Op) misses(transfer Kind, on func(*Item) *Side) bool {
	if o.Item == nil {
		return false
	}
	src := o.Item.CopyOf
	return on(o.Item).State == Removed || o.Kind == transfer && src != nil && on(src).State == Removed
}

// place is a mailbox to be made on one side.
type place struct {
	kind    Kind
	mailbox string
}

// needed returns what has to be made for the messages in the plan. So a
// mailbox that was not asked for is made for a message that moves there out of
// one that was.
func (p *maker) needed() map[place]bool {
	needed := map[place]bool{}
	if len(p.in.Only) == 0 {
		return needed
	}
	for _, o := range p.plan.Ops {
		switch {
		case o.Item == nil:
		case o.Kind.Local():
			needed[place{CreateLocal, o.goal()}] = true
		case o.Kind.Remote():
			needed[place{CreateRemote, o.goal()}] = true
		}
	}
	return needed
}

// goal returns the mailbox where the message is behind the operation.
func (o Op) goal() string { return cmp.Or(o.To, o.Mailbox) }

// places returns the mailboxes that an operation concerns.
func (o Op) places() []string {
	places := []string{o.Mailbox}
	if o.To != "" {
		places = append(places, o.To)
	}
	if o.Item != nil {
		for _, m := range []string{o.Item.Local.Mailbox, o.Item.Remote.Mailbox} {
			if m != "" {
				places = append(places, m)
			}
		}
	}
	return places
}

// drop removes the operations for which f is true, and marks the mailboxes
// whose change is thereby left for later.
func (p *maker) drop(f func(Op) bool) {
	kept := make([]Op, 0, len(p.plan.Ops)) // not in place: f may look at all
	for _, o := range p.plan.Ops {
		if !f(o) {
			kept = append(kept, o)
			continue
		}
		p.holdBoth(&o)
		switch places := o.places(); {
		case p.in.LocalBlind || p.in.RemoteBlind:
			// Neither side may be taken for seen.
			mark(p.plan.LocalPending, places)
			mark(p.plan.RemotePending, places)
		case o.Kind.Local():
			mark(p.plan.RemotePending, places) // a change of the server waits
		case o.Kind.Remote():
			mark(p.plan.LocalPending, places)
		default:
			mark(p.plan.LocalPending, places)
			mark(p.plan.RemotePending, places)
		}
	}
	p.plan.Ops = kept
}

// holdBoth marks where both sides changed the message of an operation that is left
// out: no later look finds the one half without the other. The halves of a change
// of flags are settled one by one.
func (p *maker) holdBoth(o *Op) {
	if o.Item == nil || o.Kind == LocalFlags || o.Kind == RemoteFlags {
		return
	}
	changed := func(s State) bool { return s != Same && s != Absent }
	places := append(o.places(), o.Item.Home)
	if changed(o.Item.Local.State) || o.Kind == LocalLetters {
		p.plan.localHeld = marked(p.plan.localHeld, places)
	}
	if changed(o.Item.Remote.State) {
		p.plan.remoteHeld = marked(p.plan.remoteHeld, places)
	}
}

func marked(before map[string]bool, names []string) map[string]bool {
	if before == nil {
		before = map[string]bool{}
	}
	mark(before, names)
	return before
}

func mark(pending map[string]bool, names []string) {
	for _, n := range names {
		pending[n] = true
	}
}
