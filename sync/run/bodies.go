package run

import (
	"maps"
	"slices"

	"satchel/sync/remote"
	"satchel/sync/view"
)

// Bodies asks for the messages that are still open, in the order of mailboxes and UIDs.
func Bodies[T any](r *Run, open view.ByUID[T]) []remote.BodyRequest {
	var reqs []remote.BodyRequest
	for _, name := range r.Names {
		if len(open[name]) > 0 {
			reqs = append(reqs, remote.BodyRequest{Mailbox: name, UIDValidity: r.Validity(r.Mailboxes[name]),
				UIDs: slices.Sorted(maps.Keys(open[name]))})
		}
	}
	return reqs
}
