package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/run"
	"satchel/sync/view"
)

// laneBatch is how many operations in one mailbox of the server share two
// transactions of the state.
const laneBatch = 2000

// opWeight is what an operation without a message body counts for when the
// pool decides on connections, in bytes.
const opWeight = 200

// laneJobs makes a job for each mailbox whose messages are changed in place.
// Within a lane the order is: flags, copies, moves, so that flags travel with
// the message and copies are made while the original is there.
func (a *applier) laneJobs(ops []plan.Op) []pool.Job {
	lanes := map[string][]*plan.Op{}
	for i := range ops {
		switch op := &ops[i]; op.Kind {
		case plan.RemoteFlags, plan.RemoteCopy, plan.RemoteMove, plan.RemoteRemove, plan.RemoteTrash:
			lanes[op.Mailbox] = append(lanes[op.Mailbox], op)
		}
	}
	var jobs []pool.Job
	for _, name := range a.Names {
		lane := lanes[name]
		if len(lane) == 0 {
			continue
		}
		mb := a.Mailboxes[name]
		order := []plan.Kind{plan.RemoteFlags, plan.RemoteCopy, plan.RemoteMove, plan.RemoteTrash, plan.RemoteRemove}
		slices.SortStableFunc(lane, func(x, y *plan.Op) int {
			return cmp.Compare(slices.Index(order, x.Kind), slices.Index(order, y.Kind))
		})
		jobs = append(jobs, pool.Job{Weight: int64(len(lane)) * opWeight, Broken: a.broken(lane), Run: func(ctx context.Context, c *remote.Conn) error {
			return a.lane(ctx, c, mb, lane)
		}})
	}
	return jobs
}

func (a *applier) lane(ctx context.Context, c *remote.Conn, mb *view.Mailbox, ops []*plan.Op) error {
	a.touches(mb.Name)
	for _, op := range ops {
		a.touches(op.To)
	}
	sel, err := c.Select(ctx, mb.Name, a.Validity(mb))
	switch {
	case err != nil || !sel.ReadOnly():
	case mb.Changes == nil || !mb.Changes.ReadOnly && a.Rep.Cycles < run.MaxCycles:
		err = mail.ErrChanged // the next cycle knows
	default:
		err = &mail.Error{Op: "change", Mailbox: mb.Name, Kind: mail.KindMailbox, Err: mail.ErrReadOnly,
			Hint: "the server lets nothing be changed there; undo the local changes, or exclude the mailbox"}
	}
	if err != nil {
		if pool.Fatal(ctx, err) {
			return err
		}
		a.skipAll(ops, err)
		return nil
	}
	flags := map[*plan.Item]mail.Delta{}
	for _, op := range ops {
		if op.Kind == plan.RemoteFlags {
			flags[op.Item] = op.Delta
		}
	}
	size := laneBatch
	if !c.Abilities().ExpungesExactly {
		size = len(ops) // EXPUNGE takes all that is marked, so all of it must be ours
	}
	for batch := range slices.Chunk(ops, size) {
		if err := a.laneBatch(ctx, c, sel, mb, batch, flags); err != nil {
			return err
		}
	}
	return nil
}

// laneChange is one operation on the server with its outcome.
type laneChange struct {
	op     *plan.Op
	m      *view.Message
	intent *state.Intent
	uid    mail.UID // where a move or copy ended; 0 when the server did not say
	err    error
	unheld mail.Flags // what the server refused to store
	merged bool       // it was there already, so the file is one too many
	kept   bool       // a move left it where it was
	// emulatesMove: what moves it copies it first, and removes the original.
	byHalves bool
	ok       bool // an upload or copy was answered OK, whatever became of it
	// unmarked: it was to be expunged, stayed, and is not marked any more.
	unmarked bool
}

