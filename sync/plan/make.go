package plan

import (
	"cmp"
	"slices"

	"satchel/conflict"
	"satchel/sync/mail"
)

// Input is everything that a plan is made from.
type Input struct {
	Mailboxes []Mailbox
	Items     []*Item
	Policy    conflict.Policy
	// Trash is the mailbox that conflict.Trash and conflict.Auto move to; empty
	// if none. It need not be among Mailboxes.
	Trash string
	// Pull and Push leave out the operations on the other side.
	Pull, Push bool
	// Only limits the plan to operations that concern one of these
	// mailboxes; empty means all.
	Only []string
	// LocalBlind and RemoteBlind mean that a side could not be seen as a
	// whole (files moved meanwhile, a mailbox could not be opened), so that a
	// message that seems to be missing there may be in another mailbox.
	LocalBlind, RemoteBlind bool
	// MaxDeletePercent is the brake of SPEC §7; 0 switches it off.
	MaxDeletePercent int
	// Messages is how many messages the base holds in all; needed where any was
	// removed.
	Messages int
	// Lost is what was removed within a day, by mailbox and under "" in all.
	Lost map[string]Lost
}

// Plan is what Make decided.
type Plan struct {
	Ops       []Op
	Conflicts []conflict.Conflict
	Halts     []Halt
	// LocalPending and RemotePending name the mailboxes in which a change of
	// that side was seen but is not in Ops (a halt, Pull, Push, or a side that
	// may not be written). The applier must not call them settled.
	LocalPending, RemotePending map[string]bool
	// localHeld and remoteHeld name those in which a change of that side was seen
	// of a message of which any operation is not in Ops. It need not be one that
	// carries the change over: so the mailbox is looked at again, as one that is
	// pending, but only a pending one keeps a run from being called complete.
	localHeld, remoteHeld map[string]bool
	// Held are the operations left out of the plan because of [Item.Held].
	Held []Op
	// NoTrash counts removals that wait because there is no mailbox for them.
	NoTrash int
	// Unheld lists flags that a mailbox on the server cannot store, Stuck
	// those that it does not let be cleared.
	Unheld, Stuck map[string]mail.Flags
	// Denied names mailboxes in which local changes wait because the server
	// does not let them be made there.
	Denied map[string]bool
}

// HoldsLocal reports whether something seen in a mailbox's folder waits, so that
// the folder has to be looked at again.
func (p *Plan) HoldsLocal(name string) bool { return p.LocalPending[name] || p.localHeld[name] }

// HoldsRemote is HoldsLocal for what was seen on the server.
func (p *Plan) HoldsRemote(name string) bool { return p.RemotePending[name] || p.remoteHeld[name] }

// Make is the planner: changes in, operations and conflicts out.
func Make(in Input) *Plan {
	p := &maker{
		in:        &in,
		mailboxes: make(map[string]*Mailbox, len(in.Mailboxes)),
		plan: &Plan{
			LocalPending:  map[string]bool{},
			RemotePending: map[string]bool{},
			Unheld:        map[string]mail.Flags{},
			Stuck:         map[string]mail.Flags{},
			Denied:        map[string]bool{},
		},
	}
	for i := range in.Mailboxes {
		p.mailboxes[in.Mailboxes[i].Name] = &in.Mailboxes[i]
	}
	p.held, p.awaited = held(&in)
	p.restore = restored(&in)
	p.makeMailboxes()
	for _, it := range in.Items {
		before := len(p.plan.Ops)
		p.item(it)
		p.letters(it, p.plan.Ops[before:])
	}
	p.holdBack()
	p.drop(func(o Op) bool { return o.Item != nil && p.leftOut(o) }) // what is not done pulls no brake
	p.halt()
	p.makeForOthers()
	p.removeMailboxes()
	needed := p.needed()
	p.drop(func(o Op) bool { return o.Item == nil && !needed[place{o.Kind, o.Mailbox}] && p.leftOut(o) })
	sortOps(p.plan.Ops)
	p.settledConflicts()
	slices.SortStableFunc(p.plan.Conflicts, func(a, b conflict.Conflict) int {
		return cmp.Or(cmp.Compare(a.Mailbox, b.Mailbox), compareKeys(a.Message, b.Message), cmp.Compare(a.Kind, b.Kind))
	})
	return p.plan
}

