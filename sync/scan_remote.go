package sync

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// askRemote fetches the changes of all mailboxes whose LIST-STATUS differs
// from the cursor, pipelined. A mailbox whose UIDVALIDITY changed is asked
// again from the start.
func (s *session) askRemote(ctx context.Context) error {
	var reqs []remote.ChangesRequest
	budget := s.budget()
	for _, name := range s.names {
		mb := s.mailboxes[name]
		if mb.blindRemote || mb.remote == nil || !s.dirtyRemote(mb) {
			continue
		}
		known := mb.cursorOf()
		if s.req.Full {
			known = mail.Cursor{UIDValidity: known.UIDValidity} // all is reported anew
		}
		req := remote.ChangesRequest{
			Mailbox: name, Known: known, ReadOnly: s.req.DryRun, ListNew: true,
			Expunges: mb.again || known.UIDNext == 0 || known.UIDNext != mb.remote.Status.UIDNext || known.Messages != mb.remote.Status.Messages,
		}
		if err := s.held(ctx, &req, mb); err != nil {
			return err
		}
		if s.limit(&req, mb, &budget) {
			reqs = append(reqs, req)
		}
	}
	again, err := s.ask(ctx, reqs)
	if err != nil {
		return err
	}
	_, err = s.ask(ctx, again)
	return err
}

// ask runs one round of requests, and returns those to be made anew because
// all UIDs are void.
func (s *session) ask(ctx context.Context, reqs []remote.ChangesRequest) (again []remote.ChangesRequest, err error) {
	if len(reqs) == 0 {
		return nil, nil
	}
	c, err := s.pool.first(ctx)
	if err != nil {
		return nil, err
	}
	err = c.Changes(ctx, reqs, func(ch *remote.Changes) error {
		mb := s.mailboxes[ch.Mailbox]
		switch {
		case mb == nil:
		case ch.Err != nil:
			s.freeze(mb, false, ch.Err)
		case ch.UIDValidityChanged:
			mb.detached = true
			s.queue = slices.DeleteFunc(s.queue, func(w *window) bool { return w.mb == mb })
			if mb.row != nil {
				delete(s.put, mb.row.ID)
			}
			s.rep.notice("%s: UIDVALIDITY changed; pairing the messages again", mb.name)
			again = append(again, remote.ChangesRequest{Mailbox: mb.name, ReadOnly: s.req.DryRun, ListNew: true, Expunges: true})
		default:
			mb.changes = ch
		}
		return nil
	})
	return again, err
}

// scanRemote compares what the server reported with the base.
func (s *session) scanRemote(ctx context.Context) error {
	for _, name := range s.names {
		mb := s.mailboxes[name]
		var err error
		switch {
		case mb.blindRemote:
		case mb.remote == nil && mb.row != nil:
			err = s.removedRange(ctx, mb, mail.UIDRange{Start: 0, Stop: ^mail.UID(0)})
		case mb.changes != nil:
			err = s.compareRemote(ctx, mb)
		}
		if err != nil {
			return err
		}
		s.redeliver(mb)
	}
	return nil
}

// compareRemote turns one mailbox's answer into states of messages.
func (s *session) compareRemote(ctx context.Context, mb *mailbox) error {
	ch := mb.changes
	if mb.row != nil && mb.row.Cursor.UIDValidity == 0 {
		// Made again on the server by a run that was stopped: what has a row
		// still is elsewhere by now; see startAnew.
		if err := s.removedRange(ctx, mb, mail.UIDRange{Start: 0, Stop: ^mail.UID(0)}); err != nil {
			return err
		}
	}
	if mb.row != nil && !mb.detached {
		vanished, err := s.vanished(ctx, mb)
		if err != nil || mb.blindRemote {
			return err
		}
		for _, r := range vanished {
			if err := s.removedRange(ctx, mb, r); err != nil {
				return err
			}
		}
	}
	known, err := s.rowsByUID(ctx, mb, ch)
	if err != nil {
		return err
	}
	for _, f := range ch.Flags {
		if row := known[f.UID]; row != nil {
			s.sawFlags(row, f.Flags)
		} else {
			// Reported as old, but never delivered: an earlier run could
			// not fetch it.
			s.newMessage(mb, remote.NewMessage{UID: f.UID, Flags: f.Flags})
		}
	}
	for _, n := range ch.New {
		if row := known[n.UID]; row != nil {
			s.sawFlags(row, n.Flags)
			s.sawIdentity(row, n.EmailID)
		} else {
			s.newMessage(mb, n)
		}
	}
	for _, n := range ch.Named {
		if row := known[n.UID]; row != nil {
			s.sawIdentity(row, n.EmailID)
		}
	}
	return nil
}

