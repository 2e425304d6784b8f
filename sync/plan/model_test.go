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

// step is one operation that a run applies.
type step struct {
	*world
	op          plan.Op
	id          int  // of its message; -1: none
	here, there half // the side that is changed, the other one
	note        bool // the base learns what was done
}

func (w *world) one(o plan.Op, ops []plan.Op, note bool) {
	s := step{world: w, op: o, id: -1, here: w.local, there: w.remote, note: note}
	if o.Item != nil {
		s.id = o.Item.Ref.(int)
	}
	if o.Kind.Remote() {
		s.here, s.there = s.there, s.here
	}
	switch o.Kind {
	case plan.CreateLocal, plan.CreateRemote:
		s.create(ops)
	case plan.DeleteLocal, plan.DeleteRemote, plan.ForgetMailbox:
		s.deleteMailbox()
	case plan.Adopt:
		s.adopt()
	case plan.Download, plan.Upload:
		if m, ok := s.there.messages[s.id]; ok && s.here.mailboxes[o.Mailbox] && m.mailbox == o.Mailbox {
			s.here.messages[s.id] = m
			s.learn(pair{m.mailbox, m.flags, m.flags})
		}
	case plan.LocalCopy, plan.RemoteCopy:
		s.copyMessage()
	case plan.LocalMove, plan.RemoteMove:
		if m, ok := s.here.messages[s.id]; ok && m.mailbox == o.Mailbox && s.here.mailboxes[o.To] {
			s.move()
			if p, ok := w.base[s.id]; ok {
				p.mailbox = o.To
				s.learn(p)
			}
		}
	case plan.LocalFlags, plan.RemoteFlags, plan.SettleLocal, plan.SettleRemote:
		s.flags()
	case plan.LocalRemove, plan.RemoteRemove, plan.Forget:
		s.remove()
	case plan.RemoteTrash:
		if s.here.messages[s.id].mailbox == o.Mailbox && s.here.mailboxes[o.To] {
			s.move()
			delete(w.base, s.id) // recognised by its intent, should the run end here
		}
	default:
		panic("unknown operation " + o.String())
	}
}

func (s step) learn(p pair) {
	if s.note {
		s.base[s.id] = p
	}
}

func (s step) move() {
	m := s.here.messages[s.id]
	m.mailbox = s.op.To
	s.here.messages[s.id] = m
}

func (s step) create(ops []plan.Op) {
	s.here.mailboxes[s.op.Mailbox] = true
	// What comes back into a mailbox that was removed is new there from
	// now on: a run that ends here must not take it for removed.
	for _, x := range ops {
		if x.Item != nil && x.Mailbox == s.op.Mailbox && (x.Kind == plan.Download || x.Kind == plan.Upload) &&
			x.Kind.Local() == s.op.Kind.Local() {
			delete(s.base, x.Item.Ref.(int))
		}
	}
}

func (s step) deleteMailbox() {
	for _, p := range s.base {
		if p.mailbox == s.op.Mailbox {
			return
		}
	}
	if s.op.Kind != plan.ForgetMailbox {
		if !s.here.empty(s.op.Mailbox) {
			return
		}
		delete(s.here.mailboxes, s.op.Mailbox)
	}
	if s.note {
		delete(s.baseMailboxes, s.op.Mailbox)
	}
}

func (s step) adopt() {
	p, known := s.base[s.id]
	if !known {
		p.local, p.remote = s.op.Item.Local.Base, s.op.Item.Remote.Base
	}
	p.mailbox = s.op.Mailbox
	s.learn(p)
}

// copyMessage: a file may be copied from anywhere, and has the flags of the server's
// copy; a copy on the server has the flags of its source.
func (s step) copyMessage() {
	src, ok := s.here.messages[s.op.Source.Ref.(int)]
	if !ok || !s.here.mailboxes[s.op.To] {
		return
	}
	flags := src.flags
	if s.op.Kind == plan.LocalCopy {
		flags = s.op.Item.Remote.Flags
	} else if src.mailbox != s.op.Mailbox {
		return
	}
	s.here.messages[s.id] = held{s.op.To, flags}
	s.learn(pair{s.op.To, flags, flags})
}

func (s step) flags() {
	o := s.op
	if !o.Kind.Silent() {
		m, ok := s.here.messages[s.id]
		if !ok {
			return
		}
		m.flags = m.flags.Apply(o.Delta)
		s.here.messages[s.id] = m
	}
	p, ok := s.base[s.id]
	if !ok {
		return
	}
	if o.Kind == plan.RemoteFlags || o.Kind == plan.SettleLocal {
		p.local, p.remote = p.local.Apply(o.Learned), p.remote.Apply(o.Delta)
	} else {
		p.remote, p.local = p.remote.Apply(o.Learned), p.local.Apply(o.Delta)
	}
	s.learn(p)
}

func (s step) remove() {
	if s.op.Kind != plan.Forget {
		if s.here.messages[s.id].mailbox != s.op.Mailbox {
			return
		}
		delete(s.here.messages, s.id)
	}
	if s.note {
		delete(s.base, s.id)
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