// laneBatch carries out some operations in one mailbox of the server.
func (a *applier) laneBatch(ctx context.Context, c *remote.Conn, sel *remote.Selection, mb *view.Mailbox, ops []*plan.Op, flags map[*plan.Item]mail.Delta) error {
	changes := make([]*laneChange, 0, len(ops))
	byHalves := c.Abilities().EmulatesMove
	for _, op := range ops {
		changes = append(changes, &laneChange{op: op, m: view.Ref(op.Item), intent: a.remoteIntent(mb, op, flags, byHalves),
			byHalves: byHalves && (op.Kind == plan.RemoteMove || op.Kind == plan.RemoteTrash)})
	}
	if err := a.announceChanges(ctx, changes); err != nil {
		return err
	}
	// An error of the connection ends the run, but what was done until then
	// is noted first; the rest keeps its intent.
	err := a.changeRemote(ctx, c, sel, mb, changes)
	a.notRemoved(mb, changes)
	if nerr := a.commit(ctx, func(tx *state.Tx) error { return a.noteRemote(tx, changes, err) }); nerr != nil {
		return nerr
	}
	if err != nil {
		return err
	}
	if err := a.dropMerged(ctx, changes); err != nil {
		return err
	}
	a.concludeRemote(changes)
	return nil
}

// concludeRemote counts what was carried out, and leaves the rest for later.
func (a *applier) concludeRemote(changes []*laneChange) {
	for _, x := range changes {
		switch {
		case errors.Is(x.err, errWaits):
			a.postponed(x)
		case x.err != nil:
			a.placed(x)
			a.skip(x.op, x.err)
		default:
			if x.op.Kind == plan.RemoteCopy || x.op.Kind == plan.RemoteMove {
				a.setDate(x.m, x.m.Date) // COPY and MOVE keep it
			}
			a.done(x.op)
		}
	}
}

// errPlaced is a message that the server took without saying as what: the next
// cycle finds where it is, by the journal.
var errPlaced = fmt.Errorf("the server did not say where: %w", mail.ErrChanged)

// placed counts what the server took. All that is left is to find it, which is no
// news.
func (a *applier) placed(x *laneChange) {
	if !errors.Is(x.err, errPlaced) {
		return
	}
	a.Rep.Count(x.op.Kind, x.op.Mailbox)
	var bytes int64
	switch x.op.Kind {
	case plan.Upload:
		bytes = x.op.Item.Size
		a.followsUnplaced(x.op.Mailbox, x.m)
	case plan.RemoteCopy:
		a.followsUnplaced(x.op.To, x.m)
	}
	a.Advance(1, bytes)
}

// announceChanges writes the intents of changes on the server, and notes which of the
// files are young that go up or that the server is to have a copy for.
func (a *applier) announceChanges(ctx context.Context, changes []*laneChange) error {
	intents := make([]*state.Intent, 0, len(changes))
	var young []state.Young
	for _, x := range changes {
		if x.intent.ID == 0 {
			intents = append(intents, x.intent)
		}
		if x.intent.Uploads() {
			young = append(young, a.young(x.m)...)
		}
	}
	return a.commit(ctx, func(tx *state.Tx) error { return errors.Join(tx.AddIntents(intents), tx.PutYoung(young)) })
}

// unproven is the problem of a message whose copy was not found where the server
// says that it put it. Its original stays.
func unproven(x *laneChange) error {
	uid := x.sourceUID()
	return &mail.Error{Op: "copy to " + x.op.To, Mailbox: x.op.Mailbox, UID: uid, Kind: mail.KindMessage,
		Err:  &remote.NotDoneError{Op: "copy", UIDs: []mail.UID{uid}},
		Hint: "the message stays where it is on the server, and this is tried again; look into " + x.op.To + " with another mail program"}
}

// copying returns the command that copies. A copy of which an earlier cycle found
// nothing is looked for at once, so that the run ends with a word about it.
func (a *applier) copying(sel *remote.Selection, group []*laneChange) transferring {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	command := sel.Copy
	for _, x := range group {
		key := fmt.Sprintf("%s %d %s %s", x.op.Mailbox, x.sourceUID(), x.op.To, x.m.File.Base())
		if a.copied[key] {
			command = sel.CopyProven
		}
		a.copied[key] = true
	}
	return command
}

// transferring is a command that moves or copies messages.
type transferring func(context.Context, []mail.UID, string) (remote.MoveResult, error)

