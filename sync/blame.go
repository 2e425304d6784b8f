package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// A server may end the session at something damaged in its store, each time
// that it is asked for it. A run that ended with that would end there for
// ever. So it goes on over a new connection, and asks for less at a time until
// what is damaged has a name; that is set aside, and the rest goes on. A cut
// that does not come again at the same place was the network's, and nobody is
// blamed. The next run knows the names, and tries a few of them once more: those that
// no run tried for longest.

const (
	// maxEnded is how many connections a run may lose at what it reads.
	maxEnded = 32
	// maxEndedIn is how many of them it may lose in one mailbox.
	maxEndedIn = 12
	// maxKnown is how many messages of which an earlier run knows that they end
	// the session a run tries again.
	maxKnown = 4
)

// blame is what a run has found out about what a server cannot stand. Workers
// change it; session.mu guards it.
type blame struct {
	ended   int              // connections
	opening map[string]int   // how often one ended when a mailbox was opened or asked for; "": at the list
	reading map[string]int   // how often one ended at messages of a mailbox
	aside   map[string]error // mailboxes that this run leaves alone
	tried   map[fault]bool   // messages that an earlier run knew of, and this one asks for
	caught  map[fault]bool   // messages
	sound   map[fault]bool   // what an earlier run knew of, and is mended
}

// What is remembered, as the fault of a mailbox.
const (
	faultEnds    = "ends the session"
	faultMessage = "message "
)

// messageFault is the fault of a message that ends the session.
func messageFault(key asideKey) fault {
	return fault{key.mailbox, fmt.Sprintf("%s%d/%d", faultMessage, key.validity, key.uid)}
}

// mayLose counts a connection that ended in a mailbox at count, and reports
// whether the run has others to spend on it. session.mu is held.
func (b *blame) mayLose(count *map[string]int, mailbox string) (n int, ok bool) {
	if *count == nil {
		*count = map[string]int{}
	}
	if b.ended >= maxEnded {
		return 0, false
	}
	b.ended++
	(*count)[mailbox]++
	return (*count)[mailbox], true
}

// blames sees to a connection that the server ended while it was read from, and
// reports whether the run goes on: the first time as if nothing had been, the
// second time without what it ended at.
func (s *session) blames(ctx context.Context, err error) bool {
	at, ok := remote.EndedAt(err)
	if !ok || ctx.Err() != nil || s.pool.gaveUp() {
		return false
	}
	s.mu.Lock()
	n, ok := s.blame.mayLose(&s.blame.opening, at.Mailbox)
	s.mu.Unlock()
	if !ok {
		return false
	}
	s.log.Warn("the server ended the connection", "mailbox", at.Mailbox, "err", err)
	if !s.since(fault{at.Mailbox, faultEnds}).IsZero() {
		n++
	}
	switch {
	case n < 2:
	case at.Mailbox != "":
		s.leaveAlone(at.Mailbox, err)
	case slices.Contains(s.pool.client.Distrusted(), remote.ListStatus):
		return false // also the bare list ends it
	default:
		s.pool.client.Distrust(remote.ListStatus)
	}
	return true
}

// leaveAlone sets a mailbox aside for the rest of the run.
func (s *session) leaveAlone(mailbox string, err error) {
	s.pool.client.SetAside(mailbox)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blame.aside == nil {
		s.blame.aside = map[string]error{}
	}
	s.blame.aside[mailbox] = &mail.Error{Op: "open mailbox", Mailbox: mailbox, Kind: mail.KindMailbox,
		Hint: "nothing was lost, and removals may wait; tell the administrator of the server, or exclude the mailbox until it is mended",
		Err:  fmt.Errorf("the server ends the session whenever it is asked for this mailbox: %w", endedBy(err))}
}

// endedBy is the cause of an error, without the claim that all connections are
// bad, which it made where it came from.
func endedBy(err error) error {
	for next := err; next != nil; next = errors.Unwrap(next) {
		var e *mail.Error
		if !errors.As(next, &e) {
			return next
		}
	}
	return err
}

// leftAlone returns why the run leaves a mailbox alone; nil for the others.
func (s *session) leftAlone(mailbox string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blame.aside[mailbox]
}

// freezeAside keeps the mailboxes as they are that the run leaves alone.
func (s *session) freezeAside() {
	for _, name := range s.names {
		err := s.leftAlone(name)
		if err == nil {
			continue
		}
		mb := s.mailboxes[name]
		s.freeze(mb, false, err)
		if mb.row != nil && mb.remote != nil && mb.remote.Status.UIDValidity == 0 {
			s.remoteBlind = true // what is missing elsewhere may have been moved there
		}
	}
}

// known reports whether an earlier run could not fetch a message because the
// server ended the session, or refused.
func (a *applier) known(op *plan.Op) bool { return !a.triedAt(op).IsZero() }

// triedAt returns when a run last failed at a message; zero when none did.
func (a *applier) triedAt(op *plan.Op) time.Time { return a.since(messageFault(a.asideKey(op))) }

// catch sets a message aside that the server cannot give.
func (a *applier) catch(op *plan.Op, why string, err error) {
	key := a.asideKey(op)
	a.mu.Lock()
	if a.blame.caught == nil {
		a.blame.caught = map[fault]bool{}
	}
	a.blame.caught[messageFault(key)] = true
	a.mu.Unlock()
	a.setAside(op, &mail.Error{Op: "fetch", Mailbox: op.Mailbox, UID: key.uid, Kind: mail.KindMessage,
		Hint: "everything else is synced; the message is damaged on the server: tell its administrator, or remove it there",
		Err:  fmt.Errorf("%s: %w", why, endedBy(err))})
}

// clear notes that a message came that an earlier run could not fetch.
func (a *applier) clear(op *plan.Op) {
	f := messageFault(a.asideKey(op))
	if a.since(f).IsZero() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.blame.sound == nil {
		a.blame.sound = map[fault]bool{}
	}
	a.blame.sound[f] = true
}

// rememberBlame keeps the names for the next run, and drops those of what is
// mended, or not there any more.
func (s *session) rememberBlame(tx *state.Tx) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.blame.caught {
		if s.distrust[f].IsZero() || s.blame.tried[f] {
			s.distrust[f] = s.start
		}
	}
	for mailbox := range s.blame.aside {
		if f := (fault{mailbox, faultEnds}); s.distrust[f].IsZero() {
			s.distrust[f] = s.start
		}
	}
	for f := range s.distrust {
		if f.what == faultEnds && s.blame.aside[f.mailbox] == nil && s.answered(f.mailbox) || s.blame.sound[f] {
			delete(s.distrust, f)
			if err := tx.DropDistrust(state.Distrust{Mailbox: f.mailbox, Fault: f.what}); err != nil {
				return err
			}
		}
	}
	return nil
}

// answered reports whether the server told something of a mailbox in the last
// cycle, or that it does not have it.
func (s *session) answered(mailbox string) bool {
	mb := s.joined[mailbox]
	return s.boxes != nil && s.wanted(mailbox) && (mb == nil || mb.remote == nil || mb.changes != nil || mb.remote.Status.UIDValidity != 0 && !mb.blindRemote)
}

// lostReading counts the connections that ended while they were read from.
func (s *session) lostReading() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blame.ended
}
