package remote

import (
	"errors"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
)

// fetchWindow is how many commands of a reading flight are under way.
const fetchWindow = 16

// visit is a mailbox that a flight reads from.
type visit struct {
	mailbox     string
	uidValidity mail.UIDValidity
	sel         *selecting // nil: it was open already
	settled     bool
	err         error // why nothing of it may be used
}

// step is one FETCH of a visit. The first step of a visit opens the mailbox.
type step struct {
	visit *visit
	line  string
	cmd   *command
	only  mail.UID    // the one message that it asks for; 0: there may be more
	setup func(*step) // sets cmd's functions
	done  func(*step) error
}

// fly sends the steps, a window of them at a time, and takes the events that
// the reading goroutine hands over. A mailbox is opened by EXAMINE in the
// same flight; what then comes from a mailbox that could not be opened, or
// that is not the one that was meant, is not to be used: see usable.
func (c *Conn) fly(op string, steps []*step, events <-chan *bodyEvent, handle func(*bodyEvent) error) error {
	var flight []*step
	for len(steps) > 0 || len(flight) > 0 {
		c.link.cork()
		for len(steps) > 0 && len(flight) < c.link.window(fetchWindow) {
			if err := c.launch(op, steps[0]); err != nil {
				if len(flight) > 0 && isDead(err) {
					return c.endedIn(op, flight[0])
				}
				return err
			}
			if steps[0].cmd != nil {
				flight = append(flight, steps[0])
			}
			steps = steps[1:]
		}
		if err := c.link.uncork(); err != nil {
			if len(flight) > 0 {
				return c.endedIn(op, flight[0])
			}
			return c.dead(op, "", err)
		}
		if len(flight) == 0 {
			continue
		}
		select {
		case ev := <-events:
			err := handle(ev)
			close(ev.done)
			if err != nil {
				if cause := c.link.failure(); cause != nil && errors.Is(err, cause) {
					return c.dead(op, ev.step.visit.mailbox, cause)
				}
				// The rest of the flight is on its way and nobody takes it.
				c.link.kill(errClosed)
				return err
			}
		case <-flight[0].cmd.done:
			st := flight[0]
			flight = flight[1:]
			c.link.waited(st.cmd)
			c.usable(st.visit)
			if st.done != nil {
				if err := st.done(st); err != nil {
					c.link.kill(errClosed)
					return err
				}
			}
		case <-c.link.dead:
			return c.endedIn(op, flight[0])
		}
	}
	return nil
}

// endedIn is the end of the connection when st was the oldest step without an
// answer: unless its mailbox was open by then, opening it was.
func (c *Conn) endedIn(op string, st *step) error {
	if v := st.visit; !v.settled && v.sel != nil && !v.sel.cmd.finished() {
		op = refusal.OpExamine
	}
	return c.dead(op, st.visit.mailbox, c.link.failure())
}

// launch sends a step, behind an EXAMINE when the mailbox is not open.
func (c *Conn) launch(op string, st *step) error {
	v := st.visit
	if !v.settled && v.sel == nil {
		if c.selected.mailbox == v.mailbox && c.selected.uidValidity == v.uidValidity {
			v.settled = true
		} else {
			v.sel = &selecting{mailbox: v.mailbox, examine: true}
			if err := c.startSelect(v.sel, ""); err != nil {
				if isDead(err) {
					return err
				}
				v.settled, v.err = true, err
			}
		}
	}
	if v.settled && v.err != nil {
		return nil // known to be of no use
	}
	st.cmd = &command{line: st.line}
	st.setup(st)
	if err := c.link.begin(st.cmd); err != nil {
		return c.dead(op, v.mailbox, err)
	}
	return nil
}

// usable reports whether the right mailbox was open when a FETCH of the
// visit was answered. Its EXAMINE was answered before.
func (c *Conn) usable(v *visit) bool {
	if !v.settled {
		if err := c.wait(v.sel.cmd); err != nil {
			v.err = c.dead(refusal.OpExamine, v.mailbox, err)
		} else if err := c.settle(v.sel); err != nil {
			v.err = err
		} else if v.uidValidity != 0 && v.sel.Cursor.UIDValidity != v.uidValidity {
			v.err = refusal.ForMailbox("examine", v.mailbox, mail.ErrUIDValidityChanged)
		}
		v.settled = true
	}
	return v.err == nil
}

// failures gathers, by mailbox, why something is missing.
func failures(steps []*step) map[string]error {
	failed := map[string]error{}
	for _, st := range steps {
		err := st.visit.err
		if err == nil && st.cmd != nil && st.cmd.done != nil && st.cmd.finished() {
			err = refusal.ForMailbox("fetch", st.visit.mailbox, st.cmd.err())
		}
		if err != nil && failed[st.visit.mailbox] == nil {
			failed[st.visit.mailbox] = err
		}
	}
	return failed
}
