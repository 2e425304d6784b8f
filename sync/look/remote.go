package look

import (
	"context"
	"slices"
	"sync"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// AskRemote fetches the changes of all mailboxes whose LIST-STATUS differs
// from the cursor, pipelined. A mailbox whose UIDVALIDITY changed is asked
// again from the start.
func (s *Look) AskRemote(ctx context.Context) error {
	var reqs []remote.ResyncRequest
	budget := s.Window
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		if mb.RemoteIncomplete || mb.Remote == nil || !s.DirtyRemote(mb) {
			continue
		}
		known := mb.CursorOf()
		if s.Req.Full {
			known = mail.Cursor{UIDValidity: known.UIDValidity} // all is reported anew
		}
		compare, err := s.quirks.Comparison(ctx, mb)
		if err != nil {
			return err
		}
		req := remote.ResyncRequest{
			Mailbox: name, Known: known, ReadOnly: s.Examines(), ListNew: true,
			Distrust: s.quirks.DoubtsAbout(name) | compare, Base: s.quirks.BaseFlags(ctx, mb), Keywords: quirk.NamedFlags(mb), SearchGain: s.SearchGain,
			Expunges: mb.Again || known.UIDNext == 0 || known.UIDNext != mb.Remote.Status.UIDNext || known.Messages != mb.Remote.Status.Messages,
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
	s.Relisted = nil
	_, err = s.ask(ctx, again)
	return err
}

// namedAtOnce is of how many new messages the Message-ID is asked for with the
// rest: some 100 bytes each, where asking for a few of them later takes a turn.
const namedAtOnce = 256

// mayMeet returns the new messages of a mailbox that may be files which are new
// there, too. Most that look alike by size differ in their Message-ID.
func (s *Look) mayMeet(mb *view.Mailbox) mail.UIDSet {
	known, n := mb.CursorOf(), mb.Came()
	if mb.Again || known.UIDNext == 0 || known.UIDValidity != mb.Remote.Status.UIDValidity || n == 0 || n > namedAtOnce || !s.DirtyLocal(mb) {
		return nil
	}
	if look := s.Ahead.Wait()[mb.Name]; look == nil || len(look.Fresh) == 0 {
		return nil
	}
	return mail.UIDSet{{Start: known.UIDNext, Stop: mb.Remote.Status.UIDNext - 1}}
}

// bothWays is how many bytes must be waiting on each side for a second
// connection to be worth its login: then they cross.
const bothWays = 64 << 10

// prepare has further connections made while the rest is being found out, when
// much is to be sent and much to be fetched, as far as the counters of the
// mailboxes tell: one for that, and one more when known messages changed here,
// which the first connection is busy with then. The caller waits for what it
// returns.
func (s *Look) prepare(ctx context.Context, reqs []remote.ResyncRequest) *sync.WaitGroup {
	var decided sync.WaitGroup
	var there int64
	for _, r := range reqs {
		if mb := s.Mailboxes[r.Mailbox]; !mb.Again {
			there += int64(mb.Came()) * quirk.GuessedSize
		}
	}
	if s.Req.DryRun || there < bothWays {
		return &decided
	}
	decided.Go(func() {
		var here int64
		n := 1
		for _, look := range s.Ahead.Wait() {
			for _, m := range look.Fresh {
				here += m.Item.Size
			}
			if len(look.Changed)+len(look.Missing) > 0 {
				n = 2
			}
		}
		if here >= bothWays {
			s.Pool.Prepare(ctx, n)
		}
	})
	return &decided
}

// wentForGood reports whether the numbers of the mailboxes say that messages
// went, and that not as many came elsewhere: then ConfirmVanished will want to
// look at the mailboxes once more.
func (s *Look) wentForGood(reqs []remote.ResyncRequest) bool {
	var came uint64
	for _, r := range reqs {
		came += s.Mailboxes[r.Mailbox].Came()
	}
	return slices.ContainsFunc(reqs, func(r remote.ResyncRequest) bool {
		mb := s.Mailboxes[r.Mailbox]
		here, now := mb.Came(), uint64(mb.Remote.Status.Messages)
		return mb.Row != nil && now+came-here < uint64(mb.CursorOf().Messages)+here
	})
}

// ask runs one round of requests, and returns those to be made anew because
// all UIDs are void.
func (s *Look) ask(ctx context.Context, reqs []remote.ResyncRequest) (again []remote.ResyncRequest, err error) {
	if len(reqs) == 0 {
		return nil, nil
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return nil, err
	}
	s.quirks.TrustEnable(c)
	yield := func(ch *remote.Changes) error {
		mb := s.Mailboxes[ch.Mailbox]
		s.quirks.Doubt(ch.Mailbox, ch.Doubts)
		switch {
		case mb == nil:
		case ch.Err != nil:
			s.FreezeRemote(mb, ch.Err)
		case ch.UIDValidityChanged && s.showsFormer(mb, ch):
			mb.RemoteIncomplete = true
		case ch.UIDValidityChanged:
			mb.UIDsVoid = true
			s.Queue = slices.DeleteFunc(s.Queue, func(w *view.Window) bool { return w.Mailbox == mb })
			if mb.Row != nil {
				delete(s.Created, mb.Row.ID)
			}
			s.Rep.Notice("%s: UIDVALIDITY changed; pairing the messages again", mb.Name)
			again = append(again, remote.ResyncRequest{Mailbox: mb.Name, ReadOnly: s.Examines(), ListNew: true, Expunges: true})
		default:
			if !s.Examines() {
				if quirk.ForgetRefused(mb, ch) {
					s.quirks.MayRemove(mb.Name)
				}
			}
			mb.Changes = ch
		}
		return nil
	}
	if s.Rep.Cycles == 1 && !s.Req.DryRun && s.wentForGood(reqs) {
		s.Relisted, err = c.ResyncThenList(ctx, reqs, yield)
	} else {
		err = c.Resync(ctx, reqs, yield)
	}
	return again, err
}

// CompareRemote turns one mailbox's answer into states of messages.
func (s *Look) CompareRemote(ctx context.Context, mb *view.Mailbox) error {
	known, err := s.RowsByUID(ctx, mb, mb.Changes)
	if err != nil {
		return err
	}
	if err := s.compareGone(ctx, mb, known); err != nil || mb.RemoteIncomplete {
		return err
	}
	if s.compareOld(mb, known); mb.RemoteIncomplete {
		return nil
	}
	strangers := s.compareNew(mb, known)
	for _, n := range mb.Changes.Named {
		if row := known[n.UID]; row != nil {
			s.SawIdentity(row, n.EmailID)
		}
	}
	s.allArrived(mb)
	if err := s.storesMore(ctx, mb); err != nil {
		return err
	}
	return s.misplaced(ctx, mb, known, strangers)
}

// compareGone marks what went. Where the base has no UIDs that hold, it only looks
// whether the answer has all messages.
func (s *Look) compareGone(ctx context.Context, mb *view.Mailbox, known map[mail.UID]*state.Message) error {
	if mb.Row != nil && mb.Row.Cursor.UIDValidity == 0 {
		// Made again on the server by a run that was stopped: what has a row
		// still is elsewhere by now; see startAnew.
		if err := s.RemovedAll(ctx, mb); err != nil {
			return err
		}
	}
	if mb.Row == nil || mb.UIDsVoid {
		return s.listedAll(ctx, mb)
	}
	elsewhere, err := s.withoutUID(ctx, mb)
	if err != nil {
		return err
	}
	vanished, err := s.vanished(ctx, mb, known, len(elsewhere))
	if err != nil || mb.RemoteIncomplete {
		return err
	}
	s.removedRows(mb, elsewhere)
	return s.removedAmong(ctx, mb, vanished)
}

// compareOld takes the flags of messages that the server reports as old. One that the
// base does not have was never delivered: an earlier run could not fetch it.
func (s *Look) compareOld(mb *view.Mailbox, known map[mail.UID]*state.Message) {
	ch := mb.Changes
	undelivered := map[mail.UID]bool{}
	for _, f := range ch.Flags {
		if s.sawKnown(mb, known[f.UID], f.Flags) || undelivered[f.UID] {
			continue
		}
		if undelivered[f.UID] = true; overtold(len(undelivered), ch.Cursor.Messages) {
			s.FreezeRemote(mb, errOvertold(mb.Name, len(undelivered), ch.Cursor.Messages))
			return
		}
		s.NewMessage(mb, remote.NewMessage{UID: f.UID, Flags: f.Flags})
	}
}

// compareNew takes the messages that the server reports as new, and returns those that
// the base does not have.
func (s *Look) compareNew(mb *view.Mailbox, known map[mail.UID]*state.Message) (strangers []remote.NewMessage) {
	for _, n := range mb.Changes.New {
		if row := known[n.UID]; s.sawKnown(mb, row, n.Flags) {
			s.SawIdentity(row, n.EmailID)
			continue
		}
		s.NewMessage(mb, n)
		strangers = append(strangers, n)
	}
	return strangers
}

// sawKnown takes the flags with which the server shows a message, and reports whether the
// base has it.
func (s *Look) sawKnown(mb *view.Mailbox, row *state.Message, flags mail.Flags) bool {
	quirk.SawSupported(mb, flags)
	if row == nil {
		return false
	}
	s.arrived(mb, row, flags)
	s.SawFlags(row, flags)
	return true
}

// RowsByUID loads the rows of the messages that the server reported.
func (s *Look) RowsByUID(ctx context.Context, mb *view.Mailbox, ch *remote.Changes) (map[mail.UID]*state.Message, error) {
	rows := map[mail.UID]*state.Message{}
	if mb.Row == nil || mb.UIDsVoid || mb.Row.Cursor.UIDValidity == 0 {
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
		if !mb.Redelivers(row) {
			rows[row.UID] = row
		}
		return nil
	})
	return rows, err
}

// RemovedAll marks all messages of a mailbox as gone from the server.
func (s *Look) RemovedAll(ctx context.Context, mb *view.Mailbox) error {
	elsewhere, err := s.withoutUID(ctx, mb)
	if err != nil {
		return err
	}
	s.removedRows(mb, elsewhere)
	return s.removedAmong(ctx, mb, mail.UIDSet{mail.AllUIDs()})
}

func (s *Look) removedRows(mb *view.Mailbox, rows []*state.Message) {
	for _, row := range rows {
		if !mb.Redelivers(row) {
			s.removed(row)
		}
	}
}

// removedAmong marks the messages of the base in a set as gone from the server.
func (s *Look) removedAmong(ctx context.Context, mb *view.Mailbox, gone mail.UIDSet) error {
	return s.among(ctx, mb, gone, func(row *state.Message) error {
		if !mb.Redelivers(row) {
			s.removed(row)
		}
		return nil
	})
}

// removed notes that the server has a message of the base no more.
func (s *Look) removed(row *state.Message) {
	m := s.Message(row)
	m.Item.Remote.State = plan.Removed
	m.UID = 0
}

// SawFlags notes a known message's flags on the server.
func (s *Look) SawFlags(row *state.Message, flags mail.Flags) {
	if flags.Equal(row.RemoteFlags) {
		return
	}
	m := s.Message(row)
	m.Item.Remote.State = plan.Same
	m.Item.Remote.Flags = flags
	m.Refresh(s.ByID[row.MailboxID].Name)
}

// SawIdentity notes the server's identity of a message that satchel put there
// itself.
func (s *Look) SawIdentity(row *state.Message, id string) {
	if id == "" || row.EmailID != "" {
		return
	}
	m := s.Message(row)
	m.Row.EmailID = id
	s.Touched = append(s.Touched, m)
}

// NewMessage notes a message of the server that the base does not have.
func (s *Look) NewMessage(mb *view.Mailbox, n remote.NewMessage) {
	m := &view.Message{UID: n.UID, Date: n.Date, EmailID: n.EmailID, HasMeta: n.HasMeta, MessageID: view.Bare(n.MessageID), HasMessageID: n.HasMessageID}
	m.Item = plan.Item{Ref: m, Size: n.Size,
		Remote: plan.Side{State: plan.New, Mailbox: mb.Name, Key: view.UIDKey(n.UID), Flags: n.Flags}}
	s.NewRemote = append(s.NewRemote, m)
}

// Gone reports whether the server's answer shows that it does not have a
// message any more.
func (s *Look) Gone(mb *view.Mailbox, uid mail.UID) bool {
	// All messages from UIDNEXT on were listed.
	return uid == 0 || mb.UIDsVoid || mb.ToldGone(uid) || mb.Changes != nil && uid >= mb.CursorOf().UIDNext
}
