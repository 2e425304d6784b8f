package plan_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"satchel/sync/plan"
)

// names is one side: mailbox -> what it was in the base, or "" for a new one.
type names map[string]string

// rename does what RENAME does, and reports whether a server would.
func (n names) rename(from, to string) bool {
	move := below(from, to)
	if _, ok := n[from]; !ok || from == "INBOX" || to == "INBOX" || strings.HasPrefix(to+"/", from+"/") {
		return false
	}
	for name := range n {
		if strings.HasPrefix(name+"/", to+"/") {
			return false
		}
	}
	moved := names{}
	for name, was := range n {
		moved[move(name)] = was
	}
	clear(n)
	maps.Copy(n, moved)
	return true
}

func (n names) place(base string) string {
	for name, was := range n {
		if was == base {
			return name
		}
	}
	return ""
}

// renaming is a base and the names of both sides.
type renaming struct {
	base          []string
	local, remote names
}

func someName() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"INBOX", "a", "b", "c", "a/x", "a/y", "b/x", "a/x/z", "d"})
}

// drawRenaming renames, removes and makes mailboxes on both sides.
func drawRenaming(t *rapid.T) *renaming {
	w := &renaming{rapid.SliceOfNDistinct(someName(), 1, 6, rapid.ID[string]).Draw(t, "base"), names{}, names{}}
	for _, b := range w.base {
		w.local[b], w.remote[b] = b, b
	}
	for _, side := range []names{w.local, w.remote} {
		for range rapid.IntRange(0, 5).Draw(t, "changes") {
			side.edit(t)
		}
	}
	return w
}

func (n names) edit(t *rapid.T) {
	from := rapid.SampledFrom(slices.Sorted(maps.Keys(n))).Draw(t, "from")
	to := someName().Draw(t, "to")
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		if from != "INBOX" && len(n) > 1 {
			delete(n, from)
		}
	case 1:
		if _, taken := n[to]; !taken {
			n[to] = ""
		}
	case 2: // in Maildir++, without those below
		if _, taken := n[to]; !taken && from != "INBOX" && to != "INBOX" {
			n[to] = n[from]
			delete(n, from)
		}
	default:
		n.rename(from, to)
	}
}

func (w *renaming) plan() []plan.RenameStep {
	in := plan.RenameInput{LocalNames: slices.Collect(maps.Keys(w.local)), RemoteNames: slices.Collect(maps.Keys(w.remote))}
	for _, b := range w.base {
		in.Places = append(in.Places, plan.Place{Name: b, Local: w.local.place(b), Remote: w.remote.place(b)})
	}
	return plan.Renames(in)
}

// carryOut does one step, on the sides and in the base.
func (w *renaming) carryOut(t *rapid.T, step plan.RenameStep) {
	t.Helper()
	for _, op := range step.Ops {
		side := w.remote
		if op.Kind == plan.LocalRename {
			side = w.local
		}
		if op.Kind != plan.AdoptRename && !side.rename(op.Mailbox, op.To) {
			t.Fatalf("%v cannot be done in %v", op, side)
		}
	}
	renamed := map[string]string{}
	for _, c := range step.Base {
		renamed[c[0]] = c[1]
	}
	for i, b := range w.base {
		if to, ok := renamed[b]; ok {
			w.base[i] = to
		}
	}
	for _, side := range []names{w.local, w.remote} {
		for name, was := range side {
			if to, ok := renamed[was]; ok {
				side[name] = to
			}
		}
	}
}

// TestRenamesAreCarriedOut: whatever both sides renamed, removed and made, each
// step can be done where those before it were, and nothing is left that the
// same planner would do next.
func TestRenamesAreCarriedOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawRenaming(t)
		for _, step := range w.plan() {
			w.carryOut(t, step)
			if sorted := slices.Sorted(slices.Values(w.base)); len(slices.Compact(sorted)) != len(w.base) {
				t.Fatalf("two mailboxes of the base have one name: %v", w.base)
			}
		}
		if steps := w.plan(); len(steps) > 0 {
			t.Fatalf("planned again: %v", steps)
		}
	})
}

// TestRenamesFollow: where only one side renamed, the other one follows in
// all names, however they were exchanged.
func TestRenamesFollow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := []string{"a", "b", "c", "d", "e", "a/x", "b/y", "b/y/z"}
		to := rapid.Permutation([]string{"a", "b", "c", "d", "e", "f", "A"}).Draw(t, "to")
		to = append(to[:5], to[0]+"/x", to[1]+"/y", to[1]+"/y/z")
		mirror := rapid.Bool().Draw(t, "mirror")
		in := plan.RenameInput{LocalNames: base}
		moved := 0
		for i, b := range base {
			if b != to[i] && i < 5 {
				moved++
			}
			in.Places = append(in.Places, plan.Place{Name: b, Local: b, Remote: to[i]})
			in.RemoteNames = append(in.RemoteNames, to[i])
		}
		if mirror {
			in.LocalNames, in.RemoteNames = in.RemoteNames, in.LocalNames
			for i := range in.Places {
				p := &in.Places[i]
				p.Local, p.Remote = p.Remote, p.Local
			}
		}
		other := names{}
		for _, b := range base {
			other[b] = b
		}
		steps := plan.Renames(in)
		if len(steps) > 2*moved {
			t.Errorf("%d steps for %d renames", len(steps), moved)
		}
		for _, step := range steps {
			if op := step.Ops[0]; op.Kind.Local() == mirror || !other.rename(op.Mailbox, op.To) {
				t.Fatalf("%v", op)
			}
		}
		for i, b := range base {
			if other.place(b) != to[i] {
				t.Fatalf("%s is %s, not %s", b, other.place(b), to[i])
			}
		}
	})
}
