package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// plan translates the view into the planner's terms.
func (s *session) plan() *plan.Plan {
	in := plan.Input{Policy: s.account.Policy, Pull: s.req.Pull, Push: s.req.Push, LocalBlind: s.localBlind, RemoteBlind: s.remoteBlind}
	for _, name := range s.req.Mailboxes {
		in.Only = append(in.Only, maildir.Canonical(name))
	}
	if !s.req.AllowMassDelete {
		in.MaxDeletePercent = s.account.MaxDeletePct
	}
	for _, name := range s.names {
		mb := s.mailboxes[name]
		pm := plan.Mailbox{Name: name, InBase: mb.row != nil, Local: mb.folder != nil, Remote: mb.remote != nil,
			BaseMessages: mb.baseCount, Frozen: mb.frozen()}
		if mb.remote != nil {
			pm.Subscribed = mb.remote.Subscribed
			if mb.remote.SpecialUse == `\Trash` {
				in.Trash = name
			}
		}
		s.describeHeld(&pm, mb)
		in.Mailboxes = append(in.Mailboxes, pm)
	}
	for _, m := range s.messages {
		m.id, m.home = m.row.ID, s.byID[m.row.MailboxID].name
		if it := &m.item; it.Local.State != plan.Same || it.Remote.State != plan.Same {
			in.Items = append(in.Items, it)
		}
	}
	for _, list := range [][]*message{s.newLocal, s.newRemote, s.paired} {
		for _, m := range list {
			in.Items = append(in.Items, &m.item)
		}
	}
	if in.Trash == "" {
		in.Trash = s.trashByName()
	}
	p := plan.Make(in)
	if p.NoTrash > 0 {
		s.rep.problem("", "", &mail.Error{Op: "delete = \"trash\"", Kind: mail.KindMailbox,
			Err:  fmt.Errorf("no mailbox is marked \\Trash or called so; %d removals wait", p.NoTrash),
			Hint: "make a mailbox Trash, or set delete = \"expunge\""})
	}
	return p
}

// trashByName finds the trash of a server that marks none (RFC 6154) by the
// names that mail programs give it.
func (s *session) trashByName() string {
	for _, want := range []string{"Trash", "Deleted Items", "Deleted Messages", "Deleted", "Bin"} {
		for _, name := range s.names {
			if strings.EqualFold(name, want) && s.mailboxes[name].remote != nil {
				return name
			}
		}
	}
	return ""
}

// applier carries out one plan. It decides nothing: when a precondition does
// not hold, it leaves the operation to the next cycle.
type applier struct {
	*session
	plan *plan.Plan
	did  atomic.Bool
	stop context.Context // ends when the run is to stop; what is in flight goes on for a while
	// flagsOf finds the change of flags that goes with a move on disk.
	flagsOf map[*plan.Item]*plan.Op
}

// apply carries out the plan stage by stage, and reports whether it changed
// either side.
func (s *session) apply(ctx context.Context, p *plan.Plan) (bool, error) {
	a := &applier{session: s, plan: p, flagsOf: map[*plan.Item]*plan.Op{}, stop: ctx}
	all := slices.DeleteFunc(slices.Clone(p.Ops), func(o plan.Op) bool { return o.Item != nil && ref(o.Item).twin })
	s.announce(all)
	ctx, done := graceful(ctx)
	defer done()
	if err := a.creates(ctx, all); err != nil {
		return a.did.Load(), err
	}
	if err := a.base(ctx, all); err != nil {
		return a.did.Load(), err
	}
	for _, stage := range []plan.Stage{plan.StageChange, plan.StageRemove} {
		ops := slices.DeleteFunc(slices.Clone(all), func(o plan.Op) bool { return o.Kind.Stage() != stage })
		if err := a.stage(ctx, ops); err != nil {
			return a.did.Load(), err
		}
		if a.stop.Err() != nil {
			return a.did.Load(), context.Cause(a.stop)
		}
	}
	err := a.deletes(ctx, all)
	return a.did.Load(), err
}

// grace is how long operations in flight may go on after a run was told to
// stop.
const grace = 5 * time.Second

