package look

import (
	"math"
	"slices"

	"satchel/state"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// limit cuts a request for changes down to the budget, and queues the rest. It
// reports whether there is anything left to ask.
func (s *Look) limit(req *remote.ResyncRequest, mb *view.Mailbox, budget *int) bool {
	next := max(req.Known.UIDNext, 1)
	st := mb.Remote.Status
	n := int(min(st.Messages, uint32(st.UIDNext)-min(uint32(next), uint32(st.UIDNext))))
	if n > *budget && !s.divisible() {
		*budget = math.MaxInt
	}
	if n <= *budget || st.UIDNext == 0 || mb.UIDsVoid {
		*budget -= min(n, *budget)
		return true
	}
	w := &view.Window{Mailbox: mb, Next: next, Left: n}
	s.Queue = append(s.Queue, w)
	if *budget == 0 && mb.BaseCount == 0 && req.Known.UIDNext == 0 {
		return false
	}
	w.Cut(*budget)
	*budget = 0
	req.Last = w.Last
	w.Next = w.Last + 1
	return true
}

// divisible reports whether new messages may be listed in parts, as far as is
// known before the server is asked.
func (s *Look) divisible() bool {
	if s.Req.DryRun || s.Req.Full || s.Restored {
		return false
	}
	if slices.ContainsFunc(s.Intents, func(i *state.Intent) bool { return i.Kind != state.IntentExpunge }) {
		return false // what was begun may be found anywhere
	}
	for _, seen := range s.Ahead.Wait() {
		if seen.Err != nil || seen.Listing.Unsettled || len(seen.Fresh) > 0 || seen.Removed > 0 {
			return false
		}
	}
	for _, mb := range s.Mailboxes {
		if mb.LocalIncomplete || mb.Folder == nil && mb.Row != nil {
			return false // messages went from the disk
		}
	}
	return true
}
