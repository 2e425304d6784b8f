package look

import (
	"context"
	"maps"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
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
func (s *Look) misplaced(ctx context.Context, mb *view.Mailbox, known map[mail.UID]*state.Message, strangers []remote.NewMessage) error {
	odd := resizedAmong(mb.Changes, known)
	// What has a UID from before this run is none that the run put there.
	strangers = slices.DeleteFunc(strangers, func(n remote.NewMessage) bool { return n.UID < mb.CursorOf().UIDNext })
	if mb.Row == nil || mb.UIDsVoid || len(strangers)+len(odd) == 0 || s.Pool.Shares() {
		return nil
	}
	if err := s.quirks.RecallSizes(ctx); err != nil {
		return err
	}
	others, err := s.learnAltered(ctx, mb, odd, len(strangers) > 0)
	if err != nil {
		return err
	}
	rows, err := s.maybeMisplaced(ctx, mb, odd, others, strangers)
	if err != nil || len(rows) == 0 {
		return err
	}
	if err := s.dropOthers(ctx, mb, rows, others); err != nil || len(rows) == 0 {
		return err
	}
	return s.dropAbsent(ctx, mb, rows)
}

// resizedAmong returns the known messages that have another size on the server than was
// sent. A mailbox that this run made is listed from the start, with what went up there.
func resizedAmong(ch *remote.Changes, known map[mail.UID]*state.Message) (odd []*resized) {
	told := func(uid mail.UID, has bool, size int64) {
		if row := known[uid]; row != nil && has && size != row.Size {
			odd = append(odd, &resized{row: row, told: size})
		}
	}
	for _, n := range ch.Named {
		told(n.UID, n.HasSize, n.Size)
	}
	for _, n := range ch.New {
		told(n.UID, n.HasMeta, n.Size)
	}
	return odd
}

// maybeMisplaced returns, of the rows that this run gave their UIDs, those that are to be
// looked at. What is known to be what was put there, altered, is not among them.
func (s *Look) maybeMisplaced(ctx context.Context, mb *view.Mailbox, odd []*resized, others map[mail.UID]bool, strangers []remote.NewMessage) (map[mail.UID]*state.Message, error) {
	rows := map[mail.UID]*state.Message{}
	err := s.DB.Among(ctx, mb.Row.ID, mail.UIDSetOf(s.createdUIDs(mb)), func(row *state.Message) error {
		resized := slices.ContainsFunc(odd, func(r *resized) bool { return r.row.UID == row.UID })
		if resized && s.quirks.Sizes != quirk.SizesInexact && !others[row.UID] {
			return nil
		}
		if resized || slices.ContainsFunc(strangers, func(n remote.NewMessage) bool { return !n.HasMeta || s.quirks.MayHaveSize(row.Size, n.Size) }) {
			rows[row.UID] = row
		}
		return nil
	})
	return rows, err
}

// createdUIDs returns the UIDs of a mailbox that this run filled.
func (s *Look) createdUIDs(mb *view.Mailbox) []mail.UID {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if o := s.Created[mb.Row.ID]; o != nil {
		return slices.Clone(o.UIDs)
	}
	return nil
}

// dropOthers voids the rows whose UIDs the server describes as another message's, and takes
// out of rows what it describes.
func (s *Look) dropOthers(ctx context.Context, mb *view.Mailbox, rows map[mail.UID]*state.Message, others map[mail.UID]bool) error {
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	found, err := c.FetchMetadata(ctx, mb.Name, mb.Changes.Cursor.UIDValidity, mail.UIDSetOf(slices.Sorted(maps.Keys(rows))))
	if err != nil {
		return err
	}
	for _, n := range found {
		row := rows[n.UID]
		delete(rows, n.UID)
		if row != nil && n.Size != row.Size && s.quirks.Sizes == "" {
			if err := s.quirks.TrySize(ctx, mb, n.UID, n.Size); err != nil {
				return err
			}
		}
		if row != nil && (others[n.UID] || !s.quirks.MayHaveSize(row.Size, n.Size) || row.Date != 0 && n.Date != row.Date) {
			s.dropPair(row)
			s.NewMessage(mb, n)
		}
	}
	return nil
}

// dropAbsent voids those of the rows whose UIDs the server does not list. There may be no
// such message, or FETCH left it out; uploaded once more it would be there twice.
func (s *Look) dropAbsent(ctx context.Context, mb *view.Mailbox, rows map[mail.UID]*state.Message) error {
	present := mb.Changes.Present
	if !mb.Changes.HasPresent {
		s.Relisted = nil
		c, err := s.Pool.First(ctx)
		if err != nil {
			return err
		}
		present, err = c.SearchAllUIDs(ctx, mb.Name, mb.Changes.Cursor.UIDValidity)
		if err != nil {
			if pool.Fatal(ctx, err) {
				return err
			}
			s.Log.Debug("uploads not confirmed", "mailbox", mb.Name, "err", err)
			return nil
		}
	}
	for _, uid := range slices.Sorted(maps.Keys(rows)) {
		if !present.Contains(uid) {
			s.dropPair(rows[uid])
		}
	}
	return nil
}

// dropPair voids the pair of a misplaced row, as if UIDVALIDITY had changed for it
// alone.
func (s *Look) dropPair(row *state.Message) {
	s.DroppedPairs = append(s.DroppedPairs, row.ID)
	s.removed(row)
	s.Message(row).UIDVoid = true
}