// graceful returns a context that outlives ctx by grace.
func graceful(ctx context.Context) (context.Context, func()) {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(grace, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(work, func() { t.Stop() })
	})
	return work, func() {
		stop()
		cancel(nil)
	}
}

// announce tells how much there is to do. What is not listed yet is believed to
// be like what is.
func (s *session) announce(ops []plan.Op) {
	s.mu.Lock()
	s.progress.Phase = PhaseApply
	var messages, bytes int64
	for _, op := range ops {
		if op.Kind.Silent() {
			continue
		}
		s.planned.Total++
		if op.Kind == plan.Download || op.Kind == plan.Upload {
			messages++
			bytes += op.Item.Size
		}
	}
	s.planned.BytesTotal += bytes
	s.progress.Total, s.progress.BytesTotal = s.planned.Total, s.planned.BytesTotal
	for _, w := range s.queue {
		s.progress.Total += w.left
		s.progress.BytesTotal += int64(w.left) * bytes / max(messages, 1)
	}
	snapshot := s.progress
	s.mu.Unlock()
	s.notify(snapshot)
}

// stage runs the operations of one stage: the Maildir's in one lane, the
// server's on the pool, downloads through one deliverer that makes batches
// durable.
func (a *applier) stage(ctx context.Context, ops []plan.Op) error {
	if len(ops) == 0 {
		return nil
	}
	var local []*plan.Op
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d := newDeliverer(a, cancel)
	for i := range ops {
		op := &ops[i]
		if op.Kind == plan.LocalFlags {
			a.flagsOf[op.Item] = op
		}
	}
	for i := range ops {
		switch op := &ops[i]; op.Kind {
		case plan.LocalMove, plan.LocalCopy, plan.LocalFlags, plan.LocalRemove, plan.Forget:
			local = append(local, op)
		}
	}
	jobs := slices.Concat(a.laneJobs(ops), a.uploadJobs(ops), a.downloadJobs(ops, d))
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.localLane(gctx, local) })
	g.Go(func() error { return d.run(gctx) })
	g.Go(func() error {
		defer d.finish()
		return a.pool.run(gctx, a.stop, jobs)
	})
	err := g.Wait()
	if d.err != nil {
		return d.err // the fetching failed because of it
	}
	return err
}

// ref returns the message that an operation is about.
func ref(it *plan.Item) *message { return it.Ref.(*message) }

// touches notes that mailboxes of the server are changed by this cycle, so
// that the next one looks at them.
func (a *applier) touches(names ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range names {
		if mb := a.mailboxes[n]; mb != nil {
			mb.remoteDirty = true
		}
	}
}

// done counts an operation that was carried out.
func (a *applier) done(op *plan.Op) {
	a.rep.count(op.Kind, op.Mailbox)
	if !op.Kind.Silent() {
		a.did.Store(true)
	}
	var bytes int64
	if op.Kind == plan.Download || op.Kind == plan.Upload {
		bytes = op.Item.Size
	}
	a.advance(1, bytes)
	a.log.Debug("done", "op", op.String())
}

// skip leaves an operation for later: what led to it must be seen again.
func (a *applier) skip(op *plan.Op, err error) {
	places := []string{op.Mailbox, op.To}
	if op.Item != nil {
		places = append(places, op.Item.Local.Mailbox, op.Item.Remote.Mailbox)
		places = append(places, ref(op.Item).home)
	}
	if !op.Kind.Remote() {
		a.hold(true, places...)
	}
	if op.Kind == plan.Upload && ref(op.Item).row != nil {
		// That it is gone from its old place must be seen again, or it would
		// not be recognised where this brought it.
		a.hold(true, ref(op.Item).home)
	}
	if !op.Kind.Local() {
		a.hold(false, places...)
	}
	if errors.Is(err, errStopped) {
		return // the run says so
	}
	if errors.Is(err, mail.ErrGone) || errors.Is(err, mail.ErrChanged) || errors.Is(err, mail.ErrExists) {
		a.mu.Lock()
		a.moved = true
		a.mu.Unlock()
		a.log.Debug("skipped", "op", op.String(), "err", err)
		return
	}
	if a.limited(op.Mailbox, op.MessageKey(), err) {
		return
	}
	a.rep.problem(op.Mailbox, op.MessageKey(), err)
}

