package plan_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

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

// drawFlags draws a set.
func drawFlags(t *rapid.T) mail.Flags {
	var names []string
	for _, f := range someFlags {
		if rapid.IntRange(0, 3).Draw(t, f) == 0 {
			names = append(names, f)
		}
	}
	return mail.NewFlags(names...)
}

func drawPolicy(t *rapid.T) conflict.Policy {
	return conflict.Policy{
		EditVsDelete:  rapid.SampledFrom([]conflict.EditVsDelete{conflict.Keep, conflict.Delete}).Draw(t, "edit_vs_delete"),
		Removal:       rapid.SampledFrom([]conflict.Removal{conflict.Auto, conflict.Expunge, conflict.Trash}).Draw(t, "delete"),
		MailboxDelete: rapid.SampledFrom([]conflict.MailboxRemoval{conflict.Never, conflict.WhenEmpty, conflict.Always}).Draw(t, "mailbox_delete"),
	}
}

// drawWorld draws sides that agree.
func drawWorld(t *rapid.T) *world {
	w := &world{local: newHalf(), remote: newHalf(), base: map[int]pair{}, baseMailboxes: map[string]bool{},
		copyOf: map[int]int{}, policy: drawPolicy(t)}
	for _, n := range someMailboxes {
		if n == "INBOX" || n == "Trash" || rapid.Bool().Draw(t, "has "+n) {
			w.baseMailboxes[n], w.local.mailboxes[n], w.remote.mailboxes[n] = true, true, true
		}
	}
	n := rapid.IntRange(0, 6).Draw(t, "messages")
	for id := 1; id <= n; id++ {
		m := held{rapid.SampledFrom(slices.Sorted(maps.Keys(w.baseMailboxes))).Draw(t, "home"), drawFlags(t)}
		w.local.messages[id], w.remote.messages[id] = m, m
		w.base[id] = pair{m.mailbox, m.flags, m.flags}
	}
	return w
}

// change makes one random change on a side.
func (w *world) change(t *rapid.T, h half, side string) {
	ids := slices.Sorted(maps.Keys(h.messages))
	names := slices.Sorted(maps.Keys(h.mailboxes))
	what := rapid.SampledFrom([]string{"flags", "seen", "move", "remove", "new", "copy", "create", "delete", "flags", "move"}).Draw(t, side+" does")
	next := 1
	for _, id := range w.ids() {
		next = max(next, id+1)
	}
	for id := range w.copyOf {
		next = max(next, id+1)
	}
	if len(names) == 0 {
		h.mailboxes["INBOX"] = true
		return
	}
	place := func() string { return rapid.SampledFrom(names).Draw(t, "place") }
	switch what {
	case "new":
		h.messages[next] = held{place(), drawFlags(t)}
		w.copyOf[next] = 0
		return
	case "create":
		h.mailboxes[rapid.SampledFrom(someMailboxes).Draw(t, "mailbox")] = true
		return
	case "delete":
		n := place()
		if n == "Trash" {
			return // that the server has one is a given
		}
		delete(h.mailboxes, n)
		maps.DeleteFunc(h.messages, func(_ int, m held) bool { return m.mailbox == n })
		return
	}
	if len(ids) == 0 {
		return
	}
	id := rapid.SampledFrom(ids).Draw(t, "message")
	m := h.messages[id]
	switch what {
	case "flags":
		m.flags = drawFlags(t)
		h.messages[id] = m
	case "seen":
		seen := mail.Flags{System: mail.Seen}
		if m.flags.Has(seen) {
			m.flags = m.flags.Minus(seen)
		} else {
			m.flags = m.flags.Union(seen)
		}
		h.messages[id] = m
	case "move":
		m.mailbox = place()
		h.messages[id] = m
	case "remove":
		delete(h.messages, id)
	case "copy":
		if _, known := w.base[id]; !known {
			return
		}
		h.messages[next] = held{place(), m.flags}
		w.copyOf[next] = id
	}
}

