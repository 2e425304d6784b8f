package remote

import (
	"context"

	"satchel/sync/remote/refusal"
)

// rounds asks mailboxes for their changes until each has an answer: one that
// fails, or is not to be believed, is asked once more in another way. Every
// request ends in exactly one answer, if only in an error: a mailbox that is
// left out would count as unchanged.
type rounds struct {
	c       *Conn
	yield   func(*Changes) error
	waiting [QResync + 1][]ChangesRequest // by the level at which they are to be asked
	looking []*inquiry                    // answered but for the flags that a search pointed to
	caught  map[string]Doubts
	plain   map[string]int // how often a mailbox was sent on to be asked in plain words
	// blamed are mailboxes that are asked without an identity, because it may be
	// why they were refused; helped: that was the reason for one of them.
	blamed map[string]bool
	helped bool
}

// changes sends behind with the last of the questions, and reports whether each
// was asked once.
func (c *Conn) changes(ctx context.Context, reqs []ChangesRequest, behind []*command, yield func(*Changes) error) (once bool, err error) {
	defer c.guard(ctx)()
	if len(reqs) == 0 {
		return false, nil
	}
	if err := c.ensureEnabled(); err != nil {
		return false, err
	}
	r := &rounds{c: c, yield: yield, caught: map[string]Doubts{}, plain: map[string]int{}, blamed: map[string]bool{}}
	if err := c.inquire(reqs, c.Level(), behind, r.deliver); err != nil {
		return false, err
	}
	once = len(r.looking) == 0
	for level := QResync; ; {
		switch reqs := r.waiting[level]; {
		case len(reqs) > 0:
			once = false
			r.waiting[level] = nil
			if err := c.inquire(reqs, level, nil, r.deliver); err != nil {
				return false, err
			}
			level = QResync // what was sent on may have to be asked at any level
		case level == Plain:
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
		if err := r.yield(in.changes); err != nil {
			return err
		}
	}
	return nil
}

// ask has a mailbox asked once more.
func (r *rounds) ask(level Level, req ChangesRequest) error {
	r.waiting[level] = append(r.waiting[level], req)
	return nil
}

// deliver takes the answer of one mailbox.
func (r *rounds) deliver(in *inquiry) error {
	name := in.req.Mailbox
	switch {
	case in.refused != nil && in.identity && (r.c.cl.identityRefused() || r.c.refusedIdentity(in.refused)):
		r.blamed[name] = true
		return r.ask(in.level, in.req)
	case in.needsPlain && in.req.reconsidered && in.level == Plain && in.searches == nil:
		in.changes.Err = refusal.ForMailbox(opMessages, name, ErrIncomplete)
	case in.needsPlain:
		r.caught[name] |= in.doubts
		// Searches that lead nowhere are tried once more, then the flags are
		// fetched, which leads on.
		in.req.reconsidered = in.req.reconsidered || r.plain[name] > 0
		r.plain[name]++
		return r.ask(Plain, in.req)
	case len(in.look) > 0 && in.changes.Err == nil && !in.changes.UIDValidityChanged:
		in.changes.Doubts |= r.caught[name] | in.doubts
		r.looking = append(r.looking, in)
		return nil
	case in.sel != nil && in.sel.garbled && in.level == QResync:
		// What is gone is then found by looking at what is there.
		r.c.log.Warn("unreadable VANISHED; comparing UIDs instead", "mailbox", name)
		r.caught[name] |= DoubtVanished
		in.req.Expunges = true
		return r.ask(Condstore, in.req)
	}
	in.changes.Doubts |= r.caught[name] | in.doubts
	r.helped = r.helped || r.blamed[name] && in.changes.Err == nil
	return r.yield(in.changes)
}
