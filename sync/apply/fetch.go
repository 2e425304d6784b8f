package apply

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// fetchMessages bounds a fetch job: long enough to hide a round trip, short
// enough to share the work between connections.
const fetchMessages = 512

// trackedReader tells an error of the connection from one of the disk.
type trackedReader struct {
	r   io.Reader
	err error
}

func (t *trackedReader) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if err != nil && err != io.EOF {
		t.err = err
	}
	return n, err
}

// delivery is one message on its way from tmp to its place.
type delivery struct {
	op      *plan.Op
	m       *view.Message
	spooled *maildir.Spooled
	flags   mail.Flags
	date    mail.Date
	target  maildir.File
	row     *state.Message
	mark    *state.Intent // by which we marked it \Deleted on the server
	err     error         // why it did not get its name
}

// A delivery batch shares two transactions and, on Linux, one syncfs. What
// comes in while a batch is made durable forms the next one.
const deliverMessages = 1024

// How long a batch waits for the next message, and in all.
const (
	gatherQuiet  = 20 * time.Millisecond
	gatherAtMost = 200 * time.Millisecond
)

// deliverer makes fetched messages durable, in batches. Order: content
// durable and row written ahead, then the name, then the directory durable,
// then the row confirmed.
type deliverer struct {
	a      *applier
	in     chan *delivery
	cancel context.CancelCauseFunc // ends the fetching
	err    error                   // why it gave up; valid once run has returned

	mu   sync.Mutex
	took map[*plan.Op]bool // guarded by mu
}

func newDeliverer(a *applier, cancel context.CancelCauseFunc) *deliverer {
	return &deliverer{a: a, in: make(chan *delivery, deliverMessages), cancel: cancel, took: map[*plan.Op]bool{}}
}

func (d *deliverer) add(ctx context.Context, x *delivery) error {
	select {
	case d.in <- x:
		d.mu.Lock()
		defer d.mu.Unlock()
		d.took[x.op] = true
		return nil
	case <-ctx.Done():
		d.a.Store.Abort(x.spooled)
		return context.Cause(ctx)
	}
}

// has reports whether a message was handed over.
func (d *deliverer) has(op *plan.Op) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.took[op]
}

func (d *deliverer) finish() { close(d.in) }

func (d *deliverer) run(ctx context.Context) error {
	for {
		first, ok := <-d.in
		if !ok {
			return nil
		}
		batch := d.gather(first)
		// What is here is kept, also when the run is being stopped.
		if err := d.deliver(context.WithoutCancel(ctx), batch); err != nil {
			d.err = err
			d.cancel(err) // or the fetching would go on
			d.discard()
			return err
		}
	}
}

// gather waits a little for company: what is made durable together costs
// little more than one message does.
func (d *deliverer) gather(first *delivery) []*delivery {
	batch := append(make([]*delivery, 0, deliverMessages), first)
	last := time.NewTimer(gatherAtMost)
	defer last.Stop()
	quiet := time.NewTimer(gatherQuiet)
	defer quiet.Stop()
	for len(batch) < deliverMessages {
		select {
		case x, ok := <-d.in:
			if !ok {
				return batch
			}
			batch = append(batch, x)
			quiet.Reset(gatherQuiet)
		case <-quiet.C:
			return batch
		case <-last.C:
			return batch
		}
	}
	return batch
}

// discard removes from tmp what came in after the deliverer gave up; finish
// ends that.
func (d *deliverer) discard() {
	for x := range d.in {
		d.a.Store.Abort(x.spooled)
	}
}

// deliver makes a batch durable, gives it its names and confirms its rows.
func (d *deliverer) deliver(ctx context.Context, batch []*delivery) error {
	a := d.a
	// What got no name is fetched again; each run would leave another set. This does
	// nothing to what was published.
	defer a.abort(batch)
	ready, err := a.prepareDeliveries(ctx, batch)
	if err != nil {
		return err
	}
	if err := a.writeAhead(ctx, ready); err != nil {
		return err
	}
	if err := a.publish(ctx, ready); err != nil {
		return err
	}
	if err := a.commit(ctx, func(tx *state.Tx) error { return noteDelivered(tx, ready) }); err != nil {
		return err
	}
	return a.concludeDeliveries(ctx, ready)
}

