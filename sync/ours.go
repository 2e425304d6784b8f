package sync

import (
	"cmp"
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// What a run itself puts into a mailbox it need not be told again: the cycle
// that confirms it asks for the flags only, of uploads also for the identity
// that the server gave them.

// ours are UIDs of one mailbox that this run filled and noted in the base.
type ours struct {
	uids     []mail.UID
	moved    []mail.UID // those of them that were on the server before, elsewhere
	nameless []mail.UID // those of them whose identity is not known
	// sent are those that went up. Their sizes show whether the server altered
	// them, and whether each has its own UID, where a command told a set of them.
	sent []mail.UID
	// unseen are those that the server has not shown since, with the flags of the
	// base that it showed them without before; see arrived.
	unseen map[mail.UID]mail.Flags
	// taken are UIDs of messages that this run removed from the mailbox.
	taken map[mail.UID]bool
}

// oursIn returns what this run did to the messages of a mailbox. s.mu is held.
func (s *session) oursIn(mb *mailbox) *ours {
	o := s.put[mb.row.ID]
	if o == nil {
		o = &ours{unseen: map[mail.UID]mail.Flags{}, taken: map[mail.UID]bool{}}
		s.put[mb.row.ID] = o
	}
	return o
}

// takeOut notes that this run removed a message from a mailbox of the server. Called
// by workers.
func (s *session) takeOut(mb *mailbox, uid mail.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oursIn(mb).taken[uid] = true
}

// tookOut reports whether it did.
func (s *session) tookOut(mb *mailbox, uid mail.UID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.put[mb.row.ID]
	return o != nil && o.taken[uid]
}

// wantSizes notes that the messages with these UIDs, put there already, went up.
func (s *session) wantSizes(mb *mailbox, uids []mail.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.put[mb.row.ID]; o != nil {
		o.sent = append(o.sent, uids...)
	}
}

// putThere notes that the message of a row is on the server because of this
// run. cleared are flags of the base that it came without. Called by workers.
func (s *session) putThere(mb *mailbox, row *state.Message, moved bool, cleared mail.Flags) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.oursIn(mb)
	o.uids = append(o.uids, row.UID)
	o.unseen[row.UID] = cleared
	if moved {
		o.moved = append(o.moved, row.UID)
	}
	if row.EmailID == "" {
		o.nameless = append(o.nameless, row.UID)
	}
}

// held completes a request for changes with what the base has beyond the
// cursor. Our own messages need not be listed. Of moves and copies the first
// and the last one are listed like anybody's: a server that tells wrong UIDs
// (COPYUID, RFC 4315 §3) shows there.
func (s *session) held(ctx context.Context, req *remote.ChangesRequest, mb *mailbox) error {
	if mb.row == nil || mb.detached || req.Known.UIDNext == 0 {
		return nil
	}
	var beyond []mail.UID
	err := s.db.UIDs(ctx, mb.row.ID, req.Known.UIDNext, func(uid mail.UID) { beyond = append(beyond, uid) })
	if err != nil || len(beyond) == 0 {
		return err
	}
	req.Held = mail.UIDSetOf(beyond)
	o := s.put[mb.row.ID]
	if o == nil || s.req.Full {
		return nil
	}
	var first, last mail.UID
	for _, uid := range o.moved {
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
	req.Ours, req.Nameless, req.Grouped = still(o.uids), still(o.nameless), still(o.sent)
	return nil
}
