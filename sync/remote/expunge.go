package remote

import (
	"context"
	"errors"
	"fmt"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/resync"
	"satchel/sync/remote/wire"
)

// ErrOthersDeleted says why nothing was expunged: without UIDPLUS only EXPUNGE
// is left, which takes whatever is marked.
var ErrOthersDeleted = errors.New("the server can only expunge everything marked \\Deleted, and more is marked than was asked for")

// Remove marks messages \Deleted and expunges them.
func (s *Selection) Remove(ctx context.Context, uids []mail.UID) error {
	leave, err := s.enter(ctx, "expunge")
	if err != nil {
		return err
	}
	defer leave()
	return s.remove(uids)
}

func (s *Selection) remove(uids []mail.UID) error {
	if len(uids) == 0 {
		return nil
	}
	if !s.c.can().ExpungesExactly {
		if err := s.othersDeleted(uids); err != nil {
			return err
		}
	}
	res := make([]StoreResult, 1)
	if err := s.storeFlight(storeCommands(0, sortedUIDs(uids), mail.Delta{Add: mail.Flags{System: mail.Deleted}}, 0, true), res); err != nil {
		return err
	}
	if res[0].Err != nil {
		return res[0].Err
	}
	return s.expunge(uids)
}

// Expunge removes those of the messages that are marked \Deleted. Without
// UIDPLUS it refuses with [ErrOthersDeleted] when others are marked too: they
// are not ours to remove (docs/adr/0007). Messages that stay although the
// server says OK, as in Gmail's All Mail, are in a [NotDoneError].
func (s *Selection) Expunge(ctx context.Context, uids []mail.UID) error {
	leave, err := s.enter(ctx, "expunge")
	if err != nil {
		return err
	}
	defer leave()
	return s.expunge(uids)
}

func (s *Selection) expunge(uids []mail.UID) error {
	const op = "expunge"
	exactly := s.c.can().ExpungesExactly
	var stayed []mail.UID
	for i, p := range pieces(sortedUIDs(uids), wire.SetRoom("UID EXPUNGE ")) {
		d := &departure{piece: p}
		var err error
		switch {
		case exactly:
			err = s.depart(op, &command{line: "UID EXPUNGE " + p.set, untagged: d.take}, d)
		case i == 0:
			if err = s.othersDeleted(uids); err == nil {
				err = s.depart(op, &command{line: "EXPUNGE", untagged: d.take}, d)
			}
		}
		if err != nil {
			return err
		}
		left, err := s.left(op, d)
		if err != nil {
			return err
		}
		stayed = append(stayed, left...)
	}
	if len(stayed) > 0 {
		return refusal.ForMailbox(op, s.mailbox, &NotDoneError{Op: op, UIDs: stayed})
	}
	return nil
}

// othersDeleted returns an error unless it is proven that no message but uids
// is marked. That a search for marked messages does not list one is no proof:
// servers search an index that lags behind, or leave messages out. So the
// mailbox is opened anew, which tells how many messages it holds, and each of
// them must be listed, as marked or as not marked (docs/adr/0007).
func (s *Selection) othersDeleted(uids []mail.UID) error {
	const op = "expunge"
	sel, err := s.c.startChanging(s.mailbox)
	if err != nil {
		return err
	}
	count := &counting{sel: sel}
	marked, unmarked := count.search("DELETED"), count.search("UNDELETED")
	if err := s.c.link.begin(marked.cmd); err != nil {
		return s.c.dead(op, s.mailbox, err)
	}
	if err := s.c.wait(sel.cmd); err != nil {
		return s.c.dead(op, s.mailbox, err)
	}
	selected := s.regain(sel)
	// One after the other: a server may send the answers of several searches
	// before it ends the first, and none of them says which it is of.
	if err := s.c.result(op, s.mailbox, marked.cmd); err != nil && (selected == nil || isDead(err)) {
		return err
	}
	if selected == nil {
		if err := s.c.run(op, s.mailbox, unmarked.cmd); err != nil {
			return err
		}
	}
	if selected != nil {
		return selected
	}
	deleted, rest := mail.MergeUIDs(marked.found), mail.MergeUIDs(unmarked.found)
	if others := deleted.Minus(mail.UIDSetOf(uids)); len(others) > 0 {
		return &mail.Error{Op: op, Mailbox: s.mailbox, Kind: mail.KindMailbox, Err: ErrOthersDeleted,
			Hint: "expunge or unmark the other messages with another mail program"}
	}
	if listed := deleted.Union(rest).Count(); marked.garbled || unmarked.garbled || len(deleted.Intersect(rest)) > 0 || listed != count.messages() {
		return refusal.ForMailbox(op, s.mailbox, fmt.Errorf("search for marked messages: %w", resync.ErrIncomplete))
	}
	return nil
}

// counting follows how many messages the mailbox holds from its SELECT on.
type counting struct {
	sel   *selecting
	later int64 // what was told since, in place of the SELECT's EXISTS
	told  bool
	gone  int64
}

// searching is a UID SEARCH with its answer. Servers that find nothing may send
// no SEARCH at all (RFC 9051 §6.4.4); the counts tell that from one left out.
type searching struct {
	cmd     *command
	found   []mail.UIDRange
	garbled bool
}

func (n *counting) search(key string) *searching {
	q := &searching{}
	q.cmd = &command{line: "UID SEARCH " + key, untagged: func(r wire.Response) {
		switch r.Kind {
		case "SEARCH":
			set, ok := wire.ParseSearch(r.Rest)
			q.found, q.garbled = append(q.found, set...), q.garbled || !ok
		case "EXISTS":
			n.later, n.told, n.gone = int64(min(r.Number, 1<<32-1)), true, 0
		case "EXPUNGE":
			n.gone++
		case "VANISHED":
			if set, earlier, ok := wire.ParseVanished(r.Rest); ok && !earlier {
				n.gone += int64(mail.MergeUIDs(set).Count())
			}
		}
	}}
	return q
}

func (n *counting) messages() uint64 {
	held := int64(n.sel.Cursor.Messages)
	if n.told {
		held = n.later
	}
	return uint64(max(0, held-n.gone))
}