// prepareDeliveries works out names and rows. It leaves for later what has no place, and
// returns the rest.
func (a *applier) prepareDeliveries(ctx context.Context, batch []*delivery) ([]*delivery, error) {
	ready := make([]*delivery, 0, len(batch))
	for _, x := range batch {
		if err := diskFull(a.target(x)); err != nil {
			if pool.Fatal(ctx, err) {
				return nil, err
			}
			a.skip(x.op, err)
			continue
		}
		ready = append(ready, x)
	}
	return ready, nil
}

// writeAhead makes the content durable, and the pending rows by which a later run knows
// the files that got their names. The one does not wait for the other; names wait for
// both.
func (a *applier) writeAhead(ctx context.Context, ready []*delivery) error {
	spooled := make([]*maildir.Spooled, 0, len(ready))
	rows := make([]*state.Message, 0, len(ready))
	for _, x := range ready {
		spooled, rows = append(spooled, x.spooled), append(rows, x.row)
	}
	var g errgroup.Group
	g.Go(func() error { return diskFull(a.Store.Flush(ctx, spooled)) })
	g.Go(func() error { return a.commit(ctx, func(tx *state.Tx) error { return tx.PutMessages(rows) }) })
	return g.Wait()
}

// publish gives the files their names, durably.
func (a *applier) publish(ctx context.Context, ready []*delivery) error {
	pubs := make([]maildir.Publication, 0, len(ready))
	for _, x := range ready {
		pubs = append(pubs, maildir.Publication{Spooled: x.spooled, Target: x.target})
	}
	err := a.Store.Publish(ctx, pubs)
	for i, x := range ready {
		x.err = pubs[i].Err
	}
	return diskFull(err)
}

// noteDelivered confirms the rows of files that have their names, and drops those of
// others. The row of a message whose file is awaited stays pending.
func noteDelivered(tx *state.Tx, ready []*delivery) error {
	var n notes
	for _, x := range ready {
		switch {
		case x.err == nil:
			n.deliver(x.row)
			if x.mark != nil {
				n.over(x.mark)
			}
		case x.m.Replaces == 0:
			n.remove(x.row)
		}
	}
	return n.write(tx)
}

// concludeDeliveries counts what was delivered, and leaves the rest for later.
func (a *applier) concludeDeliveries(ctx context.Context, ready []*delivery) error {
	for _, x := range ready {
		a.touchesFolders(x.op.Mailbox)
		if x.err != nil {
			if err := diskFull(x.err); pool.Fatal(ctx, err) {
				return fmt.Errorf("deliver: %w", err)
			}
			a.look.Unexpected(x.op.Mailbox)
			a.skip(x.op, x.err)
			continue
		}
		a.look.FileAdded(x.target)
		a.quirks.SawSize(x.op.Item.Size, x.spooled.Size)
		x.op.Item.Size = x.spooled.Size
		a.done(x.op)
	}
	return nil
}

// target works out the name of the file and the row that goes with it.
func (a *applier) target(x *delivery) error {
	mb := a.Mailboxes[x.op.Mailbox]
	if mb == nil || mb.Row == nil {
		return mail.ErrGone
	}
	row := &state.Message{ID: x.m.Replaces}
	if x.m.Row != nil {
		row.ID = x.m.Row.ID // it comes back
	}
	flags := x.flags
	if x.mark = a.OwnDeleted(row.ID); x.mark != nil {
		flags.System &^= mail.Deleted
	}
	k, waits, err := a.letters(mb.Name, flags)
	if err != nil {
		return err
	}
	base := x.spooled.Base
	f, unheld := k.Name(maildir.File{Folder: mb.Name, New: true, Name: base}, flags, base)
	*row = state.Message{ID: row.ID, MailboxID: mb.Row.ID, UID: x.m.UID, Base: base, New: f.New, Info: f.Name[len(base):],
		LocalFlags: x.flags.Minus(unheld), RemoteFlags: seenAs(x.flags, unheld, waits),
		Digest: x.spooled.Digest, Size: x.spooled.Size, DiskSize: x.spooled.DiskSize, Form: x.spooled.Form,
		Date: x.date, EmailID: x.m.EmailID, Pending: true}
	row.Identify(x.spooled.Essence)
	if !flags.Equal(x.flags) {
		// That the file has no mark is taken to the server by the next cycle.
		row.ForgetName(state.FileNameUnknown)
		a.HoldStamp(mb.Name)
		a.look.Unexpected(mb.Name)
	}
	x.target, x.row = f, row
	return nil
}
