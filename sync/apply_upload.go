package sync

import (
	"context"
	"errors"
	"io"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// uploadMessages bounds an upload job. Where messages are stored many at a time,
// a job that ends costs more than what further connections win: they would wait
// for each other at the mailbox.
const (
	uploadMessages        = 256
	uploadMessagesGrouped = 2048
)

// uploadJobs cuts the uploads into jobs of one mailbox each.
func (a *applier) uploadJobs(ops []plan.Op) []job {
	most := uploadMessages
	if a.pool.groupsAppends() {
		most = uploadMessagesGrouped
	}
	return a.transfers(ops, plan.Upload, most, true, func(mine []*plan.Op) job {
		return job{run: func(ctx context.Context, c *remote.Conn) error { return a.upload(ctx, c, mine) }}
	})
}

// upload appends files to one mailbox.
func (a *applier) upload(ctx context.Context, c *remote.Conn, ops []*plan.Op) error {
	mb := a.mailboxes[ops[0].Mailbox]
	a.touches(mb.name)
	if mb.row == nil {
		for _, op := range ops {
			a.skip(op, mail.ErrGone)
		}
		return nil
	}
	if err := a.noRoom(); err != nil {
		for _, op := range ops {
			a.skip(op, err)
		}
		return nil
	}
	changes := make([]*laneChange, 0, len(ops))
	reqs := make([]remote.AppendRequest, 0, len(ops))
	for _, op := range ops {
		m := ref(op.Item)
		if err := a.describe(ctx, m); err != nil {
			a.skip(op, err)
			continue
		}
		if held, err := a.heldBack(mb, m); held {
			a.leaveForLater(op)
			if err != nil {
				a.rep.problem(op.Mailbox, op.MessageKey(), err)
			}
			continue
		}
		reqs = append(reqs, a.appendRequest(mb, m))
		changes = append(changes, &laneChange{op: op, m: m, intent: &state.Intent{Kind: state.IntentAppend, Mailbox: mb.name, Home: mb.name, UID: a.nextIn(mb.name),
			Base: m.file.Base(), Digest: m.content.Digest, Size: m.content.Size, Delta: mail.Delta{Add: m.sent}}})
	}
	if len(changes) == 0 {
		return nil
	}
	if err := a.announceChanges(ctx, changes); err != nil {
		return err
	}
	answered := make([]bool, len(changes))
	known := a.validity(mb)
	var learned mail.UIDValidity
	err := c.Append(ctx, mb.name, reqs, func(i int, uid mail.UID, v mail.UIDValidity, err error) {
		x := changes[i]
		learned = max(learned, v)
		answered[i] = true
		if errors.Is(err, remote.ErrUnstable) {
			err = errors.Join(mail.ErrChanged, err) // it is still being written
		}
		x.uid, x.err, x.ok = uid, err, err == nil
		if err == nil && (uid == 0 || known != 0 && v != known || !a.plausible(mb, uid)) {
			x.uid, x.err = 0, errPlaced
		}
	})
	if err == nil {
		err = a.sentForms(ctx, c, mb, changes)
	}
	nerr := a.commit(ctx, func(tx *state.Tx) error {
		if err := a.learnValidity(tx, mb, learned); err != nil {
			return err
		}
		var n notes
		for i, x := range changes {
			if taken, err := a.taken(tx, mb, x); err != nil {
				return err
			} else if taken {
				x.uid, x.err = 0, mail.ErrChanged
			}
			if !answered[i] || errors.Is(x.err, mail.ErrChanged) {
				continue // keeps its intent
			}
			n.over(x.intent)
			if x.err == nil {
				if err := a.uploaded(tx, &n, mb, x); err != nil {
					return err
				}
			}
		}
		return errors.Join(n.write(tx), a.noteAnswers(tx, mb, changes))
	})
	if nerr != nil {
		return nerr
	}
	a.sizesWanted(mb, changes)
	if err != nil {
		if fatal(ctx, err) {
			return err
		}
		for i, x := range changes {
			if !answered[i] {
				x.err = err
			}
		}
	}
	if err := a.dropMerged(ctx, changes); err != nil {
		return err
	}
	for _, x := range changes {
		if x.err != nil {
			a.placed(x)
			if !a.crowdedOut(x.op, x.err) {
				a.skip(x.op, x.err)
			}
		} else {
			a.done(x.op)
		}
	}
	return nil
}

// noteAnswers remembers which uploads the server refused, and to which it said OK
// without saying where they are.
func (a *applier) noteAnswers(tx *state.Tx, mb *mailbox, changes []*laneChange) error {
	var sent []int64
	for _, x := range changes {
		answer := refusedBy(x.err)
		var err error
		switch {
		case x.ok && errors.Is(x.err, mail.ErrChanged):
			sent = append(sent, x.intent.ID)
			err = a.renewUnsent(tx, mb.name, x.m)
		case x.ok && x.err == nil:
			err = a.forgetUnsent(tx, mb.name, x.m)
		case answer != "" && !a.crowds(x.err):
			err = a.noteRefused(tx, mb.name, x.m, answer)
		}
		if err != nil {
			return err
		}
	}
	return a.confirm(tx, sent)
}

// sizesWanted notes which messages the next cycle asks the sizes of: one shows what
// the server altered, and which of those that shared a command got which UID.
func (a *applier) sizesWanted(mb *mailbox, changes []*laneChange) {
	var uids []mail.UID
	for _, x := range changes {
		if x.err == nil && x.uid != 0 {
			uids = append(uids, x.uid)
		}
	}
	if len(uids) > 0 {
		a.wantSizes(mb, uids)
	}
}

// learnValidity notes the UIDVALIDITY of a mailbox that this run made, or one
// that died before it could settle it, before rows name its UIDs. Without it the
// next run would take them for those of a mailbox that was made again.
func (s *session) learnValidity(tx *state.Tx, mb *mailbox, v mail.UIDValidity) error {
	known := s.validity(mb)
	if v == 0 || mb.row == nil || mb.row.Cursor.UIDValidity != 0 || known != 0 && known != v {
		return nil
	}
	s.mu.Lock()
	mb.row.Cursor.UIDValidity = v
	s.mu.Unlock()
	return tx.PutMailbox(mb.row)
}

// describe reads the content of a file that is uploaded again, because the
// server lost its message.
func (a *applier) describe(ctx context.Context, m *message) error {
	if m.content != nil && m.content.Size == m.item.Size && m.content.Form != mail.FormApart {
		if err := a.unchanged(m); err == nil || !m.guessed {
			return err
		}
	}
	c, err := a.store.Inspect(ctx, m.file)
	if err != nil {
		return err
	}
	if m.row != nil {
		c.Is(m.row.Digest) // it goes up again as the server had it
	}
	m.content = &c
	m.item.Size = c.Size
	if m.date == 0 {
		m.date = c.ModTime
	}
	return nil
}

// errStopped is a message that is not sent any more, since the run was told to
// stop.
var errStopped = errors.New("the run was told to stop")

func (a *applier) appendRequest(mb *mailbox, m *message) remote.AppendRequest {
	// A keyword that the server has not shown to keep follows by STORE, whose
	// outcome is looked at.
	flags := m.item.Local.Flags.Union(m.cannot)
	if unheld := flags.Minus(a.keeps(mb).Stores(flags)); !unheld.IsEmpty() {
		a.noticeUnheld(mb.name, unheld)
		flags = flags.Minus(unheld)
	}
	m.later = a.unshown(mb, flags)
	m.sent = flags.Minus(m.later)
	if a.req.Push && m.item.Hidden {
		// The name does not show its keywords and may not be changed, so no later look at
		// the file would tell them. They go along, and the base learns from the server that it has them.
		m.later = mail.Flags{}
	} else {
		flags = m.sent
	}
	begun := false
	return remote.AppendRequest{Flags: flags, Date: m.date, Size: m.content.Size, Open: func() (io.ReadCloser, error) {
		if !begun && a.stop.Err() != nil {
			return nil, errStopped
		}
		begun = true
		return a.store.OpenServerForm(m.file, m.content.Form)
	}}
}

// uploaded notes the row of what was uploaded.
func (a *applier) uploaded(tx *state.Tx, n *notes, mb *mailbox, x *laneChange) error {
	m := x.m
	if merged, err := a.merged(tx, n, mb, x, m.row); err != nil || merged {
		return err
	}
	m.uid = x.uid
	m.emailID = "" // the server gave it a new one; the next cycle is told
	row := a.newRow(mb, m, m)
	if m.row != nil {
		row.ID = m.row.ID
	}
	row.LocalFlags, row.RemoteFlags = m.item.Local.Flags.Minus(m.later), m.sent
	m.row = row
	a.replacesStump(n, m, mb)
	if !m.later.IsEmpty() {
		a.follows(mb, x.uid)
		m.place(mb.row.ID, m.file)
		a.hold(false, mb.name)
		a.unexpected(mb.name)
	}
	a.putThere(mb, row, false, mail.Flags{})
	n.put(row)
	return nil
}
