package apply

import (
	"context"
	"errors"
	"fmt"
	"io"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/run"
	"satchel/sync/view"
)

// uploadMessages bounds an upload job. Where messages are stored many at a time,
// a job that ends costs more than what further connections win: they would wait
// for each other at the mailbox.
const (
	uploadMessages        = 256
	uploadMessagesGrouped = 2048
)

// uploadJobs cuts the uploads into jobs of one mailbox each.
func (a *applier) uploadJobs(ops []plan.Op) []pool.Job {
	most := uploadMessages
	if a.Pool.GroupsAppends() {
		most = uploadMessagesGrouped
	}
	return a.transfers(ops, plan.Upload, most, true, func(mine []*plan.Op) pool.Job {
		return pool.Job{Run: func(ctx context.Context, c *remote.Conn) error { return a.upload(ctx, c, mine) }}
	})
}

// upload appends files to one mailbox.
func (a *applier) upload(ctx context.Context, c *remote.Conn, ops []*plan.Op) error {
	mb := a.Mailboxes[ops[0].Mailbox]
	a.touches(mb.Name)
	if err := a.takesNothing(mb); err != nil {
		a.skipAll(ops, err)
		return nil
	}
	changes, reqs := a.prepareUploads(ctx, mb, ops)
	if len(changes) == 0 {
		return nil
	}
	if err := a.announceChanges(ctx, changes); err != nil {
		return err
	}
	// An error of the connection ends the job, but what was answered until then
	// is noted first.
	validity, err := a.sendUploads(ctx, c, mb, changes, reqs)
	if err == nil {
		err = a.sentForms(ctx, c, mb, changes)
	}
	if nerr := a.commit(ctx, func(tx *state.Tx) error { return a.noteUploads(tx, mb, validity, changes) }); nerr != nil {
		return nerr
	}
	a.sizesWanted(mb, changes)
	if err != nil {
		if pool.Fatal(ctx, err) {
			return err
		}
		for _, x := range changes {
			if errors.Is(x.err, errUnanswered) {
				x.err = err
			}
		}
	}
	if err := a.dropMerged(ctx, changes); err != nil {
		return err
	}
	a.concludeUploads(changes)
	return nil
}

// takesNothing returns why no file can go up to a mailbox; nil as a rule.
func (a *applier) takesNothing(mb *view.Mailbox) error {
	if mb.Row == nil {
		return mail.ErrGone
	}
	return a.NoRoom()
}

// errUnanswered is an upload that the server has not answered. The message may be
// there, so its intent stays, as that of any upload does whose end is unknown.
var errUnanswered = fmt.Errorf("the server did not answer: %w", mail.ErrChanged)

// prepareUploads reads what is to go up, and makes an intent and a request for each
// file that can go up now; the others are left for later.
func (a *applier) prepareUploads(ctx context.Context, mb *view.Mailbox, ops []*plan.Op) ([]*laneChange, []remote.AppendRequest) {
	changes := make([]*laneChange, 0, len(ops))
	reqs := make([]remote.AppendRequest, 0, len(ops))
	for _, op := range ops {
		m := view.Ref(op.Item)
		if err := a.describe(ctx, m); err != nil {
			a.skip(op, err)
			continue
		}
		if held, err := a.recovery.HeldBack(mb, m); held {
			a.leaveForLater(op)
			if err != nil {
				a.Rep.Problem(op.Mailbox, op.MessageKey(), err)
			}
			continue
		}
		reqs = append(reqs, a.appendRequest(mb, m))
		changes = append(changes, &laneChange{op: op, m: m, err: errUnanswered,
			intent: state.Append(a.newIn(mb.Name), sent(m, m.Sent))})
	}
	return changes, reqs
}

// sendUploads sends the messages and takes the answers. It returns the UIDVALIDITY
// that they name, 0 for none. A UID that cannot be the message's is not believed.
func (a *applier) sendUploads(ctx context.Context, c *remote.Conn, mb *view.Mailbox, changes []*laneChange, reqs []remote.AppendRequest) (learned mail.UIDValidity, err error) {
	known := a.Validity(mb)
	err = c.Append(ctx, mb.Name, reqs, func(i int, uid mail.UID, v mail.UIDValidity, err error) {
		x := changes[i]
		learned = max(learned, v)
		if errors.Is(err, remote.ErrUnstable) {
			err = errors.Join(mail.ErrChanged, err) // it is still being written
		}
		x.uid, x.err, x.ok = uid, err, err == nil
		if err == nil && (uid == 0 || known != 0 && v != known || !a.acceptUID(mb, uid)) {
			x.uid, x.err = 0, errPlaced
		}
	})
	return learned, err
}

// noteUploads brings the base up to what the server answered. An upload whose end is
// unknown keeps its intent, by which the next cycle or run finds the message.
func (a *applier) noteUploads(tx *state.Tx, mb *view.Mailbox, validity mail.UIDValidity, changes []*laneChange) error {
	if err := a.LearnValidity(tx, mb, validity); err != nil {
		return err
	}
	var n notes
	for _, x := range changes {
		if taken, err := a.taken(tx, mb, x); err != nil {
			return err
		} else if taken {
			x.uid, x.err = 0, mail.ErrChanged
		}
		if errors.Is(x.err, mail.ErrChanged) {
			continue
		}
		n.over(x.intent)
		if x.err == nil {
			if err := a.uploaded(tx, &n, mb, x); err != nil {
				return err
			}
		}
	}
	return errors.Join(n.write(tx), a.noteAnswers(tx, mb, changes))
}

