package recovery

import (
	"context"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// Without UIDPLUS a removal waits for as long as anything else in its mailbox is
// marked \Deleted (docs/adr/0007). A run finds out when it has marked what it removes.
// A plan asks, and does not name what waits.

// WaitingRemovals returns what tells the removals of a plan that would wait.
func (s *Recovery) WaitingRemovals(ctx context.Context, ops []plan.Op) (func(*plan.Op) bool, error) {
	c, err := s.Pool.First(ctx)
	if err != nil {
		return nil, err
	}
	can := c.Abilities()
	if can.ExpungesExactly {
		return func(*plan.Op) bool { return false }, nil
	}
	expunges := func(op *plan.Op) bool {
		moves := op.Kind == plan.RemoteMove || op.Kind == plan.RemoteTrash
		return op.Kind == plan.RemoteRemove || moves && !can.MovesExactly
	}
	waits := map[string]bool{}
	for i := range ops {
		op := &ops[i]
		if _, asked := waits[op.Mailbox]; asked || !expunges(op) {
			continue
		}
		marked, err := c.SearchDeleted(ctx, op.Mailbox, s.Validity(s.Mailboxes[op.Mailbox]))
		if err != nil {
			if pool.Fatal(ctx, err) {
				return nil, err
			}
			s.Log.Debug("marked messages not asked for", "mailbox", op.Mailbox, "err", err)
		}
		if waits[op.Mailbox] = len(stayMarked(marked, ops, op.Mailbox)) > 0 || comesMarked(ops, op.Mailbox); waits[op.Mailbox] {
			s.SayWaits(op.Mailbox)
		}
	}
	return func(op *plan.Op) bool { return waits[op.Mailbox] && expunges(op) }, nil
}

// stayMarked returns those of the marked messages of a mailbox that are so still when
// the operations before EXPUNGE are done, and that it is not to take.
func stayMarked(marked mail.UIDSet, ops []plan.Op, mailbox string) mail.UIDSet {
	deleted := mail.Flags{System: mail.Deleted}
	var more, gone []mail.UID
	for i := range ops {
		op := &ops[i]
		if op.Mailbox != mailbox || op.Item == nil {
			continue
		}
		uid := view.Ref(op.Item).UID
		switch op.Kind {
		case plan.RemoteFlags:
			if op.Delta.Add.Has(deleted) {
				more = append(more, uid)
			} else if op.Delta.Remove.Has(deleted) {
				gone = append(gone, uid)
			}
		case plan.RemoteRemove, plan.RemoteMove, plan.RemoteTrash:
			gone = append(gone, uid)
		}
	}
	return marked.Union(mail.UIDSetOf(more)).Minus(mail.UIDSetOf(gone))
}

// comesMarked reports whether something comes to a mailbox with that mark. All that comes
// does so before EXPUNGE.
func comesMarked(ops []plan.Op, mailbox string) bool {
	deleted := mail.Flags{System: mail.Deleted}
	return slices.ContainsFunc(ops, func(op plan.Op) bool {
		switch op.Kind {
		case plan.Upload:
			return op.Mailbox == mailbox && op.Item.Local.Flags.Has(deleted)
		case plan.RemoteCopy:
			return op.To == mailbox && op.Source.Remote.Flags.Has(deleted)
		case plan.RemoteMove:
			return op.To == mailbox && op.Item.Remote.Flags.Has(deleted)
		}
		return false
	})
}

// SayWaits tells people of removals that wait.
func (s *Recovery) SayWaits(mailbox string) {
	s.Rep.Notice("%s: what you removed is marked \\Deleted and waits there: the server can only expunge all that is marked, and other messages are", mailbox)
}
