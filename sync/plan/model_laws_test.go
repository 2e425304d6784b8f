package plan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"satchel/conflict"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

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
