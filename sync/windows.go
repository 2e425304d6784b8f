package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// A first sync, or a mailbox that a hundred thousand messages were moved to,
// must not bring all of them into memory. Where what is new on the server can
// only be downloaded or copied, it is listed and applied in windows.
//
// It can be more than that: a message that vanished elsewhere, or a new file,
// may be found again anywhere in the list. So everything is listed before
// anything is decided when something vanished, or when the disk has anything
// new; see listRest.

// windowMessages is how many new messages are planned and fetched together:
// some 2 KB of memory each.
const windowMessages = 4096

// listRest lists everything at once after all, when a new message may be one
// that is missing somewhere.
func (s *session) listRest(ctx context.Context) error {
	if len(s.Queue) == 0 || len(s.NewLocal) == 0 && !s.anyVanished() {
		return nil
	}
	var reqs []remote.ResyncRequest
	for _, w := range s.Queue {
		reqs = append(reqs, remote.ResyncRequest{Mailbox: w.Mailbox.Name, ListNew: true, First: w.Next})
	}
	s.Queue = nil
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	var rest []*remote.Changes
	if err := c.Resync(ctx, reqs, func(ch *remote.Changes) error {
		rest = append(rest, ch)
		return nil
	}); err != nil {
		return err
	}
	for _, ch := range rest {
		mb := s.Mailboxes[ch.Mailbox]
		if err := s.checkWindow(mb, ch); err != nil {
			s.FreezeRemote(mb, err)
			continue
		}
		if mb.Changes == nil {
			mb.Changes = ch
		} else {
			mb.Changes.Cursor.UIDNext = ch.Cursor.UIDNext
		}
		if err := s.listed(ctx, mb, ch); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) anyVanished() bool {
	for _, m := range s.Messages {
		if m.Item.Remote.State == plan.Removed {
			return true
		}
	}
	return false
}

// checkWindow returns an error when what was listed is not what goes with the
// rest of the mailbox.
func (s *session) checkWindow(mb *view.Mailbox, ch *remote.Changes) error {
	if ch.Err != nil {
		return ch.Err
	}
	if v := s.Validity(mb); v != 0 && v != ch.Cursor.UIDValidity {
		return &mail.Error{Op: "list messages", Mailbox: mb.Name, Kind: mail.KindMailbox, Err: mail.ErrUIDValidityChanged,
			Hint: "sync again"}
	}
	return nil
}

// windows lists and applies what the cycle left queued.
func (s *session) windows(ctx context.Context) error {
	for len(s.Queue) > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.Moved = true // the next cycle looks at what came
		if err := s.nextWindow(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) nextWindow(ctx context.Context) error {
	now, changes, err := s.listWindow(ctx)
	if err != nil {
		return err
	}
	s.Forget()
	for _, w := range now {
		ch := changes[w.Mailbox.Name]
		if ch == nil {
			w.Held = true
			continue
		}
		if err := s.listed(ctx, w.Mailbox, ch); err != nil {
			return err
		}
	}
	pending, err := s.applyNew(ctx)
	if err != nil {
		return err
	}
	if err := s.leftOut(ctx, now, pending); err != nil {
		return err
	}
	return s.commitWindows(ctx, now, pending)
}

// leftOut looks for messages that the server has and did not list, in mailboxes
// whose last window was applied.
func (s *session) leftOut(ctx context.Context, now []*view.Window, pending map[string]bool) error {
	s.Forget()
	for _, w := range now {
		mb := w.Mailbox
		if uint64(w.Last)+1 < uint64(mb.Remote.Status.UIDNext) || w.Held || pending[mb.Name] || mb.HoldCursor || mb.Row == nil || mb.Frozen() {
			continue
		}
		n, err := s.DB.Count(ctx, mb.Row.ID)
		if err != nil {
			return err
		}
		if uint64(n) >= uint64(mb.Changes.Cursor.Messages) {
			continue
		}
		c, err := s.Pool.First(ctx)
		if err != nil {
			return err
		}
		present, err := c.SearchAllUIDs(ctx, mb.Name, s.Validity(mb))
		if err == nil || errors.Is(err, remote.ErrIncomplete) {
			mb.Changes.Cursor.UIDNext = w.Last + 1
			err = s.look.FoundUnknown(ctx, mb, present)
		}
		if err != nil {
			if pool.Fatal(ctx, err) {
				return err
			}
			s.FreezeRemote(mb, err)
		}
	}
	if len(s.NewRemote) == 0 {
		return nil
	}
	more, err := s.applyNew(ctx)
	for name := range more {
		pending[name] = true
	}
	return err
}

// listWindow lists the next part of what is queued, within the budget.
func (s *session) listWindow(ctx context.Context) (now []*view.Window, changes map[string]*remote.Changes, err error) {
	budget := s.Window
	var reqs []remote.ResyncRequest
	for _, w := range s.Queue {
		if budget <= 0 {
			break
		}
		n := min(budget, w.Left)
		w.Cut(n)
		budget -= n
		now = append(now, w)
		reqs = append(reqs, remote.ResyncRequest{Mailbox: w.Mailbox.Name, ListNew: true, First: w.Next, Last: w.Last})
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return nil, nil, err
	}
	changes = map[string]*remote.Changes{}
	err = c.Resync(ctx, reqs, func(ch *remote.Changes) error {
		mb := s.Mailboxes[ch.Mailbox]
		if err := s.checkWindow(mb, ch); err != nil {
			s.FreezeRemote(mb, err)
			return nil
		}
		changes[mb.Name] = ch
		if mb.Changes == nil {
			mb.Changes = ch
		}
		return nil
	})
	return now, changes, err
}

// listed takes new messages of a window into the view.
func (s *session) listed(ctx context.Context, mb *view.Mailbox, ch *remote.Changes) error {
	known, err := s.look.RowsByUID(ctx, mb, ch)
	if err != nil {
		return err
	}
	for _, n := range ch.New {
		if row := known[n.UID]; row != nil {
			s.look.SawFlags(row, n.Flags)
			s.look.SawIdentity(row, n.EmailID)
		} else {
			s.look.NewMessage(mb, n)
		}
	}
	return nil
}

// applyNew plans and applies the new messages of the view, and then those that
// had to wait for a twin among them. It returns the mailboxes of which not
// everything was applied.
func (s *session) applyNew(ctx context.Context) (pending map[string]bool, err error) {
	pending = map[string]bool{}
	for {
		s.WaitForLabel = nil
		if err := s.match.MatchRemote(ctx); err != nil {
			return nil, err
		}
		p := s.decide.Plan()
		p.Ops = slices.DeleteFunc(p.Ops, func(o plan.Op) bool { return o.Item == nil })
		if _, err := s.apply.Apply(ctx, p); err != nil {
			return nil, err
		}
		for _, name := range s.Names {
			if p.HoldsRemote(name) {
				pending[name] = true
			}
		}
		if len(s.WaitForLabel) == 0 {
			return pending, nil
		}
		twins := s.WaitForLabel
		s.Forget()
		s.NewRemote = twins
	}
}

// applyLabels does so for the messages that the cycle itself left waiting.
func (s *session) applyLabels(ctx context.Context, p *plan.Plan) error {
	if len(s.WaitForLabel) == 0 {
		return nil
	}
	twins := s.WaitForLabel
	s.Forget()
	s.NewRemote = twins
	pending, err := s.applyNew(ctx)
	for name := range pending {
		p.RemotePending[name] = true
	}
	return err
}

// holdWindows keeps the cursor of a mailbox where it is if something of its first
// part, which the cycle itself listed, waits: no later part may move it past that.
func (s *session) holdWindows(p *plan.Plan) {
	for _, w := range s.Queue {
		if w.Mailbox.HoldCursor || p.HoldsRemote(w.Mailbox.Name) {
			w.Held = true
		}
	}
}

// commitWindows moves the cursors past what was applied, and drops windows
// that are done from the queue.
func (s *session) commitWindows(ctx context.Context, now []*view.Window, pending map[string]bool) error {
	var moved []*view.Mailbox
	for _, w := range now {
		mb := w.Mailbox
		w.Next = w.Last + 1
		w.Held = w.Held || mb.Row == nil || mb.HoldCursor || pending[mb.Name] || mb.Frozen()
		if w.Held {
			continue
		}
		ch := mb.Changes
		if w.Cursor.UIDValidity == 0 {
			w.Cursor = ch.Cursor
		}
		mb.Row.Cursor = w.Cursor
		mb.Row.Cursor.UIDNext = w.Next
		s.quirks.LearnPermanent(mb)
		if ch.MailboxID != "" {
			mb.Row.MailboxID = ch.MailboxID
		}
		if w.Done() {
			mb.Remote.Status = mb.Row.Cursor
		}
		moved = append(moved, mb)
	}
	s.Queue = slices.DeleteFunc(s.Queue, (*view.Window).Done)
	if len(moved) == 0 {
		return nil
	}
	return s.DB.Update(context.WithoutCancel(ctx), func(tx *state.Tx) error {
		for _, mb := range moved {
			if err := tx.PutMailbox(mb.Row); err != nil {
				return fmt.Errorf("settle %s: %w", mb.Name, err)
			}
		}
		return nil
	})
}
