package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// A server without UIDPLUS has EXPUNGE alone, which takes every message that
// is marked \Deleted, whoever marked it. So a removal waits, marked, until
// nothing else in the mailbox is marked (docs/adr/0007). The journal remembers
// it, because a message that is missing on disk and marked on the server looks
// the same whether it is in the trash already or not.

// errWaits is a removal that must wait for others.
var errWaits = errors.New("other messages are marked \\Deleted")

// expunge removes what nobody changed since we looked: first a conditional
// \Deleted, then UID EXPUNGE of exactly those that took it.
func (a *applier) expunge(ctx context.Context, c *remote.Conn, sel *remote.Selection, mb *view.Mailbox, group []*laneChange) error {
	if since := unchangedSince(mb); since > 0 && sel.CanDiscard() && !slices.ContainsFunc(group, a.mayBeMarked) {
		if err := a.noteExpunge(ctx, group); err != nil {
			return err
		}
		return a.discard(ctx, sel, since, group)
	}
	err := a.storeFlags(ctx, sel, mb, group, func(*laneChange) mail.Delta {
		return mail.Delta{Add: mail.Flags{System: mail.Deleted}}
	})
	if err != nil {
		return err
	}
	var ready []*laneChange
	for _, x := range group {
		if x.err == nil {
			ready = append(ready, x)
		}
	}
	if len(ready) == 0 {
		return nil
	}
	if err := a.noteExpunge(ctx, ready); err != nil {
		return err
	}
	err = sel.Expunge(ctx, uidsOf(ready))
	if err == nil {
		return nil
	}
	if pool.Fatal(ctx, err) {
		return err
	}
	stayed := remote.NotDone(err)
	if stayed != nil && c.Abilities().HasLabels {
		return a.comesBack(ctx, sel, ready, stayed)
	}
	if errors.Is(err, remote.ErrOthersDeleted) {
		err = errWaits
	}
	for _, x := range ready {
		if stayed == nil || slices.Contains(stayed, x.m.UID) {
			x.err = err
		}
	}
	return nil
}

// noteExpunge has the journal say of what moves left behind that it may be gone from
// now on. What is not there before is somewhere else; see strayed.
func (a *applier) noteExpunge(ctx context.Context, group []*laneChange) error {
	var ids []int64
	for _, x := range group {
		if i := a.PostponedBefore(x.m.Row.ID); i != nil && !i.Confirmed {
			i.Confirmed = true
			ids = append(ids, i.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return a.commit(ctx, func(tx *state.Tx) error { return tx.ConfirmIntents(ids...) })
}

// mayBeMarked reports whether a message has \Deleted already: then EXPUNGE would
// take it even when STORE passes it by, because somebody changed it.
func (a *applier) mayBeMarked(x *laneChange) bool {
	return x.m.IsDeleted() || a.OwnDeleted(x.m.Row.ID) != nil
}

// discard does both in one flight.
func (a *applier) discard(ctx context.Context, sel *remote.Selection, since mail.ModSeq, group []*laneChange) error {
	res, err := sel.Discard(ctx, uidsOf(group), since)
	if err != nil && pool.Fatal(ctx, err) {
		return err
	}
	stayed := remote.NotDone(err)
	for _, x := range group {
		switch {
		case res.Err != nil:
			x.err = res.Err
		case slices.Contains(res.Modified, x.m.UID):
			x.err = mail.ErrChanged
		case err != nil && (stayed == nil || slices.Contains(stayed, x.m.UID)):
			x.err = err
		}
	}
	return nil
}

// copyAway is for servers that cannot take single messages out of a mailbox.
// A move is emulated: its copy is recognised by the next cycle, which
// removes the original as any other.
func (a *applier) copyAway(ctx context.Context, c *remote.Conn, sel *remote.Selection, mb *view.Mailbox, kind plan.Kind, group []*laneChange) error {
	if err := a.transfer(ctx, group, sel.CopyProven); err != nil {
		return err
	}
	if kind != plan.RemoteTrash {
		for _, x := range group {
			if x.err == nil || errors.Is(x.err, errPlaced) {
				// Even where COPYUID tells of the copy, or it is sure without: the
				// message is not moved as long as the original is there.
				x.uid, x.err = 0, mail.ErrChanged
			}
		}
		return nil
	}
	var copied []*laneChange
	for _, x := range group {
		if x.err == nil {
			copied = append(copied, x)
		}
	}
	if len(copied) == 0 {
		return nil
	}
	return a.expunge(ctx, c, sel, mb, copied)
}

// errKept is a message that the server kept although it answered OK. That it
// was marked and is still there is no change of the user's, so it is
// delivered again.
var errKept = fmt.Errorf("the server keeps it: %w", mail.ErrChanged)

// comesBack takes our mark off messages that EXPUNGE left.
func (a *applier) comesBack(ctx context.Context, sel *remote.Selection, group []*laneChange, left []mail.UID) error {
	deleted := mail.Flags{System: mail.Deleted}
	var unmark []mail.UID
	for _, x := range group {
		if !slices.Contains(left, x.m.UID) {
			continue
		}
		x.err = errKept
		if x.unmarked = !x.m.Item.Remote.Flags.Has(deleted) || a.OwnDeleted(x.m.Row.ID) != nil; x.unmarked {
			unmark = append(unmark, x.m.UID)
		}
		a.Rep.Notice("%s: the server keeps what is expunged there, so it comes back; delete = \"trash\" removes it", x.op.Mailbox)
	}
	results, err := sel.Store(ctx, []remote.StoreRequest{{UIDs: unmark, Delta: mail.Delta{Remove: deleted}}})
	for _, x := range group {
		// What still has our mark is seen by the next look.
		x.unmarked = x.unmarked && err == nil && results[0].Done(x.m.UID)
	}
	return err
}

// noteKept makes the row one whose file is still to be delivered.
func (a *applier) noteKept(n *notes, x *laneChange) {
	n.over(x.intent)
	if x.unmarked {
		x.m.Row.RemoteFlags = x.m.Row.RemoteFlags.Minus(mail.Flags{System: mail.Deleted})
	}
	x.m.Row.MailboxID, x.m.Row.UID, x.m.Row.Pending = a.Mailboxes[x.op.Mailbox].Row.ID, x.m.UID, true
	a.look.Unexpected(x.op.Mailbox)
	n.put(x.m.Row)
}

// postponed tells about a removal that waits. It is no error: the message is
// out of sight, and the next run tries again.
func (a *applier) postponed(x *laneChange) {
	a.HoldStamp(x.op.Mailbox, x.m.Home)
	a.look.Unexpected(x.op.Mailbox, x.m.Home)
	if x.op.Kind == plan.RemoteTrash {
		a.did.Store(true) // the copy is there, and comes down in the next cycle
	}
	a.recovery.SayWaits(x.op.Mailbox)
}

// notePostponed notes that a message is marked and waits.
func (a *applier) notePostponed(n *notes, x *laneChange) {
	n.over(x.intent)
	m := x.m
	m.Row.MailboxID, m.Row.UID = a.Mailboxes[x.op.Mailbox].Row.ID, m.UID
	m.Row.RemoteFlags = m.Row.RemoteFlags.Union(mail.Flags{System: mail.Deleted})
	n.put(m.Row)
	if a.PostponedBefore(m.Row.ID) == nil {
		n.announced = append(n.announced, state.Expunge(state.Subject{Message: m.Row.ID, Home: x.op.Mailbox}, m.UID, x.op.Mailbox, x.intent.Delta))
	}
}
