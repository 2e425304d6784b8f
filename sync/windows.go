package sync

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
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

// window is the part of a mailbox that is not listed yet.
type window struct {
	mb   *mailbox
	next mail.UID // the first one
	left int      // messages to come, at most
	// cursor is what SELECT said when the mailbox was listed first. Flags
	// changed since then are told again to who comes with its HIGHESTMODSEQ.
	cursor mail.Cursor
	last   mail.UID // the end of what is being applied
	held   bool     // something of it could not be applied; the cursor stays
}

// divisible reports whether new messages may be listed in parts, as far as is
// known before the server is asked.
func (s *session) divisible() bool {
	if s.req.DryRun || s.req.Full || s.restored {
		return false
	}
	if slices.ContainsFunc(s.intents, func(i *state.Intent) bool { return i.Kind != state.IntentExpunge }) {
		return false // what was begun may be found anywhere
	}
	for _, seen := range s.ahead.wait() {
		if seen.err != nil || seen.listing.Unsettled || len(seen.fresh) > 0 || seen.removed > 0 {
			return false
		}
	}
	for _, mb := range s.mailboxes {
		if mb.blindLocal || mb.folder == nil && mb.row != nil {
			return false // messages went from the disk
		}
	}
	return true
}

// limit cuts a request for changes down to the budget, and queues the rest. It
// reports whether there is anything left to ask.
func (s *session) limit(req *remote.ChangesRequest, mb *mailbox, budget *int) bool {
	next := max(req.Known.UIDNext, 1)
	st := mb.remote.Status
	n := int(min(st.Messages, uint32(st.UIDNext)-min(uint32(next), uint32(st.UIDNext))))
	if n > *budget && !s.divisible() {
		*budget = math.MaxInt
	}
	if n <= *budget || st.UIDNext == 0 || mb.detached {
		*budget -= min(n, *budget)
		return true
	}
	w := &window{mb: mb, next: next, left: n}
	s.queue = append(s.queue, w)
	if *budget == 0 && mb.baseCount == 0 && req.Known.UIDNext == 0 {
		return false
	}
	w.cut(*budget)
	*budget = 0
	req.Last = w.last
	w.next = w.last + 1
	return true
}

// cut sets the end of a window of about n messages, supposing that they are
// spread evenly.
func (w *window) cut(n int) {
	end := uint64(w.mb.remote.Status.UIDNext) - 1
	if n < w.left {
		span := (end + 1 - uint64(w.next)) * uint64(max(n, 1)) / uint64(w.left)
		end = min(end, uint64(w.next)+max(span, 1)-1)
	}
	w.last = mail.UID(end)
	w.left = max(w.left-n, 0)
}

// done reports whether all of the mailbox is listed.
func (w *window) done() bool { return w.next >= w.mb.remote.Status.UIDNext }

// windowed reports whether the mailbox is listed in parts.
func (s *session) windowed(mb *mailbox) bool {
	return slices.ContainsFunc(s.queue, func(w *window) bool { return w.mb == mb })
}

