package apply

import (
	"context"
	"errors"
	"maps"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/survey"
)

// ErrLookAgain ends a cycle whose picture of the server turned out to be wrong
// before anything was transferred.
var ErrLookAgain = errors.New("the server's list of mailboxes was incomplete")

// creation is a mailbox that the server says it has now.
type creation struct {
	op      *plan.Op
	existed bool // it says that it had it before
}

// confirmMade looks whether the server lists what it says it made, under
// exactly these names, and learns what else it made along with them, as
// levels above. A folder that it has no mailbox for stays as it is, and
// nothing is transferred for it.
func (a *applier) confirmMade(ctx context.Context, c *remote.Conn, made []creation) error {
	if len(made) == 0 {
		return nil
	}
	list, err := c.ListNames(ctx)
	if err != nil {
		return err
	}
	listed := make(map[string]*remote.Mailbox, len(list))
	for i := range list {
		listed[list[i].Name] = &list[i]
	}
	for _, m := range made {
		name := m.op.Mailbox
		box := listed[name]
		switch {
		case box == nil || !box.Selectable || !a.Pool.Client.Spells(box):
			a.refuseAlias(m.op, survey.Alike(list, name))
		case m.existed:
			// It was there all the time: the list that the plan was made by
			// left it out, and may have left out others.
			a.Rep.Notice("the server's list left out %s at first; nothing that is missing counts as removed in this run", name)
			a.survey.Incomplete = true
			err = ErrLookAgain
		default:
			if serr := a.take(ctx, c, m.op, box); serr != nil {
				return serr
			}
		}
	}
	if aerr := a.levelsAbove(ctx, c, listed); aerr != nil {
		return aerr
	}
	return err
}

// levelsAbove notes what the server made along with a mailbox, which the next
// cycle makes here. A level that is only listed is none; see survey/nonexistent.go.
func (a *applier) levelsAbove(ctx context.Context, c *remote.Conn, listed map[string]*remote.Mailbox) error {
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		box := listed[name]
		if a.Boxes[name] != nil {
			continue
		}
		if box.Selectable && a.Wanted(name) && a.quirks.LeftAlone(name) == nil {
			is, err := a.survey.Absent(ctx, c, name)
			if err != nil {
				return err
			}
			box.Selectable = !is
		}
		a.Boxes[name] = box
	}
	return nil
}

// take notes a mailbox that was made.
func (a *applier) take(ctx context.Context, c *remote.Conn, op *plan.Op, box *remote.Mailbox) error {
	mb := a.Mailboxes[op.Mailbox]
	if err := c.Subscribe(ctx, op.Mailbox, true); err != nil {
		if pool.Fatal(ctx, err) {
			return err
		}
		// The mailbox is there: a refusal costs nobody mail.
		a.Rep.Notice("%s: made on the server, which refuses to subscribe it: %v", op.Mailbox, err)
	}
	mb.Remote = box
	a.Boxes[op.Mailbox] = box
	a.touches(op.Mailbox)
	if mb.Row != nil {
		if err := a.startAnew(ctx, mb); err != nil {
			return err
		}
	}
	a.done(op)
	return nil
}

// refuseAlias leaves a folder alone that the server has no mailbox for.
func (a *applier) refuseAlias(op *plan.Op, other string) {
	a.survey.NoteAlias(op.Mailbox, other)
	a.Mailboxes[op.Mailbox].RemoteIncomplete = true
	a.skip(op, survey.AliasError(op.Mailbox, other))
}

// possible returns the operations that concern no mailbox of which the
// creation failed, and leaves the others to a later cycle.
func (a *applier) possible(ops []plan.Op) []plan.Op {
	kept := make([]plan.Op, 0, len(ops))
	for i := range ops {
		op := &ops[i]
		if op.Item != nil && (a.unmade(op.Mailbox) || a.unmade(op.To) || a.unmade(op.Item.Local.Mailbox)) {
			a.skip(op, mail.ErrChanged)
			continue
		}
		kept = append(kept, *op)
	}
	return kept
}

// unmade reports whether a mailbox was to be made in this cycle and is not
// there.
func (a *applier) unmade(name string) bool {
	mb := a.Mailboxes[name]
	return mb != nil && mb.RemoteIncomplete && mb.Remote == nil
}
