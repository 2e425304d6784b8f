package apply

import (
	"context"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// storeFlags sends one conditional STORE for each different change. What
// another client changed since we looked comes back as MODIFIED and is left
// for the next cycle (RFC 7162 §3.1.3).
func (a *applier) storeFlags(ctx context.Context, sel *remote.Selection, mb *view.Mailbox, group []*laneChange, delta func(*laneChange) mail.Delta) error {
	byDelta := map[string][]*laneChange{}
	var order []string
	for _, x := range group {
		key := delta(x).String()
		if byDelta[key] == nil {
			order = append(order, key)
		}
		byDelta[key] = append(byDelta[key], x)
	}
	var reqs []remote.StoreRequest
	for _, key := range order {
		reqs = append(reqs, remote.StoreRequest{UIDs: uidsOf(byDelta[key]), Delta: delta(byDelta[key][0]), UnchangedSince: unchangedSince(mb)})
	}
	results, err := sel.Store(ctx, reqs)
	if err != nil {
		return err
	}
	var groups [][]*laneChange
	for i, key := range order {
		first := byDelta[key][0]
		if quirk.IsRefusal(results[i].Err) && first.op.Kind == plan.RemoteFlags {
			refused, err := a.findRefused(ctx, sel, mb, first)
			if err != nil {
				return err
			}
			if !refused.IsEmpty() {
				results[i].Err = quirk.ErrRefused
				if err := a.refuse(ctx, mb, refused); err != nil {
					return err
				}
			}
		}
		groups = append(groups, byDelta[key])
		for _, x := range byDelta[key] {
			x.unheld = results[i].Refused
			switch {
			case results[i].Err != nil:
				x.err = results[i].Err
			case slices.Contains(results[i].Modified, x.m.UID):
				x.err = mail.ErrChanged
			case x.op.Kind == plan.RemoteFlags && slices.Contains(results[i].Gone, x.m.UID):
				x.err = mail.ErrChanged // the change is to follow the message where it went
			case slices.Contains(results[i].Unknown, x.m.UID):
				x.err = a.unverified(x)
			case slices.Contains(results[i].NotDone, x.m.UID):
				x.err = &mail.Error{Op: "store", Mailbox: mb.Name, UID: x.m.UID, Kind: mail.KindMessage,
					Err:  &remote.NotDoneError{Op: "store", UIDs: []mail.UID{x.m.UID}},
					Hint: "the change stays in the Maildir and is tried again"}
			}
		}
	}
	return a.checkStored(ctx, sel, mb, groups)
}

// unchangedSince returns the mod-sequence up to which the mailbox was seen.
func unchangedSince(mb *view.Mailbox) mail.ModSeq {
	if mb.Changes != nil {
		return mb.Changes.Cursor.HighestModSeq
	}
	return mb.CursorOf().HighestModSeq
}
