package look

import (
	"cmp"
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// What a run itself puts into a mailbox it need not be told again: the cycle
// that confirms it asks for the flags only, of uploads also for the identity
// that the server gave them.

// createdIn returns what this run did to the messages of a mailbox. s.mu is held.
func (s *Look) createdIn(mb *view.Mailbox) *view.Created {
	o := s.Created[mb.Row.ID]
	if o == nil {
		o = &view.Created{Unseen: map[mail.UID]mail.Flags{}, Taken: map[mail.UID]bool{}}
		s.Created[mb.Row.ID] = o
	}
	return o
}

// NoteRemoved notes that this run removed a message from a mailbox of the server. Called
// by workers.
func (s *Look) NoteRemoved(mb *view.Mailbox, uid mail.UID) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.createdIn(mb).Taken[uid] = true
}

// Removed reports whether it did.
func (s *Look) Removed(mb *view.Mailbox, uid mail.UID) bool {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	o := s.Created[mb.Row.ID]
	return o != nil && o.Taken[uid]
}

// WantSizes notes that the messages with these UIDs, put there already, went up.
func (s *Look) WantSizes(mb *view.Mailbox, uids []mail.UID) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if o := s.Created[mb.Row.ID]; o != nil {
		o.Sent = append(o.Sent, uids...)
	}
}

// NoteCreated notes that the message of a row is on the server because of this
// run. cleared are flags of the base that it came without. Called by workers.
func (s *Look) NoteCreated(mb *view.Mailbox, row *state.Message, moved bool, cleared mail.Flags) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	o := s.createdIn(mb)
	o.UIDs = append(o.UIDs, row.UID)
	o.Unseen[row.UID] = cleared
	if moved {
		o.Moved = append(o.Moved, row.UID)
	}
	if row.EmailID == "" {
		o.Nameless = append(o.Nameless, row.UID)
	}
}

// held completes a request for changes with what the base has beyond the
// cursor. Our own messages need not be listed. Of moves and copies the first
// and the last one are listed like anybody's: a server that tells wrong UIDs
// (COPYUID, RFC 4315 §3) shows there.
func (s *Look) held(ctx context.Context, req *remote.ResyncRequest, mb *view.Mailbox) error {
	if mb.Row == nil || mb.UIDsVoid || req.Known.UIDNext == 0 {
		return nil
	}
	var beyond []mail.UID
	err := s.DB.UIDs(ctx, mb.Row.ID, req.Known.UIDNext, func(uid mail.UID) { beyond = append(beyond, uid) })
	if err != nil || len(beyond) == 0 {
		return err
	}
	req.Held = mail.UIDSetOf(beyond)
	o := s.Created[mb.Row.ID]
	if o == nil || s.Req.Full {
		return nil
	}
	var first, last mail.UID
	for _, uid := range o.Moved {
		if uid >= req.Known.UIDNext {
			last = max(last, uid)
			first = min(cmp.Or(first, uid), uid)
		}
	}
	still := func(uids []mail.UID) mail.UIDSet {
		return mail.UIDSetOf(slices.DeleteFunc(slices.Clone(uids), func(uid mail.UID) bool {
			_, held := slices.BinarySearch(beyond, uid)
			return !held || uid == first || uid == last
		}))
	}
	req.Ours, req.Nameless, req.Grouped = still(o.UIDs), still(o.Nameless), still(o.Sent)
	return nil
}
