package apply

import (
	"context"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// sentForms finds out what the server made of files whose line ends it may
// not keep: some make all of them CRLF. The file stays as it is, and the base
// is told what the server holds, so that the two are known for one message
// after a lost state as well. Such files are rare, and to fetch one is the
// only proof.
func (a *applier) sentForms(ctx context.Context, c *remote.Conn, mb *view.Mailbox, changes []*laneChange) error {
	odd := map[mail.UID]*laneChange{}
	req := remote.BodyRequest{Mailbox: mb.Name, UIDValidity: a.Validity(mb)}
	for _, x := range changes {
		if x.err == nil && x.uid != 0 && x.m.Content.TidySize > 0 {
			odd[x.uid] = x
			req.UIDs = append(req.UIDs, x.uid)
		}
	}
	if len(odd) == 0 {
		return nil
	}
	slices.Sort(req.UIDs)
	_, err := c.FetchBodies(ctx, []remote.BodyRequest{req}, func(b remote.Body) error {
		d, err := b.Digest()
		if x := odd[b.UID]; x != nil && err == nil {
			x.m.Content.Is(d)
		}
		return err
	})
	return err
}