// rowsByUID loads the rows of the messages that the server reported.
func (s *session) rowsByUID(ctx context.Context, mb *mailbox, ch *remote.Changes) (map[mail.UID]*state.Message, error) {
	rows := map[mail.UID]*state.Message{}
	if mb.row == nil || mb.detached {
		return rows, nil
	}
	uids := make([]mail.UID, 0, len(ch.Flags)+len(ch.New))
	for _, f := range ch.Flags {
		uids = append(uids, f.UID)
	}
	for _, n := range ch.New {
		uids = append(uids, n.UID)
	}
	for _, n := range ch.Named {
		uids = append(uids, n.UID)
	}
	slices.Sort(uids)
	// Neighbours are read as one range; a few rows too many cost less than
	// a query each.
	const gap = 64
	for i := 0; i < len(uids); {
		j := i + 1
		for j < len(uids) && uids[j]-uids[j-1] <= gap {
			j++
		}
		err := s.db.Range(ctx, mb.row.ID, mail.UIDRange{Start: uids[i], Stop: uids[j-1]}, func(row *state.Message) error {
			if _, reported := slices.BinarySearch(uids[i:j], row.UID); reported {
				rows[row.UID] = row
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		i = j
	}
	return rows, nil
}

// vanished returns the UIDs that went. A set that covers most of a mailbox is
// believed only when a UID list confirms it (SPEC §7).
func (s *session) vanished(ctx context.Context, mb *mailbox) ([]mail.UIDRange, error) {
	ch := mb.changes
	if ch.HasPresent {
		return s.notPresent(ctx, mb, ch.Present)
	}
	n := 0
	for _, r := range ch.Vanished {
		if err := s.db.Range(ctx, mb.row.ID, r, func(*state.Message) error { n++; return nil }); err != nil {
			return nil, err
		}
	}
	if n == 0 || n*100 <= mb.baseCount*s.account.MaxDeletePct {
		return ch.Vanished, nil
	}
	c, err := s.pool.first(ctx)
	if err != nil {
		return nil, err
	}
	present, err := c.Present(ctx, mb.name, ch.Cursor.UIDValidity)
	if err != nil {
		if ctx.Err() != nil || mail.KindOf(err) == mail.KindConnection {
			return nil, err
		}
		s.freeze(mb, false, err)
		return nil, nil
	}
	confirmed, err := s.notPresent(ctx, mb, present)
	if err != nil {
		return nil, err
	}
	if !covers(ch.Vanished, confirmed) || count(confirmed) < uint64(n) {
		s.rep.notice("%s: the server called %d messages vanished that its own list still has; they stay", mb.name, n)
	}
	return confirmed, nil
}

// notPresent returns the UIDs of the base that are not in the server's list.
func (s *session) notPresent(ctx context.Context, mb *mailbox, present []mail.UIDRange) ([]mail.UIDRange, error) {
	var gone []mail.UIDRange
	i := 0
	err := s.db.UIDs(ctx, mb.row.ID, 0, func(uid mail.UID) {
		for i < len(present) && present[i].Stop < uid {
			i++
		}
		if i < len(present) && present[i].Contains(uid) {
			return
		}
		if n := len(gone); n > 0 && gone[n-1].Stop+1 == uid {
			gone[n-1].Stop = uid
		} else {
			gone = append(gone, mail.UIDRange{Start: uid, Stop: uid})
		}
	})
	return gone, err
}

func covers(set, part []mail.UIDRange) bool {
	for _, p := range part {
		if !slices.ContainsFunc(set, func(r mail.UIDRange) bool { return r.Start <= p.Start && p.Stop <= r.Stop }) {
			return false
		}
	}
	return true
}

func count(set []mail.UIDRange) (n uint64) {
	for _, r := range set {
		n += uint64(r.Stop-r.Start) + 1
	}
	return n
}

// removedRange marks the messages of the base in r as gone from the server.
func (s *session) removedRange(ctx context.Context, mb *mailbox, r mail.UIDRange) error {
	return s.db.Range(ctx, mb.row.ID, r, func(row *state.Message) error {
		m := s.message(row)
		m.item.Remote.State = plan.Removed
		m.uid = 0
		return nil
	})
}

// sawFlags notes a known message's flags on the server.
func (s *session) sawFlags(row *state.Message, flags mail.Flags) {
	if flags.Equal(row.RemoteFlags) {
		return
	}
	m := s.message(row)
	m.item.Remote.State = plan.Same
	m.item.Remote.Flags = flags
	m.refresh(s.byID[row.MailboxID].name)
}

// sawIdentity notes the server's identity of a message that satchel put there
// itself.
func (s *session) sawIdentity(row *state.Message, id string) {
	if id != "" && row.EmailID == "" {
		row.EmailID = id
		s.touched = append(s.touched, s.message(row))
	}
}

// newMessage notes a message of the server that the base does not have.
func (s *session) newMessage(mb *mailbox, n remote.NewMessage) {
	m := &message{uid: n.UID, date: n.Date, emailID: n.EmailID, hasMeta: n.HasMeta}
	m.item = plan.Item{Ref: m, Size: n.Size,
		Remote: plan.Side{State: plan.New, Mailbox: mb.name, Key: uidKey(n.UID), Flags: n.Flags}}
	s.newRemote = append(s.newRemote, m)
}

// redeliver makes messages new again whose delivery an interrupted run had
// begun, unless the server reported them anyway or they are gone.
func (s *session) redeliver(mb *mailbox) {
	for _, uid := range mb.undelivered {
		reported := slices.ContainsFunc(s.newRemote, func(m *message) bool {
			return m.uid == uid && m.item.Remote.Mailbox == mb.name
		})
		if !reported && !s.gone(mb, uid) {
			s.newMessage(mb, remote.NewMessage{UID: uid})
		}
	}
}

// gone reports whether the server's answer shows that it does not have a
// message any more.
func (s *session) gone(mb *mailbox, uid mail.UID) bool {
	if mb.remote == nil || mb.detached {
		return true
	}
	ch := mb.changes
	if ch == nil {
		return false
	}
	has := func(set []mail.UIDRange) bool {
		return slices.ContainsFunc(set, func(r mail.UIDRange) bool { return r.Contains(uid) })
	}
	// All messages from UIDNEXT on were listed.
	return has(ch.Vanished) || ch.HasPresent && !has(ch.Present) || uid >= mb.cursorOf().UIDNext
}
