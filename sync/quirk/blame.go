package quirk

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/run"
	"satchel/sync/view"
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
	// MaxEndedIn is how many of them it may lose in one mailbox.
	MaxEndedIn = 12
	// MaxKnown is how many messages of which an earlier run knows that they end
	// the session a run tries again.
	MaxKnown = 4
)

// blame is what a run has found out about what a server cannot stand. Workers
// change it; session.mu guards it.
type blame struct {
	ended   int                // connections
	Opening map[string]int     // how often one ended when a mailbox was opened or asked for; "": at the list
	Reading map[string]int     // how often one ended at messages of a mailbox
	aside   map[string]error   // mailboxes that this run leaves alone
	Tried   map[run.Fault]bool // messages that an earlier run knew of, and this one asks for
	Caught  map[run.Fault]bool // messages
	Sound   map[run.Fault]bool // what an earlier run knew of, and is mended
}

// MessageFault is the fault of a message that ends the session.
func MessageFault(key view.AsideKey) run.Fault {
	return run.Fault{Mailbox: key.Mailbox, What: fmt.Sprintf("%s%d/%d", run.FaultMessage, key.Validity, key.UID)}
}

// MayLose counts a connection that ended in a mailbox at count, and reports
// whether the run has others to spend on it. session.mu is held.
func (b *blame) MayLose(count *map[string]int, mailbox string) (n int, ok bool) {
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

// Blames sees to a connection that the server ended while it was read from, and
// reports whether the run goes on: the first time as if nothing had been, the
// second time without what it ended at.
func (s *Quirks) Blames(ctx context.Context, err error) bool {
	at, ok := remote.EndedAt(err)
	if !ok || ctx.Err() != nil || s.Pool.GaveUp() {
		return false
	}
	s.Mu.Lock()
	n, ok := s.Blame.MayLose(&s.Blame.Opening, at.Mailbox)
	s.Mu.Unlock()
	if !ok {
		return false
	}
	s.Log.Warn("the server ended the connection", "mailbox", at.Mailbox, "err", err)
	if !s.Since(run.Fault{Mailbox: at.Mailbox, What: run.FaultEnds}).IsZero() {
		n++
	}
	switch {
	case n < 2:
	case at.Mailbox != "":
		s.LeaveAlone(at.Mailbox, err)
	case slices.Contains(s.Pool.Client.Distrusted(), remote.ListStatus):
		return false // also the bare list ends it
	default:
		s.Pool.Client.Distrust(remote.ListStatus)
	}
	return true
}

// LeaveAlone sets a mailbox aside for the rest of the run.
func (s *Quirks) LeaveAlone(mailbox string, err error) {
	s.Pool.Client.SetAside(mailbox)
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if s.Blame.aside == nil {
		s.Blame.aside = map[string]error{}
	}
	s.Blame.aside[mailbox] = &mail.Error{Op: "open mailbox", Mailbox: mailbox, Kind: mail.KindMailbox,
		Hint: "nothing was lost, and removals may wait; tell the administrator of the server, or exclude the mailbox until it is mended",
		Err:  fmt.Errorf("the server ends the session whenever it is asked for this mailbox: %w", EndedBy(err))}
}

// EndedBy is the cause of an error, without the claim that all connections are
// bad, which it made where it came from.
func EndedBy(err error) error {
	for next := err; next != nil; next = errors.Unwrap(next) {
		var e *mail.Error
		if !errors.As(next, &e) {
			return next
		}
	}
	return err
}

// LeftAlone returns why the run leaves a mailbox alone; nil for the others.
func (s *Quirks) LeftAlone(mailbox string) error {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return s.Blame.aside[mailbox]
}

// FreezeAside keeps the mailboxes as they are that the run leaves alone.
func (s *Quirks) FreezeAside() {
	for _, name := range s.Names {
		err := s.LeftAlone(name)
		if err == nil {
			continue
		}
		mb := s.Mailboxes[name]
		s.FreezeRemote(mb, err)
		if mb.Row != nil && mb.Remote != nil && mb.Remote.Status.UIDValidity == 0 {
			s.RemoteIncomplete = true // what is missing elsewhere may have been moved there
		}
	}
}

// RememberBlame keeps the names for the next run, and drops those of what is
// mended, or not there any more.
func (s *Quirks) RememberBlame(tx *state.Tx) error {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for f := range s.Blame.Caught {
		if s.Distrust[f].IsZero() || s.Blame.Tried[f] {
			s.Distrust[f] = s.Start
		}
	}
	for mailbox := range s.Blame.aside {
		if f := (run.Fault{Mailbox: mailbox, What: run.FaultEnds}); s.Distrust[f].IsZero() {
			s.Distrust[f] = s.Start
		}
	}
	for f := range s.Distrust {
		if f.What == run.FaultEnds && s.Blame.aside[f.Mailbox] == nil && s.answered(f.Mailbox) || s.Blame.Sound[f] {
			delete(s.Distrust, f)
			if err := tx.DropDistrust(state.Distrust{Mailbox: f.Mailbox, Fault: f.What}); err != nil {
				return err
			}
		}
	}
	return nil
}

// answered reports whether the server told something of a mailbox in the last
// cycle, or that it does not have it.
func (s *Quirks) answered(mailbox string) bool {
	mb := s.Joined[mailbox]
	return s.Boxes != nil && s.Wanted(mailbox) && (mb == nil || mb.Remote == nil || mb.Changes != nil || mb.Remote.Status.UIDValidity != 0 && !mb.RemoteIncomplete)
}

// LostReading counts the connections that ended while they were read from.
func (s *Quirks) LostReading() int {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return s.Blame.ended
}
