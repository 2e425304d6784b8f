package remote

import (
	"context"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// SearchDeleted returns the messages that are marked \Deleted, as far as the server tells.
// It is for saying what a run would do; before anything is expunged more is asked,
// see [Selection.Expunge].
func (c *Conn) SearchDeleted(ctx context.Context, mailbox string, v mail.UIDValidity) (mail.UIDSet, error) {
	defer c.guard(ctx)()
	var marked []mail.UIDRange
	one := &step{visit: &visit{mailbox: mailbox, uidValidity: v}, line: "UID SEARCH DELETED", setup: func(st *step) {
		st.cmd.untagged = func(r wire.Response) {
			if r.Kind != "SEARCH" {
				return
			}
			if set, ok := wire.ParseSearch(r.Rest); ok {
				marked = append(marked, set...)
			}
		}
	}}
	if err := c.fly(refusal.OpMessages, []*step{one}, nil, nil); err != nil {
		return nil, err
	}
	if err := failures([]*step{one})[mailbox]; err != nil {
		return nil, err
	}
	return mail.MergeUIDs(marked), nil
}