type maker struct {
	in        *Input
	mailboxes map[string]*Mailbox
	// restore holds the mailboxes that one side removed but that stay.
	restore map[string]bool
	// held holds the mailboxes of which a message may be elsewhere on disk.
	held map[string]bool
	// awaited holds those of which the server does not show one.
	awaited map[string]bool
	plan    *Plan
	// conflicts becomes plan.Conflicts, as far as they are settled.
	conflicts []found
}

type found struct {
	item *Item
	conflict.Conflict
}

func (p *maker) add(op Op) { p.plan.Ops = append(p.plan.Ops, op) }

func (p *maker) conflict(k conflict.Kind, it *Item, outcome string) {
	m, key := it.where()
	p.conflicts = append(p.conflicts, found{it, conflict.Conflict{Kind: k, Mailbox: m, Message: key, Outcome: outcome}})
}

// settledConflicts keeps the conflicts of messages that are in the plan: what
// waits (a halt, Pull, a mailbox that was not asked for) is not settled, and
// is found again.
func (p *maker) settledConflicts() {
	if len(p.conflicts) == 0 {
		return
	}
	planned := make(map[*Item]bool, len(p.plan.Ops))
	for _, o := range p.plan.Ops {
		if o.Item != nil {
			planned[o.Item] = true
		}
	}
	for _, c := range p.conflicts {
		if planned[c.item] {
			p.plan.Conflicts = append(p.plan.Conflicts, c.Conflict)
		}
	}
}

// item applies the decision table of the package comment.
func (p *maker) item(it *Item) {
	l, r := it.Local.State, it.Remote.State
	switch {
	case !it.InBase && l == New && r == New:
		p.pair(it)
	case !it.InBase && l == New:
		p.upload(it)
	case !it.InBase && r == New:
		p.download(it)
	case !it.InBase || l == Absent || r == Absent || l == New || r == New:
		// impossible

	case l == Removed && r == Removed:
		p.add(Op{Kind: Forget, Item: it, Mailbox: it.Remote.Mailbox})
	case l == Removed:
		p.removedLocally(it)
	case r == Removed:
		p.removedRemotely(it)

	case l == Moved && r == Moved:
		p.movedBoth(it)
	case l == Moved:
		p.flags(it)
		if !p.removable(it.Remote.Mailbox) || !p.writable(it.Local.Mailbox) {
			p.plan.LocalPending[it.Local.Mailbox] = true
			p.plan.LocalPending[it.Remote.Mailbox] = true
			return
		}
		p.add(Op{Kind: RemoteMove, Item: it, Mailbox: it.Remote.Mailbox, To: it.Local.Mailbox})
	case r == Moved:
		p.add(Op{Kind: LocalMove, Item: it, Mailbox: it.Local.Mailbox, To: it.Remote.Mailbox})
		p.flags(it)
	default:
		p.flags(it)
	}
}

// letters has a file renamed whose name does not show its keywords, unless it
// is to be removed.
func (p *maker) letters(it *Item, ops []Op) {
	removed := slices.ContainsFunc(ops, func(o Op) bool { return o.Kind == LocalRemove })
	if it.Hidden && it.Local.State.Present() && !removed {
		p.add(Op{Kind: LocalLetters, Item: it, Mailbox: it.Local.Mailbox})
	}
}

// pair joins a message that appeared on both sides. There is no ancestor, so
// flags become the union.
func (p *maker) pair(it *Item) {
	if !it.Ancestor {
		common := it.Local.Flags.Intersect(it.Remote.Flags)
		it.Local.Base, it.Remote.Base = common, common
	}
	p.add(Op{Kind: Adopt, Item: it, Mailbox: it.Remote.Mailbox})
	p.flags(it)
}

func (p *maker) upload(it *Item) {
	if !p.writable(it.Local.Mailbox) {
		p.plan.LocalPending[it.Local.Mailbox] = true
		return
	}
	p.send(it)
}

