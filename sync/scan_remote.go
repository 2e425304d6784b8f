package sync

import (
	"context"
	"slices"
	"sync"

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
	budget := s.window
	for _, name := range s.names {
		mb := s.mailboxes[name]
		if mb.blindRemote || mb.remote == nil || !s.dirtyRemote(mb) {
			continue
		}
		known := mb.cursorOf()
		if s.req.Full {
			known = mail.Cursor{UIDValidity: known.UIDValidity} // all is reported anew
		}
		compare, err := s.comparison(ctx, mb)
		if err != nil {
			return err
		}
		req := remote.ChangesRequest{
			Mailbox: name, Known: known, ReadOnly: s.examines(), ListNew: true,
			Distrust: s.doubtsAbout(name) | compare, Base: s.baseFlags(ctx, mb), Keywords: namedFlags(mb), SearchGain: s.searchGain,
			Expunges: mb.again || known.UIDNext == 0 || known.UIDNext != mb.remote.Status.UIDNext || known.Messages != mb.remote.Status.Messages,
		}
		if err := s.held(ctx, &req, mb); err != nil {
			return err
		}
		req.MessageIDs = s.mayMeet(mb)
		if s.limit(&req, mb, &budget) {
			reqs = append(reqs, req)
		}
	}
	defer s.prepare(ctx, reqs).Wait()
	again, err := s.ask(ctx, reqs)
	if err != nil || len(again) == 0 {
		return err
	}
	s.relisted = nil
	_, err = s.ask(ctx, again)
	return err
}

// namedAtOnce is of how many new messages the Message-ID is asked for with the
// rest: some 100 bytes each, where asking for a few of them later takes a turn.
const namedAtOnce = 256

// mayMeet returns the new messages of a mailbox that may be files which are new
// there, too. Most that look alike by size differ in their Message-ID.
func (s *session) mayMeet(mb *mailbox) mail.UIDSet {
	known, n := mb.cursorOf(), mb.came()
	if mb.again || known.UIDNext == 0 || known.UIDValidity != mb.remote.Status.UIDValidity || n == 0 || n > namedAtOnce || !s.dirtyLocal(mb) {
		return nil
	}
	if look := s.ahead.wait()[mb.name]; look == nil || len(look.fresh) == 0 {
		return nil
	}
	return mail.UIDSet{{Start: known.UIDNext, Stop: mb.remote.Status.UIDNext - 1}}
}

// bothWays is how many bytes must be waiting on each side for a second
// connection to be worth its login: then they cross.
const bothWays = 64 << 10

// prepare has further connections made while the rest is being found out, when
// much is to be sent and much to be fetched, as far as the counters of the
// mailboxes tell: one for that, and one more when known messages changed here,
// which the first connection is busy with then. The caller waits for what it
// returns.
func (s *session) prepare(ctx context.Context, reqs []remote.ChangesRequest) *sync.WaitGroup {
	var decided sync.WaitGroup
	var there int64
	for _, r := range reqs {
		if mb := s.mailboxes[r.Mailbox]; !mb.again {
			there += int64(mb.came()) * guessedSize
		}
	}
	if s.req.DryRun || there < bothWays {
		return &decided
	}
	decided.Go(func() {
		var here int64
		n := 1
		for _, look := range s.ahead.wait() {
			for _, m := range look.fresh {
				here += m.item.Size
			}
			if len(look.changed)+len(look.missing) > 0 {
				n = 2
			}
		}
		if here >= bothWays {
			s.pool.prepare(ctx, n)
		}
	})
	return &decided
}

// wentForGood reports whether the numbers of the mailboxes say that messages
// went, and that not as many came elsewhere: then confirmVanished will want to
// look at the mailboxes once more.
func (s *session) wentForGood(reqs []remote.ChangesRequest) bool {
	var came uint64
	for _, r := range reqs {
		came += s.mailboxes[r.Mailbox].came()
	}
	return slices.ContainsFunc(reqs, func(r remote.ChangesRequest) bool {
		mb := s.mailboxes[r.Mailbox]
		here, now := mb.came(), uint64(mb.remote.Status.Messages)
		return mb.row != nil && now+came-here < uint64(mb.cursorOf().Messages)+here
	})
}

// came returns how many messages came to a mailbox since it was read, if none of
// them went again.
func (mb *mailbox) came() uint64 {
	known, now := mb.cursorOf(), mb.remote.Status
	if known.UIDNext == 0 || known.UIDValidity != now.UIDValidity || now.UIDNext < known.UIDNext {
		return uint64(now.Messages)
	}
	return uint64(now.UIDNext - known.UIDNext)
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
	s.trustEnable(c)
	yield := func(ch *remote.Changes) error {
		mb := s.mailboxes[ch.Mailbox]
		s.doubt(ch.Mailbox, ch.Doubts)
		switch {
		case mb == nil:
		case ch.Err != nil:
			s.freeze(mb, false, ch.Err)
		case ch.UIDValidityChanged && s.showsFormer(mb, ch):
			mb.blindRemote = true
		case ch.UIDValidityChanged:
			mb.detached = true
			s.queue = slices.DeleteFunc(s.queue, func(w *window) bool { return w.mb == mb })
			if mb.row != nil {
				delete(s.put, mb.row.ID)
			}
			s.rep.notice("%s: UIDVALIDITY changed; pairing the messages again", mb.name)
			again = append(again, remote.ChangesRequest{Mailbox: mb.name, ReadOnly: s.examines(), ListNew: true, Expunges: true})
		default:
			if !s.examines() {
				if mb.forgetRefused(ch) {
					s.mayRemove(mb.name)
				}
			}
			mb.changes = ch
		}
		return nil
	}
	if s.rep.Cycles == 1 && !s.req.DryRun && s.wentForGood(reqs) {
		s.relisted, err = c.ChangesThenList(ctx, reqs, yield)
	} else {
		err = c.Changes(ctx, reqs, yield)
	}
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
			err = s.removedAmong(ctx, mb, mail.UIDSet{mail.AllUIDs()})
		case mb.changes != nil:
			err = s.compareRemote(ctx, mb)
		}
		if err != nil {
			return err
		}
		if err := s.redeliver(ctx, mb); err != nil {
			return err
		}
	}
	return nil
}

