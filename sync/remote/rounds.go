package remote

import (
	"context"

	"satchel/sync/remote/refusal"
	"satchel/sync/remote/resync"
)

// rounds asks mailboxes for their changes until each has an answer: one that
// fails, or is not to be believed, is asked once more in another way. Every
// request ends in exactly one answer, if only in an error: a mailbox that is
// left out would count as unchanged.
type rounds struct {
	c       *Conn
	yield   func(*resync.Changes) error
	waiting [resync.QResync + 1][]resync.Request // by the level at which they are to be asked
	looking []*asked                             // answered but for the flags that a search pointed to
	caught  map[string]resync.Doubts
	plain   map[string]int // how often a mailbox was sent on to be asked in plain words
	// blamed are mailboxes that are asked without an identity, because it may be
	// why they were refused; helped: that was the reason for one of them.
	blamed map[string]bool
	helped bool
}

// runRounds sends behind with the last of the questions, and reports whether each
// was asked once.
func (c *Conn) runRounds(ctx context.Context, reqs []resync.Request, behind []*command, yield func(*resync.Changes) error) (once bool, err error) {
	defer c.guard(ctx)()
	if len(reqs) == 0 {
		return false, nil
	}
	if err := c.ensureEnabled(); err != nil {
		return false, err
	}
	r := &rounds{c: c, yield: yield, caught: map[string]resync.Doubts{}, plain: map[string]int{}, blamed: map[string]bool{}}
	if err := c.inquire(reqs, c.Abilities().Level, behind, r.deliver); err != nil {
		return false, err
	}
	once = len(r.looking) == 0
	for level := resync.QResync; ; {
		switch reqs := r.waiting[level]; {
		case len(reqs) > 0:
			once = false
			r.waiting[level] = nil
			if err := c.inquire(reqs, level, nil, r.deliver); err != nil {
				return false, err
			}
			level = resync.QResync // what was sent on may have to be asked at any level
		case level == resync.Plain:
			return once, r.look()
		default:
			level--
		}
	}
}

// look ends what a search pointed to.
func (r *rounds) look() error {
	if len(r.blamed) > 0 && !r.helped {
		r.c.cl.refuseIdentity(false) // they are refused without it as well
	}
	if err := r.c.lookAt(r.looking); err != nil {
		return err
	}
	for _, in := range r.looking {
		if err := r.yield(in.Changes); err != nil {
			return err
		}
	}
	return nil
}

// ask has a mailbox asked once more.
func (r *rounds) ask(level resync.Level, req resync.Request) error {
	r.waiting[level] = append(r.waiting[level], req)
	return nil
}

// deliver takes the answer of one mailbox.
func (r *rounds) deliver(in *asked) error {
	name := in.Req.Mailbox
	switch {
	case in.Refused != nil && in.Identity && (r.c.cl.identityRefused() || r.c.refusedIdentity(in.Refused)):
		r.blamed[name] = true
		return r.ask(in.Level, in.Req)
	case in.NeedsPlain && in.Exhausted():
		in.Changes.Err = refusal.ForMailbox(refusal.OpMessages, name, resync.ErrIncomplete)
	case in.NeedsPlain:
		r.caught[name] |= in.Doubts
		// Searches that lead nowhere are tried once more, then the flags are
		// fetched, which leads on.
		in.Req.Reconsidered = in.Req.Reconsidered || r.plain[name] > 0
		r.plain[name]++
		return r.ask(resync.Plain, in.Req)
	case len(in.Look) > 0 && in.Changes.Err == nil && !in.Changes.UIDValidityChanged:
		in.Changes.Doubts |= r.caught[name] | in.Doubts
		r.looking = append(r.looking, in)
		return nil
	case in.Sel != nil && in.Sel.Garbled && in.Level == resync.QResync:
		// What is gone is then found by looking at what is there.
		r.c.log.Warn("unreadable VANISHED; comparing UIDs instead", "mailbox", name)
		r.caught[name] |= resync.DoubtVanished
		in.Req.Expunges = true
		return r.ask(resync.Condstore, in.Req)
	}
	in.Changes.Doubts |= r.caught[name] | in.Doubts
	r.helped = r.helped || r.blamed[name] && in.Changes.Err == nil
	return r.yield(in.Changes)
}
