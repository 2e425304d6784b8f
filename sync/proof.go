package sync

import (
	"context"
	"fmt"
	"slices"

	"satchel/state"
	"satchel/sync/plan"
)

// What a run proves is remembered with it (SPEC §1): that the sides agree, and
// that all mail of the server is here. Only its last cycle can tell, which found
// nothing more to do; what a cycle left open names the mailbox.

// scope says what a run on the whole account covers, in all the directions that the
// account goes; a run on less has none. A configuration that includes other
// mailboxes, or goes other ways, has another one.
func (e *env) scope() string {
	s := fmt.Sprintf("include %q exclude %q", e.account.Include, e.account.Exclude)
	if d := e.account.Direction; d == Pull || d == Push {
		s += " " + string(d)
	}
	return s
}

func (s *session) scopeOfRun() string {
	d := s.account.Direction
	if len(s.req.Mailboxes) > 0 || s.req.Pull && d != Pull || s.req.Push && d != Push || s.req.DryRun {
		return ""
	}
	return s.scope()
}

// open is what a cycle left open, by mailbox: changes that one side has and the
// other does not. What an account that goes one way keeps back is not open: no
// run will ever carry it over.
type open struct {
	here, there map[string]bool // seen on disk, or on the server
	again       bool            // changes still came
	// kept are the mailboxes that could not be looked at, and those of which the
	// plan left something out although both sides were seen whole: a right or a
	// policy keeps it. What others
	// change meanwhile is the next run's, and no failure of this one.
	kept map[string]bool
}

// leftOpen finds out what the cycle left open.
func (s *session) leftOpen(p *plan.Plan, again bool) {
	s.open = open{here: map[string]bool{}, there: map[string]bool{}, kept: map[string]bool{}, again: again}
	whole := !s.localBlind && !s.remoteBlind
	for _, name := range s.names {
		mb := s.mailboxes[name]
		if mb.blindLocal || s.account.Direction != Pull && (mb.holdStamp || p.HoldsLocal(name)) || mb.folder == nil && mb.remote == nil {
			s.open.here[name] = true
		}
		if mb.frozen() || whole && (p.LocalPending[name] && !s.req.Pull || p.RemotePending[name] && !s.req.Push) {
			s.open.kept[name] = true
		}
		if mb.holdCursor || mb.blindRemote || p.HoldsRemote(name) || mb.remote != nil && mb.unfetched() {
			s.open.there[name] = true
		}
	}
}

// unfetched reports whether the server's mailbox holds what was not taken over. Flags
// are left to the cycle, which holds the cursor for them.
func (mb *mailbox) unfetched() bool {
	if mb.row == nil {
		return true
	}
	now, known := mb.remote.Status, mb.row.Cursor
	return now.UIDValidity != known.UIDValidity || now.UIDNext != known.UIDNext && now.UIDNext != 0 || now.Messages != known.Messages
}

// unsettled returns the mailboxes in which the plan kept back a change that this run
// was to carry over.
func (s *session) unsettled() []string {
	list := []string{}
	only := s.only()
	for _, name := range s.names {
		if s.open.kept[name] && (len(only) == 0 || slices.Contains(only, name)) {
			list = append(list, name)
		}
	}
	return list
}

// conclude says what the run proves, which ended with err.
func (s *session) conclude(ctx context.Context, err error) (state.Proof, error) {
	p := state.Proof{Scope: s.scopeOfRun()}
	if err != nil || s.open.here == nil || s.open.again {
		return p, nil
	}
	pending := s.pending
	if len(pending) > 0 { // the last cycle may have seen to them
		if pending, err = s.db.PendingMailboxes(ctx); err != nil {
			return p, err
		}
	}
	p.Here = len(s.open.there) == 0 && len(pending) == 0 && !s.remoteBlind
	// What an account that only pushes leaves on the server is no disagreement.
	p.Agreed = (p.Here || s.account.Direction == Push && len(pending) == 0 && !s.remoteBlind) && len(s.open.here) == 0 && len(s.rep.Problems) == 0 && len(s.braked) == 0 && !s.localBlind
	return p, nil
}

// noteSeen remembers how much the server was seen to hold of mailboxes that are
// not known to be here. Without a list of the mailboxes it has nothing to say.
func (s *session) noteSeen(tx *state.Tx, p state.Proof) error {
	if s.joined == nil {
		return nil
	}
	seen := map[string]uint32{}
	for name, mb := range s.joined {
		if !p.Here && mb.remote != nil && (mb.unfetched() || s.open.there[name]) {
			seen[name] = mb.remote.Status.Messages
		}
	}
	return tx.SetSeen(seen)
}
