package apply

import (
	"context"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// resolve writes what was found out about dead runs, before anything is done, and carries
// changes of flags to the copies of emulated moves: before the base takes what the originals show
// for its own, so that a run that dies behind it finds them on the copies. It returns the items
// that wait, since their copies did not get the flags.
func (a *applier) resolve(ctx context.Context) (waits map[*plan.Item]bool, err error) {
	notes := a.Resolved
	a.Resolved = nil
	if len(notes) > 0 {
		if err := a.commit(ctx, func(tx *state.Tx) error {
			for _, note := range notes {
				if err := note(tx); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	waits = map[*plan.Item]bool{}
	carries := a.Carries
	a.Carries = nil
	for _, c := range carries {
		done, err := a.carry(ctx, c)
		switch {
		case err != nil:
			return nil, err
		case !done:
			a.HoldCursor(c.Original.Item.Remote.Mailbox, c.Copy.Item.Remote.Mailbox)
			waits[&c.Original.Item] = c.Done != nil
		case c.Done != nil:
			if err := a.commit(ctx, c.Done); err != nil {
				return nil, err
			}
		}
	}
	return waits, nil
}

// carry makes one such change, and reports whether the server has all of it.
func (a *applier) carry(ctx context.Context, c view.Carry) (bool, error) {
	mb := a.Mailboxes[c.Copy.Item.Remote.Mailbox]
	conn, err := a.Pool.First(ctx)
	if err != nil {
		return false, err
	}
	a.touches(mb.Name) // the next cycle sees it there
	a.Mu.Lock()
	a.Moved = true
	a.Mu.Unlock()
	var results []remote.StoreResult
	sel, err := conn.Select(ctx, mb.Name, a.Validity(mb))
	if err == nil && !sel.ReadOnly() {
		results, err = sel.Store(ctx, []remote.StoreRequest{{UIDs: []mail.UID{c.Copy.UID}, Delta: c.Delta}})
	}
	if err != nil && pool.Fatal(ctx, err) {
		return false, err
	}
	if err != nil || len(results) == 0 || results[0].Err != nil || !results[0].Refused.IsEmpty() ||
		len(results[0].NotDone)+len(results[0].Gone)+len(results[0].Unknown) > 0 {
		a.Log.Debug("flags not carried", "mailbox", mb.Name, "uid", c.Copy.UID, "err", err)
		return false, nil
	}
	return true, nil
}
