package plan_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"satchel/conflict"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// The model: two sides and a base of messages that are numbers. It applies
// operations by what they say, so it proves that they say enough.

type held struct {
	mailbox string
	flags   mail.Flags
}

type pair struct {
	mailbox       string
	local, remote mail.Flags
}

type half struct {
	mailboxes map[string]bool
	messages  map[int]held
}

func newHalf() half { return half{map[string]bool{}, map[int]held{}} }

func (h half) clone() half { return half{maps.Clone(h.mailboxes), maps.Clone(h.messages)} }

func (h half) empty(mailbox string) bool {
	for _, m := range h.messages {
		if m.mailbox == mailbox {
			return false
		}
	}
	return true
}

func (h half) String() string {
	var b strings.Builder
	for _, n := range slices.Sorted(maps.Keys(h.mailboxes)) {
		fmt.Fprintf(&b, "%s:", n)
		for _, id := range slices.Sorted(maps.Keys(h.messages)) {
			if m := h.messages[id]; m.mailbox == n {
				fmt.Fprintf(&b, " %d(%s)", id, m.flags)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

type world struct {
	local, remote half
	base          map[int]pair
	baseMailboxes map[string]bool
	copyOf        map[int]int // new message -> message of the same content
	policy        conflict.Policy
}

func (w *world) clone() *world {
	c := *w
	c.local, c.remote = w.local.clone(), w.remote.clone()
	c.base, c.baseMailboxes, c.copyOf = maps.Clone(w.base), maps.Clone(w.baseMailboxes), maps.Clone(w.copyOf)
	return &c
}

// exchanged is the world with the sides' names exchanged.
func (w *world) exchanged() *world {
	c := w.clone()
	c.local, c.remote = c.remote, c.local
	for id, p := range c.base {
		p.local, p.remote = p.remote, p.local
		c.base[id] = p
	}
	return c
}

func (w *world) input() plan.Input {
	in := plan.Input{Policy: w.policy, Trash: "Trash"}
	counts := map[string]int{}
	for _, p := range w.base {
		counts[p.mailbox]++
	}
	names := map[string]bool{}
	for _, set := range []map[string]bool{w.baseMailboxes, w.local.mailboxes, w.remote.mailboxes} {
		maps.Copy(names, set)
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		in.Mailboxes = append(in.Mailboxes, plan.Mailbox{Name: n, InBase: w.baseMailboxes[n], Local: w.local.mailboxes[n],
			Remote: w.remote.mailboxes[n], BaseMessages: counts[n], HoldsAny: true})
	}
	items := map[int]*plan.Item{}
	for _, id := range w.ids() {
		p, inBase := w.base[id]
		items[id] = &plan.Item{InBase: inBase, Ref: id,
			Local:  w.local.side(id, p.mailbox, p.local, inBase),
			Remote: w.remote.side(id, p.mailbox, p.remote, inBase)}
	}
	for _, id := range w.ids() {
		it := items[id]
		if of := items[w.copyOf[id]]; of != nil && of.InBase && !it.InBase {
			it.CopyOf = of
		}
		if it.Local.State != plan.Same || it.Remote.State != plan.Same {
			in.Items = append(in.Items, it)
		}
	}
	return in
}

func (w *world) ids() []int {
	ids := map[int]bool{}
	for id := range w.base {
		ids[id] = true
	}
	for _, h := range []half{w.local, w.remote} {
		for id := range h.messages {
			ids[id] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

func (h half) side(id int, home string, base mail.Flags, inBase bool) plan.Side {
	m, here := h.messages[id]
	s := plan.Side{Key: fmt.Sprint(id), Mailbox: m.mailbox, Flags: m.flags, Base: base}
	switch {
	case !inBase && !here:
		return plan.Side{}
	case !inBase:
		s.State = plan.New
	case !here:
		s.State, s.Mailbox, s.Flags = plan.Removed, home, base
	case m.mailbox != home:
		s.State = plan.Moved
	case m.flags.Equal(base):
		s.State = plan.Same
	default:
		s.State = plan.Edited
	}
	return s
}

// outcome is what happens to an operation.
type outcome uint8

const (
	applied outcome = iota
	skipped
	unnoted // applied, but the run ended before the base learned of it
)

// apply carries out a plan; fate says what happens to each operation, and an
// operation whose precondition does not hold is skipped, as the engine does.
//
// Within a stage the engine is free, but for two rules that the model keeps:
// on the server flags, then copies, then the rest; on disk copies first.
func (w *world) apply(ops []plan.Op, fate func() outcome) {
	ops = slices.Clone(ops)
	rank := func(o plan.Op) int {
		switch o.Kind {
		case plan.RemoteFlags, plan.LocalCopy:
			return 0
		case plan.RemoteCopy:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(ops, func(a, b plan.Op) int {
		if c := cmp.Compare(a.Kind.Stage(), b.Kind.Stage()); c != 0 {
			return c
		}
		if a.Kind.Stage() != plan.StageChange {
			return 0
		}
		return cmp.Compare(rank(a), rank(b))
	})
	for _, o := range ops {
		how := fate()
		if how == skipped {
			continue
		}
		w.one(o, ops, how == applied)
		for n := range w.local.mailboxes {
			if w.remote.mailboxes[n] {
				w.baseMailboxes[n] = true
			}
		}
	}
}

func (w *world) one(o plan.Op, ops []plan.Op, note bool) {
	id := -1
	if o.Item != nil {
		id = o.Item.Ref.(int)
	}
	here, there := w.local, w.remote // the side that is changed, the other one
	if o.Kind.Remote() {
		here, there = there, here
	}
	learn := func(p pair) {
		if note {
			w.base[id] = p
		}
	}
	move := func(to string) {
		m := here.messages[id]
		m.mailbox = to
		here.messages[id] = m
	}
	switch o.Kind {
	case plan.CreateLocal, plan.CreateRemote:
		here.mailboxes[o.Mailbox] = true
		// What comes back into a mailbox that was removed is new there from
		// now on: a run that ends here must not take it for removed.
		for _, x := range ops {
			if x.Item != nil && x.Mailbox == o.Mailbox && (x.Kind == plan.Download || x.Kind == plan.Upload) &&
				x.Kind.Local() == o.Kind.Local() {
				delete(w.base, x.Item.Ref.(int))
			}
		}
	case plan.DeleteLocal, plan.DeleteRemote, plan.ForgetMailbox:
		for _, p := range w.base {
			if p.mailbox == o.Mailbox {
				return
			}
		}
		if o.Kind != plan.ForgetMailbox {
			if !here.empty(o.Mailbox) {
				return
			}
			delete(here.mailboxes, o.Mailbox)
		}
		if note {
			delete(w.baseMailboxes, o.Mailbox)
		}
	case plan.Adopt:
		p, known := w.base[id]
		if !known {
			p.local, p.remote = o.Item.Local.Base, o.Item.Remote.Base
		}
		p.mailbox = o.Mailbox
		learn(p)
	case plan.Download, plan.Upload:
		if m, ok := there.messages[id]; ok && here.mailboxes[o.Mailbox] && m.mailbox == o.Mailbox {
			here.messages[id] = m
			learn(pair{m.mailbox, m.flags, m.flags})
		}
	case plan.LocalCopy:
		if _, ok := here.messages[o.Source.Ref.(int)]; ok && here.mailboxes[o.To] {
			here.messages[id] = held{o.To, o.Item.Remote.Flags}
			learn(pair{o.To, o.Item.Remote.Flags, o.Item.Remote.Flags})
		}
	case plan.RemoteCopy:
		if src, ok := here.messages[o.Source.Ref.(int)]; ok && src.mailbox == o.Mailbox && here.mailboxes[o.To] {
			here.messages[id] = held{o.To, src.flags}
			learn(pair{o.To, src.flags, src.flags})
		}
	case plan.LocalMove, plan.RemoteMove:
		if m, ok := here.messages[id]; ok && m.mailbox == o.Mailbox && here.mailboxes[o.To] {
			move(o.To)
			if p, ok := w.base[id]; ok {
				p.mailbox = o.To
				learn(p)
			}
		}
	case plan.LocalFlags, plan.RemoteFlags, plan.SettleLocal, plan.SettleRemote:
		if !o.Kind.Silent() {
			m, ok := here.messages[id]
			if !ok {
				return
			}
			m.flags = m.flags.Apply(o.Delta)
			here.messages[id] = m
		}
		p, ok := w.base[id]
		if !ok {
			return
		}
		if o.Kind == plan.RemoteFlags || o.Kind == plan.SettleLocal {
			p.local, p.remote = p.local.Apply(o.Learned), p.remote.Apply(o.Delta)
		} else {
			p.remote, p.local = p.remote.Apply(o.Learned), p.local.Apply(o.Delta)
		}
		learn(p)
	case plan.LocalRemove, plan.RemoteRemove, plan.Forget:
		if o.Kind != plan.Forget {
			if here.messages[id].mailbox != o.Mailbox {
				return
			}
			delete(here.messages, id)
		}
		if note {
			delete(w.base, id)
		}
	case plan.RemoteTrash:
		if here.messages[id].mailbox == o.Mailbox && here.mailboxes[o.To] {
			move(o.To)
			delete(w.base, id) // recognised by its intent, should the run end here
		}
	default:
		panic("unknown operation " + o.String())
	}
}

// sync plans and applies once, with no mishap.
func (w *world) sync() *plan.Plan {
	p := plan.Make(w.input())
	w.apply(p.Ops, func() outcome { return applied })
	return p
}

func (w *world) agrees(t *rapid.T) {
	t.Helper()
	if diff := gocmp.Diff(w.local.String(), w.remote.String()); diff != "" {
		t.Fatalf("the sides differ (-local +remote):\n%s", diff)
	}
	if p := plan.Make(w.input()); len(p.Ops) > 0 || len(p.Conflicts) > 0 || len(p.LocalPending)+len(p.RemotePending) > 0 {
		t.Fatalf("a second plan is not empty:\n%s", show(p))
	}
	for id, p := range w.base {
		if m := w.local.messages[id]; m.mailbox != p.mailbox || !m.flags.Equal(p.local) {
			t.Fatalf("the base has %d as %v, the sides as %v", id, p, m)
		}
	}
}

var (
	someMailboxes = []string{"INBOX", "A", "B", "A/C", "Trash"}
	someFlags     = []string{`\Seen`, `\Flagged`, `\Answered`, "work", "Todo"}
)
