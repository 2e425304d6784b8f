package remote

import (
	"context"

	"satchel/sync/remote/refusal"
	"satchel/sync/remote/resync"
	"satchel/sync/remote/wire"
)

// selectWindow is how many mailboxes are asked at once.
const selectWindow = 16

// Resync asks the mailboxes of reqs for what changed, and calls yield for
// each, in order except that mailboxes without mod-sequences may come last.
// An error of yield ends it.
//
// With QRESYNC all SELECTs are in flight together, and one mailbox costs one
// command (RFC 7162 §3.2.5); what lists new messages follows its SELECT in the
// same flight.
func (c *Conn) Resync(ctx context.Context, reqs []resync.Request, yield func(*resync.Changes) error) error {
	_, err := c.runRounds(ctx, reqs, nil, yield)
	return err
}

// ResyncThenList is Resync, and lists the mailboxes behind the questions, in
// the same flight: a message that was moved before an answer was given is in the
// list at its new place. The list is nil where it takes more than a flight, and
// when a question had to be asked once more, after it.
func (c *Conn) ResyncThenList(ctx context.Context, reqs []resync.Request, yield func(*resync.Changes) error) ([]Mailbox, error) {
	if !c.can().listStatus {
		return nil, c.Resync(ctx, reqs, yield)
	}
	li := newListing()
	flight, list := c.listCommands(li, true)
	once, err := c.runRounds(ctx, reqs, flight, yield)
	if err != nil || !once {
		return nil, err
	}
	for _, cmd := range flight {
		if err := c.wait(cmd); err != nil {
			return nil, c.dead(refusal.OpList, "", err)
		}
	}
	if list.err() != nil || li.tooMany {
		return nil, nil // ListMailboxes knows other ways
	}
	return c.listed(li, true), nil
}

// inquire runs the requests at a level, a window of them at a time. behind goes
// out with the last of them.
func (c *Conn) inquire(reqs []resync.Request, level resync.Level, behind []*command, deliver func(*asked) error) error {
	var flight []*asked
	for len(reqs) > 0 || len(flight) > 0 {
		c.link.cork()
		for len(reqs) > 0 && len(flight) < selectWindow {
			in, err := c.start(reqs[0], min(level, reqs[0].Distrust.Level()))
			reqs = reqs[1:]
			if err != nil {
				if isDead(err) {
					return c.dead(refusal.OpChanges, oldest(append(flight, in)), c.link.failure())
				}
				in.Changes = &resync.Changes{Mailbox: in.Req.Mailbox, Err: err}
			}
			flight = append(flight, in)
		}
		for ; len(reqs) == 0 && len(behind) > 0; behind = behind[1:] {
			if err := c.link.begin(behind[0]); err != nil {
				return c.dead(refusal.OpChanges, oldest(flight), err)
			}
		}
		if err := c.link.uncork(); err != nil {
			return c.dead(refusal.OpChanges, oldest(flight), err)
		}
		in := flight[0]
		flight = flight[1:]
		if in.Changes == nil {
			if err := c.finish(in); err != nil {
				return err
			}
		}
		if err := deliver(in); err != nil {
			if len(flight) > 0 {
				// Answers that nobody will read are on their way.
				c.link.kill(errClosed)
			}
			return err
		}
	}
	return nil
}

// asked is an inquiry in flight: a SELECT and what follows it.
type asked struct {
	*resync.Inquiry
	opening *selecting
	follow  []*command
}

// support is what the server can now: that an identity is refused shows only when
// it was asked for.
func (c *Conn) support() resync.Support {
	can := c.Abilities()
	return resync.Support{Level: can.Level, ESearch: can.eSearch, Identity: can.identity}
}

// start sends an inquiry.
func (c *Conn) start(req resync.Request, level resync.Level) (*asked, error) {
	sel := &selecting{mailbox: req.Mailbox, examine: req.ReadOnly}
	in, params, questions, err := resync.NewInquiry(req, level, c.support(), &sel.Opened)
	a := &asked{Inquiry: in, opening: sel}
	if err != nil {
		return a, err
	}
	if err := c.startSelect(sel, params); err != nil {
		return a, err
	}
	for _, q := range questions {
		cmd := &command{line: q.Line, untagged: q.Take}
		q.Tag = func() string { return cmd.tag }
		if err := c.link.begin(cmd); err != nil {
			return a, c.dead(refusal.OpChanges, req.Mailbox, err)
		}
		a.follow = append(a.follow, cmd)
	}
	return a, nil
}

// finish waits for the answers and has them judged.
func (c *Conn) finish(in *asked) error {
	if err := c.wait(in.opening.cmd); err != nil {
		return c.dead(refusal.OpChanges, in.Req.Mailbox, err)
	}
	var refused error
	for i, cmd := range in.follow {
		if err := c.wait(cmd); err != nil {
			return c.dead(refusal.OpChanges, in.Req.Mailbox, err)
		}
		if refused == nil && i < in.Needed {
			refused = cmd.err()
		}
	}
	in.Judge(c.settle(in.opening), refused)
	return nil
}

// lookAt fetches the flags of the messages that the searches point to.
func (c *Conn) lookAt(list []*asked) error {
	var steps []*step
	for _, in := range list {
		v := &visit{mailbox: in.Req.Mailbox, uidValidity: in.Changes.Cursor.UIDValidity}
		for _, set := range wire.FormatSets(in.Look, wire.SetRoom("UID FETCH ", " (UID FLAGS)")) {
			steps = append(steps, &step{visit: v, line: "UID FETCH " + set + " (UID FLAGS)", setup: func(st *step) { st.cmd.untagged = in.TakeLook }})
		}
	}
	if err := c.fly(refusal.OpMessages, steps, nil, nil); err != nil {
		return err
	}
	failed := failures(steps)
	for _, in := range list {
		if err := failed[in.Req.Mailbox]; err != nil {
			in.Changes.Err = err
			continue
		}
		in.EndLook()
	}
	return nil
}

// oldest is the mailbox of the first request that has no answer yet.
func oldest(flight []*asked) string {
	for _, in := range flight {
		if in.Changes == nil {
			return in.Req.Mailbox
		}
	}
	return ""
}