// uploaded notes the row of what was uploaded.
func (a *applier) uploaded(tx *state.Tx, n *notes, mb *view.Mailbox, x *laneChange) error {
	m := x.m
	if merged, err := a.merged(tx, n, mb, x, m.Row); err != nil || merged {
		return err
	}
	m.UID = x.uid
	m.EmailID = "" // the server gave it a new one; the next cycle is told
	row := a.NewRow(mb, m, m)
	if m.Row != nil {
		row.ID = m.Row.ID
	}
	row.LocalFlags, row.RemoteFlags = m.Item.Local.Flags.Minus(m.Later), m.Sent
	m.Row = row
	a.replacesStump(n, m, mb)
	if !m.Later.IsEmpty() {
		a.follows(mb, x.uid)
		m.Place(mb.Row.ID, m.File)
		a.HoldStamp(mb.Name)
		a.look.Unexpected(mb.Name)
	}
	a.look.NoteCreated(mb, row, false, mail.Flags{})
	n.put(row)
	return nil
}

// noteAnswers remembers which uploads the server refused, and to which it said OK
// without saying where they are.
func (a *applier) noteAnswers(tx *state.Tx, mb *view.Mailbox, changes []*laneChange) error {
	var sent []int64
	for _, x := range changes {
		answer := run.RefusedBy(x.err)
		var err error
		switch {
		case x.ok && errors.Is(x.err, mail.ErrChanged):
			sent = append(sent, x.intent.ID)
			err = a.recovery.RenewUnsent(tx, mb.Name, x.m)
		case x.ok && x.err == nil:
			err = a.recovery.ForgetUnsent(tx, mb.Name, x.m)
		case answer != "" && !a.crowds(x.err):
			err = a.recovery.NoteRefused(tx, mb.Name, x.m, answer)
		}
		if err != nil {
			return err
		}
	}
	return a.confirm(tx, sent)
}

// sizesWanted notes which messages the next cycle asks the sizes of: one shows what
// the server altered, and which of those that shared a command got which UID.
func (a *applier) sizesWanted(mb *view.Mailbox, changes []*laneChange) {
	var uids []mail.UID
	for _, x := range changes {
		if x.err == nil && x.uid != 0 {
			uids = append(uids, x.uid)
		}
	}
	if len(uids) > 0 {
		a.look.WantSizes(mb, uids)
	}
}

// concludeUploads counts the uploads that were carried out, and leaves the others for later.
func (a *applier) concludeUploads(changes []*laneChange) {
	for _, x := range changes {
		if x.err == nil {
			a.done(x.op)
			continue
		}
		a.placed(x)
		if !a.crowdedOut(x.op, x.err) {
			a.skip(x.op, x.err)
		}
	}
}

// describe reads the content of a file that is uploaded again, because the
// server lost its message.
func (a *applier) describe(ctx context.Context, m *view.Message) error {
	if m.Content != nil && m.Content.Size == m.Item.Size && m.Content.Form != mail.FormApart {
		if err := a.unchanged(m); err == nil || !m.Guessed {
			return err
		}
	}
	c, err := a.Store.Inspect(ctx, m.File)
	if err != nil {
		return err
	}
	if m.Row != nil {
		c.Is(m.Row.Digest) // it goes up again as the server had it
	}
	m.Content = &c
	m.Item.Size = c.Size
	if m.Date == 0 {
		m.Date = c.ModTime
	}
	return nil
}

// errStopped is a message that is not sent any more, since the run was told to
// stop.
var errStopped = errors.New("the run was told to stop")

func (a *applier) appendRequest(mb *view.Mailbox, m *view.Message) remote.AppendRequest {
	// A keyword that the server has not shown to keep follows by STORE, whose
	// outcome is looked at.
	flags := m.Item.Local.Flags.Union(m.Cannot)
	if unheld := flags.Minus(a.quirks.PermanentFlags(mb).Stores(flags)); !unheld.IsEmpty() {
		a.quirks.NoticeUnsupported(mb.Name, unheld)
		flags = flags.Minus(unheld)
	}
	m.Later = a.unshown(mb, flags)
	m.Sent = flags.Minus(m.Later)
	if a.Req.Push && m.Item.Hidden {
		// The name does not show its keywords and may not be changed, so no later look at
		// the file would tell them. They go along, and the base learns from the server that it has them.
		m.Later = mail.Flags{}
	} else {
		flags = m.Sent
	}
	begun := false
	return remote.AppendRequest{Flags: flags, Date: m.Date, Size: m.Content.Size, Open: func() (io.ReadCloser, error) {
		if !begun && a.stop.Err() != nil {
			return nil, errStopped
		}
		begun = true
		return a.Store.OpenServerForm(m.File, m.Content.Form)
	}}
}
