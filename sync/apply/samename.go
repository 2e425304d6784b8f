package apply

import (
	"context"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/match"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// spare returns which of the names that files would keep when they are moved
// within a batch are another message's where they go. A mail program that gave
// one of them the flags of the other would replace it.
func (a *applier) spare(ctx context.Context, ops []*plan.Op) (map[*plan.Op]bool, error) {
	moves := map[string][]*plan.Op{}
	for _, op := range ops {
		if op.Kind == plan.LocalMove {
			moves[op.To] = append(moves[op.To], op)
		}
	}
	taken := map[*plan.Op]bool{}
	for to, list := range moves {
		mb := a.Mailboxes[to]
		if mb == nil || mb.Row == nil {
			continue
		}
		var bases []string
		for _, op := range list {
			bases = append(bases, view.Ref(op.Item).File.Base())
		}
		rows, err := a.DB.ByBase(ctx, mb.Row.ID, bases)
		if err != nil {
			return nil, err
		}
		for _, op := range list {
			m := view.Ref(op.Item)
			taken[op] = slices.ContainsFunc(rows, func(r *state.Message) bool { return r.Base == m.File.Base() && r.ID != m.ID })
		}
	}
	return taken, nil
}

// anothers reports whether the name of a file, which is not that of m, is known to be
// that of another message: this cycle listed both, or the base says so.
func (a *applier) anothers(ctx context.Context, m *view.Message, f maildir.File) (bool, error) {
	mb := a.Mailboxes[f.Folder]
	if mb == nil || mb.Row == nil {
		return false, nil
	}
	if l := mb.Listing; l != nil && !l.Unsettled {
		if list := match.WithBase(l.Files, f.Base()); slices.Contains(list, m.File) && slices.Contains(list, f) {
			return true, nil
		}
	}
	rows, err := a.DB.ByBase(ctx, mb.Row.ID, []string{f.Base()})
	return slices.ContainsFunc(rows, func(r *state.Message) bool {
		return r.ID != m.ID && view.FileOf(f.Folder, r) == f
	}), err
}
