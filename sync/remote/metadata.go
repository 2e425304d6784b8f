package remote

import (
	"context"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/resync"
	"satchel/sync/remote/wire"
)

// ExistingUIDs asks for messages by UID and returns those of set that the mailbox
// holds, to confirm one by one what is said to be gone: lists of UIDs are cut
// short and VANISHED is made up by servers in the field, while a FETCH that
// answers for a message that does not exist was never seen.
func (c *Conn) ExistingUIDs(ctx context.Context, mailbox string, v mail.UIDValidity, set mail.UIDSet) (mail.UIDSet, error) {
	defer c.guard(ctx)()
	var there []mail.UIDRange
	visit := &visit{mailbox: mailbox, uidValidity: v}
	var steps []*step
	for _, part := range wire.FormatSets(set, wire.SetRoom("UID FETCH ", " (UID)")) {
		steps = append(steps, &step{visit: visit, line: "UID FETCH " + part + " (UID)", setup: func(st *step) {
			st.cmd.untagged = func(r wire.Response) {
				if f, ok := wire.FetchOf(r); ok && set.Contains(f.UID) {
					there = resync.Gather(there, []mail.UIDRange{{Start: f.UID, Stop: f.UID}})
				}
			}
		}})
	}
	if err := c.fly(refusal.OpMessages, steps, nil, nil); err != nil {
		return nil, err
	}
	if err := failures(steps)[mailbox]; err != nil {
		return nil, err
	}
	return mail.MergeUIDs(there), nil
}

// FetchMetadata tells of messages what Resync tells of new ones. It leaves out
// those of which the server says nothing.
func (c *Conn) FetchMetadata(ctx context.Context, mailbox string, v mail.UIDValidity, set mail.UIDSet) ([]resync.NewMessage, error) {
	defer c.guard(ctx)()
	items := "UID FLAGS INTERNALDATE RFC822.SIZE"
	if id := c.can().identity; id != "" {
		items += " " + id
	}
	co := resync.Collector{FirstNew: 1}
	visit := &visit{mailbox: mailbox, uidValidity: v}
	var steps []*step
	for _, part := range wire.FormatSets(set, wire.SetRoom("UID FETCH ", " (", items, ")")) {
		steps = append(steps, &step{visit: visit, line: "UID FETCH " + part + " (" + items + ")", setup: func(st *step) {
			st.cmd.untagged = func(r wire.Response) {
				if f, ok := wire.FetchOf(r); ok && set.Contains(f.UID) {
					co.Take(&f)
				}
			}
		}})
	}
	if err := c.fly(refusal.OpMessages, steps, nil, nil); err != nil {
		return nil, err
	}
	if err := failures(steps)[mailbox]; err != nil {
		return nil, err
	}
	return slices.DeleteFunc(co.Listed(), func(m resync.NewMessage) bool { return !m.HasMeta }), nil
}
