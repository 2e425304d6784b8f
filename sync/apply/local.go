package apply

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/keyword"
	"satchel/sync/mail"
	"satchel/sync/match"
	"satchel/sync/plan"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// localBatch is how many operations on the Maildir share two transactions and
// one fsync a directory.
const localBatch = 1024

// localLane carries out the operations on the Maildir, in batches: intents
// durable, then the changes, then the directories durable, then the base.
func (a *applier) localLane(ctx context.Context, ops []*plan.Op) error {
	// A change of flags travels with the move of the same file.
	moves := map[*plan.Item]bool{}
	for _, op := range ops {
		if op.Kind == plan.LocalMove {
			moves[op.Item] = true
		}
	}
	ops = slices.DeleteFunc(ops, func(op *plan.Op) bool { return op.Kind == plan.LocalFlags && moves[op.Item] })
	// Copies are made while their source has its name.
	match.PutFirst(ops, func(op *plan.Op) bool { return op.Kind == plan.LocalCopy })
	for batch := range slices.Chunk(ops, localBatch) {
		if a.stop.Err() != nil {
			return nil
		}
		if err := a.localBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// localChange is one prepared operation on the Maildir.
type localChange struct {
	op     *plan.Op
	flags  *plan.Op // the change of flags that goes with it; may be op itself
	m      *view.Message
	target maildir.File
	unheld mail.Flags
	waits  bool // what is unheld may get a letter later
	intent *state.Intent
	err    error
}

// localBatch carries out some operations on the Maildir.
func (a *applier) localBatch(ctx context.Context, ops []*plan.Op) error {
	changes, err := a.prepareBatch(ctx, ops)
	if err != nil {
		return err
	}
	if err := a.announceLocal(ctx, changes); err != nil {
		return err
	}
	folders := a.changeFolders(ctx, changes)
	if err := a.syncFolders(ctx, folders); err != nil {
		return err
	}
	if err := a.commit(ctx, func(tx *state.Tx) error { return a.noteLocal(tx, changes) }); err != nil {
		return err
	}
	return a.concludeLocal(ctx, changes)
}

// prepareBatch works out the names of files. It leaves for later what gets none.
func (a *applier) prepareBatch(ctx context.Context, ops []*plan.Op) (changes []*localChange, err error) {
	taken, err := a.spare(ctx, ops)
	if err != nil {
		return nil, err
	}
	for _, op := range ops {
		c, err := a.prepareLocal(op, taken[op])
		if err != nil {
			if pool.Fatal(ctx, err) {
				return nil, err
			}
			a.skip(op, err)
			continue
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// announceLocal writes the intents of changes on disk, and the rows of copies ahead of
// their files.
func (a *applier) announceLocal(ctx context.Context, changes []*localChange) error {
	var intents []*state.Intent
	var copies []*localChange
	for _, c := range changes {
		if c.intent != nil {
			intents = append(intents, c.intent)
		}
		if c.op.Kind == plan.LocalCopy {
			copies = append(copies, c)
		}
	}
	return a.commit(ctx, func(tx *state.Tx) error {
		expected, err := a.expectCopies(tx, copies)
		return errors.Join(err, tx.AddIntents(intents), tx.PutMessages(expected))
	})
}

// changeFolders makes the changes, and returns the folders that it touched. A run that
// is being stopped leaves the rest.
func (a *applier) changeFolders(ctx context.Context, changes []*localChange) []string {
	folders := map[string]bool{}
	for _, c := range changes {
		if ctx.Err() != nil {
			c.err = context.Cause(ctx)
			continue
		}
		if c.err != nil {
			continue
		}
		c.err = diskFull(a.changeLocal(ctx, c))
		a.track(c)
		if c.op.Kind != plan.Forget {
			for _, f := range []string{c.op.Mailbox, c.op.To} {
				if f != "" {
					folders[f] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(folders))
}

// syncFolders makes the changes in folders durable.
func (a *applier) syncFolders(ctx context.Context, folders []string) error {
	a.touchesFolders(folders...)
	for _, f := range folders {
		if err := a.Store.SyncFolders(ctx, f); err != nil && !errors.Is(err, mail.ErrGone) {
			return diskFull(err)
		}
	}
	return nil
}

// concludeLocal counts what was done, and leaves the rest for later. It returns the
// first error that ends the run.
func (a *applier) concludeLocal(ctx context.Context, changes []*localChange) (first error) {
	for _, c := range changes {
		switch {
		case c.err == nil:
			a.done(c.op)
			if c.flags != nil && c.flags != c.op {
				a.done(c.flags)
			}
		case pool.Fatal(ctx, c.err):
			first = cmp.Or(first, c.err)
		default:
			a.skip(c.op, c.err)
		}
	}
	return first
}

// prepareLocal works out the name that the file will have. taken: where it goes
// to, the unique part of its name is another's.
func (a *applier) prepareLocal(op *plan.Op, taken bool) (*localChange, error) {
	m := view.Ref(op.Item)
	c := &localChange{op: op, m: m}
	switch op.Kind {
	case plan.LocalFlags:
		c.flags = op
		var err error
		c.target, err = a.rename(c, op.Mailbox, m.Item.Local.Flags.Apply(op.Delta))
		c.intent = state.LocalFlags(state.Subject{Message: m.ID, Home: op.Mailbox}, op.Delta)
		return c, err
	case plan.LocalMove:
		if to := a.Mailboxes[op.To]; to == nil || to.Row == nil {
			return c, mail.ErrGone
		}
		flags, delta := m.Item.Local.Flags, mail.Delta{}
		if c.flags = a.flagsOf[op.Item]; c.flags != nil {
			delta = c.flags.Delta
			flags = flags.Apply(c.flags.Delta)
		}
		var err error
		c.target, err = a.rename(c, op.To, flags)
		if taken {
			a.newBase(&c.target)
		}
		c.intent = state.LocalMove(state.Subject{Message: m.ID, Home: m.Home}, state.Place{Mailbox: op.To, UID: m.UID}, c.target.Base(), delta)
		return c, err
	case plan.LocalCopy:
		return c, a.prepareCopy(c)
	}
	return c, nil
}

// rename returns the name that the file has in a folder with these flags; a
// move drops the letters that only the old folder knows.
func (a *applier) rename(c *localChange, folder string, flags mail.Flags) (maildir.File, error) {
	k, waits, err := a.letters(folder, flags)
	if err != nil {
		return maildir.File{}, err
	}
	f := c.m.File
	base := f.Base()
	if c.op.Kind == plan.LocalMove {
		f = maildir.File{Folder: folder, New: f.New, Name: base}
	}
	var target maildir.File
	target, c.unheld = k.Name(f, flags, base)
	c.waits = waits
	if c.op.Kind == plan.LocalFlags {
		c.unheld = c.unheld.Intersect(c.op.Delta.Add) // the rest is in the name as it was
	}
	return target, nil
}

// prepareCopy makes the row of the copy, to be stored before the file exists.
func (a *applier) prepareCopy(c *localChange) error {
	src, to := view.Ref(c.op.Source), a.Mailboxes[c.op.To]
	if to == nil || to.Row == nil || !src.OnDisk() {
		return mail.ErrGone
	}
	if a.match.AlteredHere(src) {
		return mail.ErrChanged
	}
	k, waits, err := a.letters(c.op.To, c.m.Item.Remote.Flags)
	if err != nil {
		return err
	}
	base := a.Store.NewBase()
	c.target, c.unheld = k.Name(maildir.File{Folder: c.op.To, New: true, Name: base}, c.m.Item.Remote.Flags, base)
	c.m.Row = &state.Message{ID: c.m.Replaces, MailboxID: to.Row.ID, UID: c.m.UID, Base: base, New: c.target.New, Info: c.target.Name[len(base):],
		LocalFlags: c.m.Item.Remote.Flags.Minus(c.unheld), RemoteFlags: seenAs(c.m.Item.Remote.Flags, c.unheld, waits),
		Digest: src.Row.Digest, Essence: src.Row.Essence, Size: src.Row.Size, DiskSize: src.Row.DiskSize, Form: src.Row.Form,
		Date: c.m.Date, EmailID: c.m.EmailID, Pending: true}
	return nil
}

// seenAs returns the flags that the base says the server has. Keywords that wait
// for letters are not among them, so that they are seen once more.
func seenAs(flags, unheld mail.Flags, waits bool) mail.Flags {
	if waits {
		return flags.Minus(unheld)
	}
	return flags
}

// changeLocal does the one thing that an operation is about. A name that is
// no longer there, or taken, is somebody else's change.
func (a *applier) changeLocal(ctx context.Context, c *localChange) error {
	switch c.op.Kind {
	case plan.LocalFlags, plan.LocalMove:
		if c.target == c.m.File {
			return nil
		}
		err := a.Store.Rename(ctx, c.m.File, c.target)
		if !errors.Is(err, mail.ErrExists) {
			return err
		}
		// Two messages of one name meet: this one gets a new name. Within a
		// folder it may also be a mail program that renames the same file.
		if c.op.Kind == plan.LocalFlags {
			if is, dberr := a.anothers(ctx, c.m, c.target); dberr != nil || !is {
				return errors.Join(err, dberr)
			}
		}
		a.newBase(&c.target)
		return a.Store.Rename(ctx, c.m.File, c.target)
	case plan.LocalCopy:
		src := view.Ref(c.op.Source)
		if a.MaybeGrowing[src.File.Base()] {
			return a.Store.CopyApart(ctx, src.File, c.target)
		}
		return a.Store.Copy(ctx, src.File, c.target)
	case plan.LocalRemove:
		return a.Store.Discard(ctx, c.m.File, a.UndoRun())
	}
	return nil
}

// newBase gives a file that is to be another unique part of the name.
func (a *applier) newBase(f *maildir.File) {
	f.Name = a.Store.NewBase() + f.Name[len(f.Base()):]
}

// track notes what became of the folders.
func (a *applier) track(c *localChange) {
	switch {
	case c.err != nil:
		a.look.Unexpected(c.op.Mailbox, c.op.To)
	case c.op.Kind == plan.LocalFlags || c.op.Kind == plan.LocalMove:
		a.look.FileRemoved(c.m.File)
		a.look.FileAdded(c.target)
	case c.op.Kind == plan.LocalCopy:
		a.look.FileAdded(c.target)
	case c.op.Kind == plan.LocalRemove:
		a.look.FileRemoved(c.m.File)
	}
}

// noteLocal brings the base up to what was done.
func (a *applier) noteLocal(tx *state.Tx, changes []*localChange) error {
	var n notes
	for _, c := range changes {
		if c.intent != nil {
			n.over(c.intent)
		}
		m := c.m
		switch {
		case c.op.Kind == plan.LocalCopy && c.err != nil:
			if m.Replaces == 0 && m.Row.ID != 0 {
				n.remove(m.Row)
			}
		case c.err != nil:
		case c.op.Kind == plan.LocalCopy:
			n.deliver(m.Row)
		case c.op.Kind == plan.LocalRemove || c.op.Kind == plan.Forget:
			if c.op.Kind == plan.LocalRemove {
				a.noteRemoval(&n, c.op, 0)
			}
			n.remove(m.Row)
		default:
			if c.op.Kind == plan.LocalMove {
				m.Row.MailboxID, m.Row.UID = a.Mailboxes[c.op.To].Row.ID, m.UID
			}
			if c.flags != nil {
				m.Applied(c.flags, c.unheld)
				m.Item.Local.Flags = m.Item.Local.Flags.Apply(c.flags.Delta).Minus(c.unheld)
			}
			if c.op.Kind == plan.LocalMove {
				keyword.CannotHold(m, c.unheld)
			}
			m.Row.RemoteFlags = seenAs(m.Row.RemoteFlags, c.unheld, c.waits)
			m.File = c.target
			a.placeFile(m)
			n.put(m.Row)
		}
	}
	return n.write(tx)
}