// listRest lists everything at once after all, when a new message may be one
// that is missing somewhere.
func (s *session) listRest(ctx context.Context) error {
	if len(s.queue) == 0 || len(s.newLocal) == 0 && !s.anyVanished() {
		return nil
	}
	var reqs []remote.ChangesRequest
	for _, w := range s.queue {
		reqs = append(reqs, remote.ChangesRequest{Mailbox: w.mb.name, ListNew: true, First: w.next})
	}
	s.queue = nil
	c, err := s.pool.first(ctx)
	if err != nil {
		return err
	}
	var rest []*remote.Changes
	if err := c.Changes(ctx, reqs, func(ch *remote.Changes) error {
		rest = append(rest, ch)
		return nil
	}); err != nil {
		return err
	}
	for _, ch := range rest {
		mb := s.mailboxes[ch.Mailbox]
		if err := s.checkWindow(mb, ch); err != nil {
			s.freeze(mb, false, err)
			continue
		}
		if mb.changes == nil {
			mb.changes = ch
		} else {
			mb.changes.Cursor.UIDNext = ch.Cursor.UIDNext
		}
		if err := s.listed(ctx, mb, ch); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) anyVanished() bool {
	for _, m := range s.messages {
		if m.item.Remote.State == plan.Removed {
			return true
		}
	}
	return false
}

// checkWindow returns an error when what was listed is not what goes with the
// rest of the mailbox.
func (s *session) checkWindow(mb *mailbox, ch *remote.Changes) error {
	if ch.Err != nil {
		return ch.Err
	}
	if v := s.validity(mb); v != 0 && v != ch.Cursor.UIDValidity {
		return &mail.Error{Op: "list messages", Mailbox: mb.name, Kind: mail.KindMailbox, Err: mail.ErrUIDValidityChanged,
			Hint: "sync again"}
	}
	return nil
}

// windows lists and applies what the cycle left queued.
func (s *session) windows(ctx context.Context) error {
	for len(s.queue) > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.moved = true // the next cycle looks at what came
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
	s.forget()
	for _, w := range now {
		ch := changes[w.mb.name]
		if ch == nil {
			w.held = true
			continue
		}
		if err := s.listed(ctx, w.mb, ch); err != nil {
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
	return s.settleWindows(ctx, now, pending)
}

// leftOut looks for messages that the server has and did not list, in mailboxes
// whose last window was applied.
func (s *session) leftOut(ctx context.Context, now []*window, pending map[string]bool) error {
	s.forget()
	for _, w := range now {
		mb := w.mb
		if uint64(w.last)+1 < uint64(mb.remote.Status.UIDNext) || w.held || pending[mb.name] || mb.holdCursor || mb.row == nil || mb.frozen() {
			continue
		}
		n, err := s.db.Count(ctx, mb.row.ID)
		if err != nil {
			return err
		}
		if uint64(n) >= uint64(mb.changes.Cursor.Messages) {
			continue
		}
		c, err := s.pool.first(ctx)
		if err != nil {
			return err
		}
		present, err := c.Present(ctx, mb.name, s.validity(mb))
		if err == nil || errors.Is(err, remote.ErrIncomplete) {
			mb.changes.Cursor.UIDNext = w.last + 1
			err = s.foundUnknown(ctx, mb, present)
		}
		if err != nil {
			if fatal(ctx, err) {
				return err
			}
			s.freeze(mb, false, err)
		}
	}
	if len(s.newRemote) == 0 {
		return nil
	}
	more, err := s.applyNew(ctx)
	for name := range more {
		pending[name] = true
	}
	return err
}

// listWindow lists the next part of what is queued, within the budget.
func (s *session) listWindow(ctx context.Context) (now []*window, changes map[string]*remote.Changes, err error) {
	budget := s.window
	var reqs []remote.ChangesRequest
	for _, w := range s.queue {
		if budget <= 0 {
			break
		}
		n := min(budget, w.left)
		w.cut(n)
		budget -= n
		now = append(now, w)
		reqs = append(reqs, remote.ChangesRequest{Mailbox: w.mb.name, ListNew: true, First: w.next, Last: w.last})
	}
	c, err := s.pool.first(ctx)
	if err != nil {
		return nil, nil, err
	}
	changes = map[string]*remote.Changes{}
	err = c.Changes(ctx, reqs, func(ch *remote.Changes) error {
		mb := s.mailboxes[ch.Mailbox]
		if err := s.checkWindow(mb, ch); err != nil {
			s.freeze(mb, false, err)
			return nil
		}
		changes[mb.name] = ch
		if mb.changes == nil {
			mb.changes = ch
		}
		return nil
	})
	return now, changes, err
}

// listed takes new messages of a window into the view.
func (s *session) listed(ctx context.Context, mb *mailbox, ch *remote.Changes) error {
	known, err := s.rowsByUID(ctx, mb, ch)
	if err != nil {
		return err
	}
	for _, n := range ch.New {
		if row := known[n.UID]; row != nil {
			s.sawFlags(row, n.Flags)
			s.sawIdentity(row, n.EmailID)
		} else {
			s.newMessage(mb, n)
		}
	}
	return nil
}

// forget empties the view of messages; the mailboxes stay.
func (v *view) forget() {
	v.messages = map[int64]*message{}
	v.newLocal, v.newRemote, v.paired, v.touched = nil, nil, nil, nil
}

// applyNew plans and applies the new messages of the view, and then those that
// had to wait for a twin among them. It returns the mailboxes of which not
// everything was applied.
func (s *session) applyNew(ctx context.Context) (pending map[string]bool, err error) {
	pending = map[string]bool{}
	for {
		s.twins = nil
		if err := s.matchRemote(ctx); err != nil {
			return nil, err
		}
		p := s.plan()
		p.Ops = slices.DeleteFunc(p.Ops, func(o plan.Op) bool { return o.Item == nil })
		if _, err := s.apply(ctx, p); err != nil {
			return nil, err
		}
		for _, name := range s.names {
			if p.HoldsRemote(name) {
				pending[name] = true
			}
		}
		if len(s.twins) == 0 {
			return pending, nil
		}
		twins := s.twins
		s.forget()
		s.newRemote = twins
	}
}

// applyTwins does so for the messages that the cycle itself left waiting.
func (s *session) applyTwins(ctx context.Context, p *plan.Plan) error {
	if len(s.twins) == 0 {
		return nil
	}
	twins := s.twins
	s.forget()
	s.newRemote = twins
	pending, err := s.applyNew(ctx)
	for name := range pending {
		p.RemotePending[name] = true
	}
	return err
}

// holdWindows keeps the cursor of a mailbox where it is if something of its first
// part, which the cycle itself listed, waits: no later part may move it past that.
func (s *session) holdWindows(p *plan.Plan) {
	for _, w := range s.queue {
		if w.mb.holdCursor || p.HoldsRemote(w.mb.name) {
			w.held = true
		}
	}
}

// settleWindows moves the cursors past what was applied, and drops windows
// that are done from the queue.
func (s *session) settleWindows(ctx context.Context, now []*window, pending map[string]bool) error {
	var moved []*mailbox
	for _, w := range now {
		mb := w.mb
		w.next = w.last + 1
		w.held = w.held || mb.row == nil || mb.holdCursor || pending[mb.name] || mb.frozen()
		if w.held {
			continue
		}
		ch := mb.changes
		if w.cursor.UIDValidity == 0 {
			w.cursor = ch.Cursor
		}
		mb.row.Cursor = w.cursor
		mb.row.Cursor.UIDNext = w.next
		s.learnPermanent(mb)
		if ch.MailboxID != "" {
			mb.row.MailboxID = ch.MailboxID
		}
		if w.done() {
			mb.remote.Status = mb.row.Cursor
		}
		moved = append(moved, mb)
	}
	s.queue = slices.DeleteFunc(s.queue, (*window).done)
	if len(moved) == 0 {
		return nil
	}
	return s.db.Update(context.WithoutCancel(ctx), func(tx *state.Tx) error {
		for _, mb := range moved {
			if err := tx.PutMailbox(mb.row); err != nil {
				return fmt.Errorf("settle %s: %w", mb.name, err)
			}
		}
		return nil
	})
}