// send brings to the server what is only here, by a copy where it has the content.
func (p *maker) send(it *Item) {
	if src := it.CopyOf; src != nil && src.Remote.State.Present() && !src.Trashed { // what waits to be expunged is marked
		p.add(Op{Kind: RemoteCopy, Item: it, Source: src, Mailbox: src.Remote.Mailbox, To: it.Local.Mailbox})
		return
	}
	p.add(Op{Kind: Upload, Item: it, Mailbox: it.Local.Mailbox})
}

func (p *maker) download(it *Item) {
	if src := it.CopyOf; src != nil && src.Local.State.Present() && !src.Altered {
		p.add(Op{Kind: LocalCopy, Item: it, Source: src, Mailbox: src.Local.Mailbox, To: it.Remote.Mailbox})
		return
	} else if src != nil && src.Local.State == Absent && src.Remote.State == New {
		// Its source is downloaded by the same plan; only a dry run has such.
		p.add(Op{Kind: LocalCopy, Item: it, Source: src, Mailbox: src.Remote.Mailbox, To: it.Remote.Mailbox})
		return
	}
	p.add(Op{Kind: Download, Item: it, Mailbox: it.Remote.Mailbox})
}

// removedLocally: the message is gone from disk and still on the server.
func (p *maker) removedLocally(it *Item) {
	from := it.Remote.Mailbox
	switch {
	case (p.restore[it.Local.Mailbox] || it.Away) && it.Remote.State != Moved && !it.leftover():
		p.download(it)
	case p.trashes() && it.Remote.State == Moved && from == p.in.Trash:
		p.download(it) // moved to the trash there, removed here: that is the same
	case it.Remote.State == Moved && p.in.Policy.EditVsDelete == conflict.Keep,
		it.Remote.State == Edited && p.in.Policy.KeepsEdited(it.Remote.Delta()):
		p.conflict(conflict.EditedRemoved, it, "kept")
		p.download(it)
	default:
		if it.Remote.edited() {
			p.conflict(conflict.EditedRemoved, it, "removed")
		}
		switch {
		case !p.removable(from):
			p.wait(it)
		case p.in.Policy.Removal == conflict.Trash && p.in.Trash == "":
			p.plan.NoTrash++
			p.plan.LocalPending[from] = true
			p.plan.LocalPending[it.Local.Mailbox] = true
		case p.trashes() && p.in.Trash != from && !it.Trashed:
			p.add(Op{Kind: RemoteTrash, Item: it, Mailbox: from, To: p.in.Trash})
		default:
			p.add(Op{Kind: RemoteRemove, Item: it, Mailbox: from})
		}
	}
}

// removedRemotely: the message is gone from the server and still on disk.
func (p *maker) removedRemotely(it *Item) {
	switch {
	case p.restore[it.Remote.Mailbox] && it.Local.State != Moved:
		p.send(it)
	case it.Local.State == Moved && p.in.Policy.EditVsDelete == conflict.Keep,
		it.Local.State == Edited && p.in.Policy.KeepsEdited(it.Local.Delta()):
		p.conflict(conflict.EditedRemoved, it, "kept")
		if !p.writable(it.Local.Mailbox) {
			p.wait(it)
			return
		}
		p.send(it)
	default:
		if it.Local.edited() {
			p.conflict(conflict.EditedRemoved, it, "removed")
		}
		p.add(Op{Kind: LocalRemove, Item: it, Mailbox: it.Local.Mailbox})
	}
}

// trashes reports whether removals go to the trash.
func (p *maker) trashes() bool { return p.in.Policy.Removal != conflict.Expunge && p.in.Trash != "" }

// wait leaves both sides' changes of a message for later.
func (p *maker) wait(it *Item) {
	places := []string{it.Local.Mailbox, it.Remote.Mailbox}
	mark(p.plan.LocalPending, places)
	if it.Remote.State != Same {
		mark(p.plan.RemotePending, places)
	}
}

func (p *maker) movedBoth(it *Item) {
	if it.Local.Mailbox == it.Remote.Mailbox {
		p.add(Op{Kind: Adopt, Item: it, Mailbox: it.Remote.Mailbox})
	} else {
		p.conflict(conflict.MovedApart, it, "the server's place wins: "+it.Remote.Mailbox)
		p.add(Op{Kind: LocalMove, Item: it, Mailbox: it.Local.Mailbox, To: it.Remote.Mailbox})
	}
	p.flags(it)
}
