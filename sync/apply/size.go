package apply

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/match"
	"satchel/sync/plan"
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// A server may send a part of a message as the whole of it, or nothing: a proxy
// that lost its backend, a damaged store. Stored, a part would be the message
// from then on. So what is not as long as RFC822.SIZE says waits beside the
// Maildir until the server has said the same in a second way. On servers that
// estimate sizes (sizes.go) it never is as long, and a few messages are asked
// about for all.

// sizeSample is how many messages are asked about to learn that a server
// estimates sizes.
const sizeSample = 3

// contradicts reports whether what came is not as long as the server says.
func contradicts(x *delivery) bool {
	told := x.told()
	return told > 0 && told != x.spooled.Size
}

// told is the size that the server told of the message, or what it was when it
// was here before; 0 when that is not known.
func (x *delivery) told() int64 {
	if x.m.HasMeta || x.m.Row != nil {
		return x.op.Item.Size
	}
	return 0
}

// estimates reports whether the server is known to estimate sizes: most of what
// this run saw, with n messages more, is of another size than it tells.
func (s *Apply) estimates(n int) bool {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return s.quirks.Sizes == quirk.SizesInexact && s.quirks.SizesOff+n > s.quirks.SizesRight
}

// confirmSizes delivers those of the messages that are what the server has,
// and says of the others that they are not.
func (a *applier) confirmSizes(ctx context.Context, c *remote.Conn, doubtful []*delivery, d *deliverer) error {
	slices.SortFunc(doubtful, func(x, y *delivery) int { return cmp.Compare(x.told(), y.told()) })
	for sample := sizeSample; len(doubtful) > 0; sample = len(doubtful) {
		odd, err := a.deliverEstimated(ctx, doubtful, d)
		if err != nil {
			return err
		}
		n := min(sample, len(odd))
		if err := a.askAgainFor(ctx, c, odd[:n], d); err != nil {
			a.abort(odd)
			return err
		}
		doubtful = odd[n:]
	}
	return nil
}

// abort removes from tmp what is not to be delivered.
func (a *applier) abort(list []*delivery) {
	for _, x := range list {
		a.Store.Abort(x.spooled)
	}
}

// deliverEstimated delivers what is about as long as it should be, from a server
// that estimates sizes, and returns the rest.
func (a *applier) deliverEstimated(ctx context.Context, list []*delivery, d *deliverer) (odd []*delivery, err error) {
	if !a.estimates(len(list)) {
		return list, nil
	}
	for i, x := range list {
		if x.spooled.Size == 0 || !quirk.AboutAsLarge(x.spooled.Size, x.told()) {
			odd = append(odd, x)
		} else if err := d.add(ctx, x); err != nil {
			a.abort(odd)
			a.abort(list[i:])
			return nil, err
		}
	}
	return odd, nil
}

// second is what the server says of a message when it is asked again.
type second struct {
	told  int64     // RFC822.SIZE; 0 when it says none
	again *delivery // the whole once more; nil when none came
	ended bool      // nothing is behind the end of what came first
	lost  bool      // it could not be kept, which is reported
}

// askAgainFor asks the server for the size, for the whole message, and for what
// is behind the end of what came.
func (a *applier) askAgainFor(ctx context.Context, c *remote.Conn, list []*delivery, d *deliverer) error {
	open := view.ByUID[*delivery]{}
	said := map[*delivery]*second{}
	for _, x := range list {
		open.Put(x.op.Mailbox, x.m.UID, x)
		said[x] = &second{}
	}
	for _, name := range a.Names {
		if len(open[name]) == 0 {
			continue
		}
		if err := a.askSizes(ctx, c, name, open[name], said); err != nil {
			for _, sec := range said {
				if sec.again != nil {
					a.Store.Abort(sec.again.spooled)
				}
			}
			return err
		}
	}
	for _, x := range list {
		if err := a.judgeSize(ctx, x, said[x], d); err != nil {
			return err
		}
	}
	return nil
}

// askSizes does so for the messages of one mailbox.
func (a *applier) askSizes(ctx context.Context, c *remote.Conn, name string, open map[mail.UID]*delivery, said map[*delivery]*second) error {
	v := a.Validity(a.Mailboxes[name])
	req := remote.BodyRequest{Mailbox: name, UIDValidity: v}
	ends := remote.SampleRequest{Mailbox: name, UIDValidity: v}
	for uid, x := range open {
		req.UIDs = append(req.UIDs, uid)
		ends.Items = append(ends.Items, remote.SampleItem{UID: uid, Offset: x.spooled.Size, Length: match.ProbeTail})
	}
	slices.Sort(req.UIDs)
	list, err := c.FetchMetadata(ctx, name, v, mail.UIDSetOf(req.UIDs))
	if err != nil && pool.Fatal(ctx, err) {
		return err
	}
	for _, n := range list {
		if x := open[n.UID]; x != nil {
			said[x].told = n.Size
		}
	}
	_, err = c.FetchSamples(ctx, []remote.SampleRequest{ends}, func(_ string, p remote.Sample) error {
		if x := open[p.UID]; x != nil {
			said[x].ended = p.Part != nil && len(p.Part) == 0
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = c.FetchBodies(ctx, []remote.BodyRequest{req}, func(b remote.Body) error {
		x := open[b.UID]
		if x == nil || said[x].again != nil {
			_, err := io.Copy(io.Discard, b)
			return err
		}
		again, err := a.receive(ctx, x.op, b)
		said[x].again, said[x].lost = again, again == nil
		return err
	})
	return err
}

// judgeSize delivers a message of which the server says the same twice.
func (a *applier) judgeSize(ctx context.Context, x *delivery, sec *second, d *deliverer) error {
	told, again := x.told(), sec.again
	a.Store.Abort(x.spooled)
	switch {
	case sec.lost:
		return nil
	case again == nil:
	case sec.told > 0 && again.spooled.Size == sec.told:
		x.op.Item.Size = sec.told // it was another one that was wrong
		return d.add(ctx, again)
	case again.spooled.Digest == x.spooled.Digest && sec.ended && quirk.Likely(x.spooled.Size, told) && quirk.Likely(x.spooled.Size, sec.told):
		a.quirks.SawSize(told, x.spooled.Size)
		return d.add(ctx, again)
	default:
		a.Store.Abort(again.spooled)
	}
	a.setAside(x.op, &mail.Error{Op: "fetch", Mailbox: x.op.Mailbox, UID: x.m.UID, Kind: mail.KindMessage,
		Err:  fmt.Errorf("the server says that the message has %d bytes, and sends %d", told, x.spooled.Size),
		Hint: "nothing was lost; the next sync tries again"})
	return nil
}

// receive writes a message to the folder's tmp; nil when it could not be kept,
// which is reported.
func (a *applier) receive(ctx context.Context, op *plan.Op, b remote.Body) (*delivery, error) {
	r := &trackedReader{r: b}
	sp, err := a.Store.Spool(ctx, op.Mailbox, r, b.Size, b.Date)
	if err != nil {
		if r.err != nil || ctx.Err() != nil {
			return nil, err
		}
		if err = diskFull(err); pool.Fatal(ctx, err) {
			return nil, err
		}
		a.skip(op, err)
		_, err = io.Copy(io.Discard, b)
		return nil, err
	}
	return &delivery{op: op, m: view.Ref(op.Item), spooled: sp, flags: b.Flags, date: b.Date}, nil
}
