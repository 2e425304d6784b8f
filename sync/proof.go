package sync

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/account"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// What a run proves is remembered with it (SPEC §1): that the sides agree, and
// that all mail of the server is here. Only its last cycle can tell, which found
// nothing more to do; what a cycle left open names the mailbox.

func (s *session) scopeOfRun() string {
	d := s.Account.Direction
	if len(s.Req.Mailboxes) > 0 || s.Req.Pull && d != account.Pull || s.Req.Push && d != account.Push || s.Req.DryRun {
		return ""
	}
	return s.Scope()
}

// leftOpen finds out what the cycle left open.
func (s *session) leftOpen(p *plan.Plan, again bool) {
	s.open = view.Open{Here: map[string]bool{}, There: map[string]bool{}, Kept: map[string]bool{}, Again: again}
	whole := !s.LocalIncomplete && !s.RemoteIncomplete
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		if mb.LocalIncomplete || s.Account.Direction != account.Pull && (mb.HoldStamp || p.HoldsLocal(name)) || mb.Folder == nil && mb.Remote == nil {
			s.open.Here[name] = true
		}
		if mb.Frozen() || whole && (p.LocalPending[name] && !s.Req.Pull || p.RemotePending[name] && !s.Req.Push) {
			s.open.Kept[name] = true
		}
		if mb.HoldCursor || mb.RemoteIncomplete || p.HoldsRemote(name) || mb.Remote != nil && unfetched(mb) {
			s.open.There[name] = true
		}
	}
}

// unfetched reports whether the server's mailbox holds what was not taken over. Flags
// are left to the cycle, which holds the cursor for them.
func unfetched(mb *view.Mailbox) bool {
	if mb.Row == nil {
		return true
	}
	now, known := mb.Remote.Status, mb.Row.Cursor
	return now.UIDValidity != known.UIDValidity || now.UIDNext != known.UIDNext && now.UIDNext != 0 || now.Messages != known.Messages
}

// unsettled returns the mailboxes in which the plan kept back a change that this run
// was to carry over.
func (s *session) unsettled() []string {
	list := []string{}
	only := s.Only()
	for _, name := range s.Names {
		if s.open.Kept[name] && (len(only) == 0 || slices.Contains(only, name)) {
			list = append(list, name)
		}
	}
	return list
}

// conclude says what the run proves, which ended with err.
func (s *session) conclude(ctx context.Context, err error) (state.Proof, error) {
	p := state.Proof{Scope: s.scopeOfRun()}
	if err != nil || s.open.Here == nil || s.open.Again {
		return p, nil
	}
	open := s.Unfinished
	if len(open.Pending) > 0 { // the last cycle may have seen to them
		if open, err = s.DB.Unfinished(ctx); err != nil {
			return p, err
		}
	}
	pending := open.Pending
	p.Here = len(s.open.There) == 0 && len(pending) == 0 && !s.RemoteIncomplete
	// What an account that only pushes leaves on the server is no disagreement.
	p.Agreed = (p.Here || s.Account.Direction == account.Push && len(pending) == 0 && !s.RemoteIncomplete) && len(s.open.Here) == 0 && len(s.Rep.Problems) == 0 && len(s.Braked) == 0 && !s.LocalIncomplete
	return p, nil
}

// noteSeen remembers how much the server was seen to hold of mailboxes that are
// not known to be here. Without a list of the mailboxes it has nothing to say.
func (s *session) noteSeen(tx *state.Tx, p state.Proof) error {
	if s.Joined == nil {
		return nil
	}
	seen := map[string]uint32{}
	for name, mb := range s.Joined {
		if !p.Here && mb.Remote != nil && (unfetched(mb) || s.open.There[name]) {
			seen[name] = mb.Remote.Status.Messages
		}
	}
	return tx.SetSeen(seen)
}
