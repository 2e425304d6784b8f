package sync

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// APPENDUID and COPYUID (RFC 4315 §3) spare a look for what was just put on the
// server. Servers leave them out, send 0, or name another message: then a row
// of the base would stand for a message that it is not, which would be lost
// on disk. So what they say is believed only as far as nothing speaks against
// it; otherwise the message is found by what it holds.
//
// Where mailboxes are labels, a message may well end at the UID of one that is
// there already, which is the same then; see merged.

// misplaced finds rows that this run gave a UID by APPENDUID or COPYUID which is
// another message's. It looks at those that have another size than was sent; and
// a message that is new in the mailbox, and that nobody expected, may be the one
// that was put there: then at those of its size.
func (s *session) misplaced(ctx context.Context, mb *mailbox, known map[mail.UID]*state.Message, strangers []remote.NewMessage) error {
	var odd []*resized
	told := func(uid mail.UID, has bool, size int64) {
		if row := known[uid]; row != nil && has && size != row.Size {
			odd = append(odd, &resized{row: row, told: size})
		}
	}
	for _, n := range mb.changes.Named {
		told(n.UID, n.HasSize, n.Size)
	}
	// A mailbox that this run made is listed from the start, with what went up there.
	for _, n := range mb.changes.New {
		told(n.UID, n.HasMeta, n.Size)
	}
	// What has a UID from before this run is none that the run put there.
	strangers = slices.DeleteFunc(strangers, func(n remote.NewMessage) bool { return n.UID < mb.cursorOf().UIDNext })
	if mb.row == nil || mb.detached || len(strangers)+len(odd) == 0 || s.pool.shares() {
		return nil
	}
	if err := s.recallSizes(ctx); err != nil {
		return err
	}
	others, err := s.learnAltered(ctx, mb, odd, len(strangers) > 0)
	if err != nil {
		return err
	}
	s.mu.Lock()
	var ours []mail.UID
	if o := s.put[mb.row.ID]; o != nil {
		ours = slices.Clone(o.uids)
	}
	s.mu.Unlock()
	rows := map[mail.UID]*state.Message{}
	var look mail.UIDSet
	err = s.db.Among(ctx, mb.row.ID, mail.UIDSetOf(ours), func(row *state.Message) error {
		resized := slices.ContainsFunc(odd, func(r *resized) bool { return r.row.UID == row.UID })
		if resized && s.sizes != sizesInexact && !others[row.UID] {
			return nil // it is what was put there, altered
		}
		if resized || slices.ContainsFunc(strangers, func(n remote.NewMessage) bool { return !n.HasMeta || s.mayHaveSize(row.Size, n.Size) }) {
			rows[row.UID] = row
			look = mail.AppendUID(look, row.UID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(look) == 0 {
		return nil
	}
	c, err := s.pool.first(ctx)
	if err != nil {
		return err
	}
	found, err := c.Describe(ctx, mb.name, mb.changes.Cursor.UIDValidity, look)
	if err != nil {
		return err
	}
	for _, n := range found {
		row := rows[n.UID]
		delete(rows, n.UID)
		if row != nil && n.Size != row.Size && s.sizes == "" {
			if err := s.trySize(ctx, mb, n.UID, n.Size); err != nil {
				return err
			}
		}
		if row != nil && (others[n.UID] || !s.mayHaveSize(row.Size, n.Size) || row.Date != 0 && n.Date != row.Date) {
			s.evict(row)
			s.newMessage(mb, n)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	// There may be no such message, or FETCH left it out; uploaded once more it
	// would be there twice.
	present := mb.changes.Present
	if !mb.changes.HasPresent {
		s.relisted = nil
		present, err = c.Present(ctx, mb.name, mb.changes.Cursor.UIDValidity)
		if err != nil {
			if fatal(ctx, err) {
				return err
			}
			s.log.Debug("uploads not confirmed", "mailbox", mb.name, "err", err)
			return nil
		}
	}
	for uid, row := range rows {
		if !present.Contains(uid) {
			s.evict(row)
		}
	}
	return nil
}

// evict voids the pair of a misplaced row, as if UIDVALIDITY had changed for it
// alone.
func (s *session) evict(row *state.Message) {
	s.evicted = append(s.evicted, row.ID)
	s.removed(row)
	s.message(row).detached = true
}

// taken reports whether another message of the base has the UID that the server
// gave to this one.
func (a *applier) taken(tx *state.Tx, mb *mailbox, x *laneChange) (bool, error) {
	if x.err != nil || x.uid == 0 || a.pool.shares() {
		return false, nil
	}
	var own int64
	if x.m.row != nil {
		own = x.m.row.ID
	}
	id, _, err := tx.At(mb.row.ID, x.uid)
	return id != 0 && id != own, err
}

// plausible reports whether a UID that the server gave a message just now can
// be one: not below the UIDNEXT that it named, and given out once.
func (a *applier) plausible(mb *mailbox, uid mail.UID) bool {
	if a.pool.shares() {
		return true
	}
	if uid >= mb.nextUID() && uid != ^mail.UID(0) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.given == nil {
			a.given = map[string]map[mail.UID]bool{}
		}
		if a.given[mb.name] == nil {
			a.given[mb.name] = map[mail.UID]bool{}
		}
		if !a.given[mb.name][uid] {
			a.given[mb.name][uid] = true
			return true
		}
	}
	a.rep.notice("%s: the server says that a message got a UID which is another one's; messages are looked for", mb.name)
	return false
}

// nextUID returns the UIDNEXT that was seen last.
func (mb *mailbox) nextUID() mail.UID {
	next := mb.cursorOf().UIDNext
	if mb.changes != nil {
		next = max(next, mb.changes.Cursor.UIDNext)
	}
	return next
}
