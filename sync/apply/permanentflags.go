package apply

import (
	"context"
	"maps"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/view"
)

func (a *applier) unverified(x *laneChange) error {
	if a.Rep.Cycles < quirk.MaxUnverified {
		return quirk.ErrUnverified
	}
	return &mail.Error{Op: "store", Mailbox: x.op.Mailbox, UID: x.m.UID, Kind: mail.KindMessage, Err: quirk.ErrUnseen,
		Hint: "the change stays in the Maildir and is tried again; the server may have the message damaged"}
}

// refuse remembers flags that the server does not keep in a mailbox.
func (a *applier) refuse(ctx context.Context, mb *view.Mailbox, flags mail.Flags) error {
	return a.commit(ctx, func(tx *state.Tx) error {
		a.Mu.Lock()
		mb.Row.Refused = mb.Row.Refused.Union(flags)
		a.Mu.Unlock()
		a.quirks.NoticeUnsupported(mb.Name, flags)
		return tx.PutMailbox(mb.Row)
	})
}

// unshown returns the keywords in f of which the server has not shown that it
// keeps them: it announces only those that messages have already.
func (a *applier) unshown(mb *view.Mailbox, f mail.Flags) mail.Flags {
	return quirk.Keywords(f).Minus(a.quirks.PermanentFlags(mb).Holds)
}

// doubted returns what a change sets of which the server has not shown that it
// keeps it, or has failed to keep it already.
func (a *applier) doubted(mb *view.Mailbox, x *laneChange) mail.Flags {
	return a.unshown(mb, x.op.Delta.Add).Union(x.m.Doubted.Intersect(x.op.Delta.Add))
}

// findRefused finds out which part of a refused change the server does not
// take, by asking for one flag at a time. A change that has no effect goes
// first: when that is refused too, it is not the flags that the server minds.
func (a *applier) findRefused(ctx context.Context, sel *remote.Selection, mb *view.Mailbox, x *laneChange) (mail.Flags, error) {
	delta := x.op.Delta
	parts := quirk.Single(delta)
	if control, ok := a.noChange(mb, x); ok {
		parts = append([]mail.Delta{control}, parts...)
	} else {
		parts = append([]mail.Delta{{}}, parts...)
	}
	reqs := make([]remote.StoreRequest, 0, len(parts))
	for _, p := range parts {
		reqs = append(reqs, remote.StoreRequest{UIDs: []mail.UID{x.m.UID}, Delta: p})
	}
	results, err := sel.Store(ctx, reqs)
	if err != nil {
		return mail.Flags{}, err
	}
	var refused mail.Flags
	if results[0].Err != nil {
		return refused, nil
	}
	for i, r := range results[1:] {
		if quirk.IsRefusal(r.Err) {
			refused = refused.Union(parts[i+1].Add).Union(parts[i+1].Remove)
		}
	}
	return refused, nil
}

// noChange returns a change that leaves the message as it is: it sets a flag
// that it has, or clears one that it has not.
func (a *applier) noChange(mb *view.Mailbox, x *laneChange) (mail.Delta, bool) {
	held := a.quirks.PermanentFlags(mb)
	for _, bit := range []mail.System{mail.Seen, mail.Answered, mail.Flagged, mail.Draft} {
		flag := mail.Flags{System: bit}
		switch {
		case held.Stores(flag).IsEmpty() || (x.op.Delta.Add.System|x.op.Delta.Remove.System)&bit != 0:
		case x.m.Item.Remote.Flags.System&bit != 0:
			return mail.Delta{Add: flag}, true
		default:
			return mail.Delta{Remove: flag}, true
		}
	}
	return mail.Delta{}, false
}

// checkStored looks at messages to which a flag was given that the server had
// not shown to keep, or had failed to: at one of each group, and at those for which STORE did
// less than it was told to. One that is missing there was dropped, which is
// no failure; a STORE that left out anything else stays one.
func (a *applier) checkStored(ctx context.Context, sel *remote.Selection, mb *view.Mailbox, groups [][]*laneChange) error {
	look := map[mail.UID]*laneChange{}
	for _, g := range groups {
		stored := false
		for _, x := range g {
			fell := remote.NotDone(x.err) != nil
			if a.doubted(mb, x).IsEmpty() || x.err != nil && !fell || stored && !fell {
				continue
			}
			stored = stored || !fell
			look[x.m.UID] = x
		}
	}
	if len(look) == 0 {
		return nil
	}
	now, err := sel.Flags(ctx, slices.Collect(maps.Keys(look)))
	if err != nil {
		return err
	}
	var dropped mail.Flags
	for uid, x := range look {
		if flags, there := now[uid]; there {
			missing := a.doubted(mb, x).Minus(flags)
			rest := mail.Delta{Add: x.op.Delta.Add.Minus(missing), Remove: x.op.Delta.Remove}
			if x.err != nil && !flags.Apply(rest).Equal(flags) {
				continue // it is not just the keyword that was left out
			}
			dropped = dropped.Union(missing)
			x.err = nil
		}
	}
	if dropped.IsEmpty() {
		return nil
	}
	for _, g := range groups {
		for _, x := range g {
			x.unheld = x.unheld.Union(dropped.Intersect(x.op.Delta.Add))
		}
	}
	return a.refuse(ctx, mb, dropped)
}