// changes draws what happened on the sides since they agreed.
func (w *world) changes(t *rapid.T, local, remote bool) {
	for range rapid.IntRange(0, 6).Draw(t, "changes") {
		if local && (!remote || rapid.Bool().Draw(t, "local")) {
			w.change(t, w.local, "local")
		} else {
			w.change(t, w.remote, "remote")
		}
	}
	if !local || !remote || rapid.IntRange(0, 3).Draw(t, "same on both") > 0 {
		return
	}
	// The same message arrived on both sides.
	for _, n := range slices.Sorted(maps.Keys(w.local.mailboxes)) {
		if w.remote.mailboxes[n] {
			w.local.messages[900], w.remote.messages[900] = held{n, drawFlags(t)}, held{n, drawFlags(t)}
			return
		}
	}
}

// plans is how many plans it takes until both sides are quiet: a copy on the
// server has the flags of its source, and what was moved to the trash is new
// there.
func plans(p *plan.Plan) int {
	for _, o := range p.Ops {
		if o.Kind == plan.RemoteCopy || o.Kind == plan.RemoteTrash {
			return 2
		}
	}
	return 1
}

// mustStay returns the messages that may not be lost: all that no side
// removed, and those that were edited against their removal.
func (w *world) mustStay() []int {
	var ids []int
	for _, id := range w.ids() {
		p, inBase := w.base[id]
		l, onLocal := w.local.messages[id]
		r, onRemote := w.remote.messages[id]
		switch {
		case onLocal && onRemote, !inBase:
			ids = append(ids, id)
		case w.policy.EditVsDelete == conflict.Delete:
		case onLocal && (l.mailbox != p.mailbox || conflict.Edited(l.flags.Diff(p.local))):
			ids = append(ids, id)
		case onRemote && (r.mailbox != p.mailbox || conflict.Edited(r.flags.Diff(p.remote))):
			ids = append(ids, id)
		}
	}
	return ids
}

func (w *world) holds(t *rapid.T, ids []int) {
	t.Helper()
	for _, id := range ids {
		if _, ok := w.local.messages[id]; !ok {
			t.Fatalf("message %d was lost on disk", id)
		}
		if _, ok := w.remote.messages[id]; !ok {
			t.Fatalf("message %d was lost on the server", id)
		}
	}
}

func logWorld(t *rapid.T, w *world) {
	t.Logf("policy %+v\nlocal:\n%sremote:\n%sbase: %v", w.policy, w.local, w.remote, w.base)
}

func TestModelConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.changes(t, true, true)
		logWorld(t, w)
		stay := w.mustStay()
		p := w.sync()
		t.Logf("plan:\n%s", show(p))
		if plans(p) == 2 {
			t.Logf("second plan:\n%s", show(w.sync()))
		}
		w.agrees(t)
		w.holds(t, stay)
	})
}

// What only one side touched ends as that side left it.
func TestModelOneSide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.policy.MailboxDelete, w.policy.Removal = conflict.Always, conflict.Expunge
		local := rapid.Bool().Draw(t, "which")
		w.changes(t, local, !local)
		left := w.remote
		if local {
			left = w.local
		}
		if !left.mailboxes["INBOX"] {
			t.Skip("INBOX comes back")
		}
		logWorld(t, w)
		want := left.String()
		for range plans(w.sync()) - 1 {
			w.sync()
		}
		w.agrees(t)
		if diff := gocmp.Diff(want, w.local.String()); diff != "" {
			t.Fatalf("not as the side left it (-want +got):\n%s", diff)
		}
	})
}

func TestModelOneSideMessages(t *testing.T) {
	// A message that only one side touched, whatever happened to others.
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.changes(t, true, true)
		logWorld(t, w)
		before := w.clone()
		for range plans(w.sync()) - 1 {
			w.sync()
		}
		for id, p := range before.base {
			l, onLocal := before.local.messages[id]
			r, onRemote := before.remote.messages[id]
			same := func(m held, flags mail.Flags) bool { return m.mailbox == p.mailbox && m.flags.Equal(flags) }
			switch {
			case !onLocal || !onRemote:
			case same(l, p.local) && !gocmp.Equal(r, w.local.messages[id], gocmp.AllowUnexported(held{})):
				t.Fatalf("%d: only the server made it %v, but now it is %v", id, r, w.local.messages[id])
			case same(r, p.remote) && !gocmp.Equal(l, w.remote.messages[id], gocmp.AllowUnexported(held{})):
				t.Fatalf("%d: only the Maildir made it %v, but now it is %v", id, l, w.remote.messages[id])
			}
		}
	})
}

