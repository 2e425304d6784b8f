package sync

import (
	"context"
	"errors"
	"maps"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// errLookAgain ends a cycle whose picture of the server turned out to be wrong
// before anything was transferred.
var errLookAgain = errors.New("the server's list of mailboxes was incomplete")

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
	list, err := c.List(ctx)
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
		case box == nil || !box.Selectable || !a.pool.client.Spells(box):
			a.refuseAlias(m.op, alike(list, name))
		case m.existed:
			// It was there all the time: the list that the plan was made by
			// left it out, and may have left out others.
			a.rep.notice("the server's list left out %s at first; nothing that is missing counts as removed in this run", name)
			a.incomplete = true
			err = errLookAgain
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
// cycle makes here. A level that is only listed is none; see ghosts.go.
func (a *applier) levelsAbove(ctx context.Context, c *remote.Conn, listed map[string]*remote.Mailbox) error {
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		box := listed[name]
		if a.boxes[name] != nil {
			continue
		}
		if box.Selectable && a.wanted(name) && a.leftAlone(name) == nil {
			is, err := a.absent(ctx, c, name)
			if err != nil {
				return err
			}
			box.Selectable = !is
		}
		a.boxes[name] = box
	}
	return nil
}

// take notes a mailbox that was made.
func (a *applier) take(ctx context.Context, c *remote.Conn, op *plan.Op, box *remote.Mailbox) error {
	mb := a.mailboxes[op.Mailbox]
	if err := c.Subscribe(ctx, op.Mailbox, true); err != nil {
		if fatal(ctx, err) {
			return err
		}
		// The mailbox is there: a refusal costs nobody mail.
		a.rep.notice("%s: made on the server, which refuses to subscribe it: %v", op.Mailbox, err)
	}
	mb.remote = box
	a.boxes[op.Mailbox] = box
	a.touches(op.Mailbox)
	if mb.row != nil {
		if err := a.startAnew(ctx, mb); err != nil {
			return err
		}
	}
	a.done(op)
	return nil
}

// refuseAlias leaves a folder alone that the server has no mailbox for.
func (a *applier) refuseAlias(op *plan.Op, other string) {
	a.noteAlias(op.Mailbox, other)
	a.mailboxes[op.Mailbox].blindRemote = true
	a.skip(op, aliasError(op.Mailbox, other))
}

// noteAlias remembers that the server has no mailbox of just this name, and
// what it takes the name for.
func (s *session) noteAlias(name, other string) {
	once := fault{name, faultVanished}
	if other != "" || s.since(once).Unix() > 0 {
		s.convict(fault{name, faultAlias + other})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.distrust[once] = s.start
}

// listedAfterAll takes back that the server did not show mailboxes that it had made,
// where it lists them now: it was behind.
func (s *session) listedAfterAll(boxes map[string]*remote.Mailbox) {
	for name, b := range boxes {
		if s.pool.client.Spells(b) {
			s.absolve(fault{name, faultVanished})
			s.absolve(fault{name, faultAlias})
		}
	}
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
	mb := a.mailboxes[name]
	return mb != nil && mb.blindRemote && mb.remote == nil
}