// setDate gives a file the INTERNALDATE of its message, which cannot be
// changed on the server. It is a nicety, so a failure is none.
func (a *applier) setDate(m *view.Message, date mail.Date) {
	if date == 0 || m.Content == nil || m.Content.ModTime == date || !m.OnDisk() {
		return
	}
	if err := a.Store.SetDate(m.File, date); err != nil {
		a.Log.Debug("set date", "file", m.File.String(), "err", err)
	}
}

// remoteIntent announces op in the mailbox mb; flags are the changes of flags
// that come before it. An emulated move marks the original.
func (a *applier) remoteIntent(mb *view.Mailbox, op *plan.Op, flags map[*plan.Item]mail.Delta, byHalves bool) *state.Intent {
	m := view.Ref(op.Item)
	var half mail.Delta
	if byHalves {
		half = m.OwnDelete()
	}
	of, here := state.Subject{Message: m.ID, Home: cmp.Or(m.Home, mb.Name)}, state.Place{Mailbox: mb.Name, UID: m.UID}
	var i *state.Intent
	switch op.Kind {
	case plan.RemoteFlags:
		i = state.RemoteFlags(of, here, op.Delta)
	case plan.RemoteRemove:
		i = state.RemoteRemove(of, here, m.OwnDelete())
	case plan.RemoteMove:
		i = state.RemoteMove(of, a.newIn(op.To), half)
	case plan.RemoteTrash:
		i = state.Trash(of, a.newIn(op.To), half)
	default: // plan.RemoteCopy
		// A copy has the flags of its source, which are changed before it is made.
		i = state.Copy(a.newIn(op.To), sent(m, op.Source.Remote.Flags.Apply(flags[op.Source])))
	}
	if b := a.recovery.BegunBefore(i); b != nil {
		return b
	}
	return i
}

// sent is a file as it goes up with these flags.
func sent(m *view.Message, flags mail.Flags) state.Sent {
	return state.Sent{Base: m.File.Base(), Digest: m.Content.Digest, Size: m.Content.Size, Flags: flags}
}

// newIn is where something is going to appear: a mailbox, and its UIDNEXT as far as that
// is known.
func (a *applier) newIn(name string) state.Place {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	p := state.Place{Mailbox: name}
	if mb := a.Mailboxes[name]; mb != nil {
		p.UID = mb.NextUID()
	}
	return p
}

// changeRemote sends the commands; it returns only errors that end the run.
func (a *applier) changeRemote(ctx context.Context, c *remote.Conn, sel *remote.Selection, mb *view.Mailbox, changes []*laneChange) error {
	reached := 0
	for kind, group := range byKind(changes) {
		var err error
		switch kind {
		case plan.RemoteFlags:
			err = a.storeFlags(ctx, sel, mb, group, func(x *laneChange) mail.Delta { return x.op.Delta })
		case plan.RemoteCopy:
			err = a.transfer(ctx, group, a.copying(sel, group))
		case plan.RemoteMove, plan.RemoteTrash:
			if c.Abilities().MovesExactly {
				err = a.transfer(ctx, group, sel.Move)
			} else {
				err = a.copyAway(ctx, c, sel, mb, kind, group)
			}
		case plan.RemoteRemove:
			err = a.expunge(ctx, c, sel, mb, group)
		}
		if err != nil {
			for _, x := range group {
				x.err = cmp.Or(x.err, err)
			}
			if pool.Fatal(ctx, err) {
				// What was not reached is not done either.
				for _, x := range changes[reached:] {
					x.err = cmp.Or(x.err, err)
				}
				return err
			}
		}
		reached += len(group)
	}
	return nil
}

// byKind yields the changes in runs of one kind; they come sorted by lane
// order.
func byKind(changes []*laneChange) func(yield func(plan.Kind, []*laneChange) bool) {
	return func(yield func(plan.Kind, []*laneChange) bool) {
		for i := 0; i < len(changes); {
			j := i
			for j < len(changes) && changes[j].op.Kind == changes[i].op.Kind {
				j++
			}
			if !yield(changes[i].op.Kind, changes[i:j]) {
				return
			}
			i = j
		}
	}
}