// canonical says what an operation does, without what depends on the side by
// design.
func canonical(o plan.Op, exchanged bool) string {
	kind := o.Kind.String()
	if exchanged {
		kind = exchange(kind)
	}
	id, source := any("-"), any("-")
	if o.Item != nil {
		id = o.Item.Ref
	}
	if o.Source != nil {
		source = o.Source.Ref
	}
	mailbox := o.Mailbox
	if o.Kind == plan.SettleLocal || o.Kind == plan.SettleRemote {
		mailbox = "-"
	}
	return fmt.Sprintf("%s %v %s -> %q from %v %s learned %s", kind, id, mailbox, o.To, source, o.Delta, o.Learned)
}

func canonicals(p *plan.Plan, exchanged bool) []string {
	var list []string
	for _, o := range p.Ops {
		list = append(list, canonical(o, exchanged))
	}
	slices.Sort(list)
	return list
}

// Mirrored input gives the mirrored plan, except where both sides moved a
// message: there the server's place wins.
func TestModelMirror(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.policy.Removal = conflict.Expunge // only the server has a trash
		w.changes(t, true, true)
		for _, it := range w.input().Items {
			if it.Local.State == plan.Moved && it.Remote.State == plan.Moved && it.Local.Mailbox != it.Remote.Mailbox {
				t.Skip("moved apart")
			}
		}
		logWorld(t, w)
		there := canonicals(plan.Make(w.input()), false)
		back := canonicals(plan.Make(w.exchanged().input()), true)
		if diff := gocmp.Diff(there, back); diff != "" {
			t.Fatalf("the exchanged input gives another plan (-as drawn +exchanged):\n%s", diff)
		}
	})
}

func TestModelDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.changes(t, true, true)
		in := w.input()
		// Keys as the engine has them: a UID here, a file name there.
		for _, it := range in.Items {
			if it.Local.Key != "" {
				it.Local.Key = rapid.SampledFrom([]string{"", "1"}).Draw(t, "start") + it.Local.Key + ".M1.host"
			}
		}
		want := show(plan.Make(in))
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		rng.Shuffle(len(in.Items), func(i, j int) { in.Items[i], in.Items[j] = in.Items[j], in.Items[i] })
		rng.Shuffle(len(in.Mailboxes), func(i, j int) { in.Mailboxes[i], in.Mailboxes[j] = in.Mailboxes[j], in.Mailboxes[i] })
		if diff := gocmp.Diff(want, show(plan.Make(in))); diff != "" {
			t.Fatalf("another order gives another plan:\n%s", diff)
		}
	})
}

// Whatever fails or goes unnoted, the next plans bring the sides together and
// lose nothing.
func TestModelInterrupted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.changes(t, true, true)
		logWorld(t, w)
		stay := w.mustStay()
		for _, o := range plan.Make(w.input()).Ops {
			// What comes back, because its mailbox stays, comes back.
			if o.Kind == plan.Download || o.Kind == plan.Upload {
				stay = append(stay, o.Item.Ref.(int))
			}
		}
		for range rapid.IntRange(1, 3).Draw(t, "bad runs") {
			p := plan.Make(w.input())
			t.Logf("plan:\n%s", show(p))
			stopped := false
			w.apply(p.Ops, func() outcome {
				if stopped {
					return skipped
				}
				switch rapid.IntRange(0, 9).Draw(t, "fate") {
				case 0, 1, 2:
					return skipped
				case 3:
					stopped = true
					return unnoted
				}
				return applied
			})
			t.Logf("after it:\nlocal:\n%sremote:\n%sbase: %v", w.local, w.remote, w.base)
		}
		for range 3 {
			t.Logf("good plan:\n%s", show(w.sync()))
		}
		w.agrees(t)
		w.holds(t, stay)
	})
}
