package apply

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/recovery"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// uidsOf returns the UIDs in ascending order.
func uidsOf(group []*laneChange) []mail.UID {
	uids := make([]mail.UID, 0, len(group))
	for _, x := range group {
		uids = append(uids, x.m.UID)
	}
	slices.Sort(uids)
	return slices.Compact(uids)
}

// transfer moves or copies, one command for each destination. A message
// without a COPYUID pair was not there any more, or the server does not say;
// either way the next cycle finds out.
func (a *applier) transfer(ctx context.Context, group []*laneChange, command transferring) error {
	byDest := map[string][]*laneChange{}
	var order []string
	for _, x := range group {
		if byDest[x.op.To] == nil {
			order = append(order, x.op.To)
		}
		byDest[x.op.To] = append(byDest[x.op.To], x)
	}
	for _, to := range order {
		// One source may be copied to one place several times; a set names
		// it once, so such copies go one round after the other.
		for round := byDest[to]; len(round) > 0; {
			var now, later []*laneChange
			seen := map[mail.UID]bool{}
			for _, x := range round {
				if uid := x.sourceUID(); seen[uid] {
					later = append(later, x)
				} else {
					seen[uid] = true
					now = append(now, x)
				}
			}
			if err := a.transferSet(ctx, now, to, command); err != nil {
				return err
			}
			round = later
		}
	}
	return nil
}

// sourceUID returns the UID that a move or copy starts from.
func (x *laneChange) sourceUID() mail.UID {
	if x.op.Source != nil {
		return view.Ref(x.op.Source).UID
	}
	return x.m.UID
}

func (a *applier) transferSet(ctx context.Context, group []*laneChange, to string, command transferring) error {
	dest := a.Mailboxes[to]
	if dest == nil && to == a.decide.Trash {
		dest = &view.Mailbox{Name: to} // it is not synced
	} else if dest == nil || dest.Row == nil {
		for _, x := range group {
			x.err = mail.ErrGone // it could not be made; that was reported
		}
		return nil
	}
	uids := make([]mail.UID, 0, len(group))
	for _, x := range group {
		uids = append(uids, x.sourceUID())
	}
	slices.Sort(uids)
	res, err := command(ctx, uids, to)
	if err != nil {
		if pool.Fatal(ctx, err) {
			return err
		}
		for _, x := range group {
			x.err = err
		}
		return nil
	}
	pairs := make(map[mail.UID]mail.UID, len(res.Pairs))
	for _, p := range res.Pairs {
		pairs[p.From] = p.To
	}
	if len(pairs) > 0 {
		err := a.commit(ctx, func(tx *state.Tx) error { return a.LearnValidity(tx, dest, res.UIDValidity) })
		if err != nil {
			return err
		}
	}
	for _, x := range group {
		if slices.Contains(res.Awaited, x.sourceUID()) {
			x.ok, x.err = true, recovery.ErrAwaited
			continue
		}
		if slices.Contains(res.Unproven, x.sourceUID()) {
			x.err = unproven(x)
			continue
		}
		x.ok = true
		x.uid = pairs[x.sourceUID()]
		x.kept = slices.Contains(res.Kept, x.sourceUID())
		known := a.Validity(dest)
		if x.uid == 0 || known != 0 && res.UIDValidity != known || !a.acceptUID(dest, x.uid) {
			x.uid = 0
			if x.op.Kind != plan.RemoteTrash {
				x.err = errPlaced
			}
		}
	}
	return nil
}