// broken leaves operations to a later cycle whose connection broke. Which of them
// were done is known to the journal and the base; it does no harm to hold
// what belongs to all of them.
func (a *applier) broken(ops []*plan.Op) func(error) {
	return func(err error) {
		for _, op := range ops {
			a.skip(op, errors.Join(mail.ErrChanged, err))
		}
	}
}

// diskFull makes an error of the file system that no further message can
// escape into one that stops the account.
func diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS) {
		return &mail.Error{Op: "write the Maildir", Kind: mail.KindAccount, Err: err,
			Hint: "make room and sync again; nothing was lost"}
	}
	return err
}

// commit runs f in one durable transaction of the state.
func (a *applier) commit(ctx context.Context, f func(*state.Tx) error) error {
	// What was done must be noted, also when the run is being stopped.
	return a.db.Update(context.WithoutCancel(ctx), f)
}

// settled takes into the row that the change of flags in op reached its side.
func (m *message) settled(op *plan.Op, unheld mail.Flags) {
	delta := op.Delta
	delta.Add = delta.Add.Minus(unheld)
	switch op.Kind {
	case plan.RemoteFlags, plan.SettleLocal:
		m.row.LocalFlags = m.row.LocalFlags.Apply(op.Learned)
		m.row.RemoteFlags = m.row.RemoteFlags.Apply(delta)
	case plan.LocalFlags, plan.SettleRemote:
		m.row.RemoteFlags = m.row.RemoteFlags.Apply(op.Learned)
		m.row.LocalFlags = m.row.LocalFlags.Apply(delta)
	}
}

// infoUnknown stands in a row for a file name whose flags the base has not
// taken over: it names no file, so the next scan looks at the file again.
const infoUnknown = "/"

// place notes in the row where the file is. The name is noted only when the
// base holds the flags that it shows; otherwise a change that could not be
// applied yet would never be seen again.
func (m *message) place(mailboxID int64, f maildir.File) {
	if strings.Contains(f.Name, infoUnknown) {
		return // this cycle did not look at the folder
	}
	m.row.MailboxID, m.row.New, m.row.Base = mailboxID, f.New, f.Base()
	m.row.Info = f.Name[len(m.row.Base):]
	if !m.row.LocalFlags.Equal(m.item.Local.Flags) {
		m.row.Info = infoUnknown
	}
}

// newRow joins a file and a message of the server; flags are the caller's.
func (s *session) newRow(mb *mailbox, local, rem *message) *state.Message {
	f, c := local.file, local.content
	row := &state.Message{ID: rem.replaces, MailboxID: mb.row.ID, UID: rem.uid, Base: f.Base(), New: f.New, Info: f.Name[len(f.Base()):],
		Digest: c.Digest, Size: c.Size, DiskSize: c.DiskSize, Form: c.Form, Date: rem.date, EmailID: rem.emailID}
	if row.Date == 0 {
		row.Date = local.date
	}
	return row
}