// compareRemote turns one mailbox's answer into states of messages.
func (s *session) compareRemote(ctx context.Context, mb *mailbox) error {
	ch := mb.changes
	if mb.row != nil && mb.row.Cursor.UIDValidity == 0 {
		// Made again on the server by a run that was stopped: what has a row
		// still is elsewhere by now; see startAnew.
		if err := s.removedAmong(ctx, mb, mail.UIDSet{mail.AllUIDs()}); err != nil {
			return err
		}
	}
	known, err := s.rowsByUID(ctx, mb, ch)
	if err != nil {
		return err
	}
	if mb.row != nil && !mb.detached {
		vanished, err := s.vanished(ctx, mb, known)
		if err != nil || mb.blindRemote {
			return err
		}
		if err := s.removedAmong(ctx, mb, vanished); err != nil {
			return err
		}
	} else if err := s.listedAll(ctx, mb); err != nil || mb.blindRemote {
		return err
	}
	undelivered := map[mail.UID]bool{}
	for _, f := range ch.Flags {
		mb.sawHeld(f.Flags)
		if row := known[f.UID]; row != nil {
			s.arrived(mb, row, f.Flags)
			s.sawFlags(row, f.Flags)
			continue
		}
		// Reported as old, but never delivered: an earlier run could not fetch it.
		if undelivered[f.UID] {
			continue
		}
		if undelivered[f.UID] = true; overtold(len(undelivered), ch.Cursor.Messages) {
			s.freeze(mb, false, errOvertold(mb.name, len(undelivered), ch.Cursor.Messages))
			return nil
		}
		s.newMessage(mb, remote.NewMessage{UID: f.UID, Flags: f.Flags})
	}
	var strangers []remote.NewMessage
	for _, n := range ch.New {
		mb.sawHeld(n.Flags)
		if row := known[n.UID]; row != nil {
			s.arrived(mb, row, n.Flags)
			s.sawFlags(row, n.Flags)
			s.sawIdentity(row, n.EmailID)
		} else {
			s.newMessage(mb, n)
			strangers = append(strangers, n)
		}
	}
	for _, n := range ch.Named {
		if row := known[n.UID]; row != nil {
			s.sawIdentity(row, n.EmailID)
		}
	}
	s.allArrived(mb)
	if err := s.storesMore(ctx, mb); err != nil {
		return err
	}
	return s.misplaced(ctx, mb, known, strangers)
}

// rowsByUID loads the rows of the messages that the server reported.
func (s *session) rowsByUID(ctx context.Context, mb *mailbox, ch *remote.Changes) (map[mail.UID]*state.Message, error) {
	rows := map[mail.UID]*state.Message{}
	if mb.row == nil || mb.detached || mb.row.Cursor.UIDValidity == 0 {
		return rows, nil // whatever UIDs they have are void
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
	err := s.among(ctx, mb, mail.UIDSetOf(uids), func(row *state.Message) error {
		if !mb.redelivers(row) {
			rows[row.UID] = row
		}
		return nil
	})
	return rows, err
}

// removedAmong marks the messages of the base in a set as gone from the server.
func (s *session) removedAmong(ctx context.Context, mb *mailbox, gone mail.UIDSet) error {
	return s.among(ctx, mb, gone, func(row *state.Message) error {
		if !mb.redelivers(row) {
			s.removed(row)
		}
		return nil
	})
}

// removed notes that the server has a message of the base no more.
func (s *session) removed(row *state.Message) {
	m := s.message(row)
	m.item.Remote.State = plan.Removed
	m.uid = 0
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
	if id == "" || row.EmailID != "" {
		return
	}
	m := s.message(row)
	m.row.EmailID = id
	s.touched = append(s.touched, m)
}

// newMessage notes a message of the server that the base does not have.
func (s *session) newMessage(mb *mailbox, n remote.NewMessage) {
	m := &message{uid: n.UID, date: n.Date, emailID: n.EmailID, hasMeta: n.HasMeta, messageID: bare(n.MessageID), hasMessageID: n.HasMessageID}
	m.item = plan.Item{Ref: m, Size: n.Size,
		Remote: plan.Side{State: plan.New, Mailbox: mb.name, Key: uidKey(n.UID), Flags: n.Flags}}
	s.newRemote = append(s.newRemote, m)
}

// gone reports whether the server's answer shows that it does not have a
// message any more.
func (s *session) gone(mb *mailbox, uid mail.UID) bool {
	// All messages from UIDNEXT on were listed.
	return mb.detached || mb.toldGone(uid) || mb.changes != nil && uid >= mb.cursorOf().UIDNext
}

// toldGone reports whether the server says of a message that it does not have it.
func (mb *mailbox) toldGone(uid mail.UID) bool {
	ch := mb.changes
	return mb.remote == nil || ch != nil && (ch.Vanished.Contains(uid) || ch.HasPresent && !ch.Present.Contains(uid))
}