// base notes what both sides agree on already: one transaction.
func (a *applier) base(ctx context.Context, ops []plan.Op) error {
	var silent []*plan.Op
	for i := range ops {
		if ops[i].Kind.Stage() == plan.StageBase {
			silent = append(silent, &ops[i])
		}
	}
	detached := slices.DeleteFunc(slices.Clone(a.names), func(n string) bool {
		mb := a.mailboxes[n]
		return !mb.detached || mb.frozen() || mb.row == nil
	})
	for _, op := range silent {
		if op.Kind == plan.Adopt {
			a.setDate(ref(op.Item), ref(op.Item).date)
		}
	}
	for _, m := range a.messages {
		if m.detached {
			m.row.ID, m.id = 0, 0 // it gets a new row
		}
	}
	// Rows will name the UIDs of these.
	unknown := slices.DeleteFunc(slices.Clone(a.names), func(n string) bool {
		mb := a.mailboxes[n]
		return mb.frozen() || mb.changes == nil || mb.row == nil || mb.row.Cursor.UIDValidity != 0
	})
	rows, parked, err := a.agreed(silent)
	if err != nil || len(silent)+len(rows)+len(detached)+len(unknown)+len(a.evicted)+len(a.explained)+len(a.withRows) == 0 {
		return err
	}
	return a.commit(ctx, func(tx *state.Tx) error {
		for _, n := range unknown {
			if err := a.learnValidity(tx, a.mailboxes[n], a.validity(a.mailboxes[n])); err != nil {
				return err
			}
		}
		for _, n := range detached {
			mb := a.mailboxes[n]
			if err := tx.Detach(mb.row.ID); err != nil {
				return err
			}
			mb.row.Cursor = mail.Cursor{UIDValidity: a.validity(mb)}
			mb.row.LookAgain()
			if err := tx.PutMailbox(mb.row); err != nil {
				return err
			}
		}
		var n notes
		for _, i := range a.explained {
			if !a.frozen(i) {
				n.over(i)
			}
		}
		if err := tx.DeleteMessages(a.evicted...); err != nil {
			return err
		}
		// UIDs may change places, and no two rows may have one at any time.
		if err := tx.ParkUIDs(parked...); err != nil {
			return err
		}
		n.rows = rows
		if err := n.write(tx); err != nil {
			return err
		}
		for _, note := range a.withRows {
			if err := note(tx); err != nil {
				return err
			}
		}
		for _, op := range silent {
			m := ref(op.Item)
			m.id, m.home = m.row.ID, a.byID[m.row.MailboxID].name
		}
		for _, m := range a.touched {
			m.id = m.row.ID
		}
		return nil
	})
}

// agreed brings rows up to what both sides agree on, and to where what was
// touched is. It returns those that say something new, and which of them get
// another UID.
func (a *applier) agreed(silent []*plan.Op) (rows, parked []*state.Message, err error) {
	uids := make([]mail.UID, len(a.touched))
	for i, m := range a.touched {
		uids[i] = m.row.UID
	}
	for _, op := range silent {
		m := ref(op.Item)
		switch op.Kind {
		case plan.Adopt:
			if err := a.adopt(op, m); err != nil {
				return nil, nil, err
			}
		default:
			m.settled(op, mail.Flags{})
		}
		if m.row.MailboxID != 0 && m.onDisk() && a.byID[m.row.MailboxID].name == m.file.Folder {
			m.place(m.row.MailboxID, m.file)
		}
		rows = append(rows, m.row)
	}
	phantom := ^mail.UID(0)
	for i, m := range a.touched {
		home := a.byID[m.row.MailboxID]
		if m.row.ID == 0 {
			if !m.detached || !m.item.Remote.State.Present() || home.frozen() {
				continue // its mailbox started anew, or stays as it is
			}
			if m.item.Remote.Mailbox != home.name {
				// It follows its message below. Until then it has a row by
				// which a run that resumes finds the message there again,
				// under a UID that no message will have, as in startAnew.
				phantom--
				m.row.UID = phantom
			}
		}
		if m.item.Remote.State.Present() && m.item.Remote.Mailbox == home.name {
			m.row.UID = m.uid
		}
		if m.onDisk() && m.file.Folder == home.name {
			m.place(home.row.ID, m.file)
		}
		if m.row.ID != 0 && m.row.UID != uids[i] {
			parked = append(parked, m.row)
		}
		if m.row.ID == 0 || m.row.Differs() {
			rows = append(rows, m.row)
		}
	}
	return rows, parked, nil
}

// adopt makes the row say where both sides have the message.
func (a *applier) adopt(op *plan.Op, m *message) error {
	mb := a.mailboxes[op.Mailbox]
	if mb == nil || mb.row == nil {
		return &mail.Error{Op: "adopt", Mailbox: op.Mailbox, Kind: mail.KindAccount, Err: mail.ErrGone}
	}
	if m.row == nil {
		m.row = a.newRow(mb, m, m)
		m.row.LocalFlags, m.row.RemoteFlags = m.item.Local.Base, m.item.Remote.Base
	}
	m.row.MailboxID, m.row.UID = mb.row.ID, m.uid
	return nil
}
