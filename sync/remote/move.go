package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// UIDPair is a message before and after it was copied or moved.
type UIDPair struct{ From, To mail.UID }

// MoveResult says where messages went. Pairs lacks those of which the server
// does not tell.
type MoveResult struct {
	Pairs       []UIDPair
	UIDValidity mail.UIDValidity // of the destination; 0: not told
	// Kept are messages that were moved and are still where they were too:
	// Gmail keeps every message in All Mail.
	Kept []mail.UID
}

// ErrOthersDeleted says why nothing was expunged: without UIDPLUS only EXPUNGE
// is left, which takes whatever is marked.
var ErrOthersDeleted = errors.New("the server can only expunge everything marked \\Deleted, and more is marked than was asked for")

// RemovesExactly reports whether the server can take just the messages that
// are named out of a mailbox, by moving or by expunging them.
func (c *Conn) RemovesExactly() bool { return c.Has("MOVE") || c.Has("UIDPLUS") }

// MovesByHalves reports whether Move copies a message, marks the original
// \Deleted and expunges it.
func (c *Conn) MovesByHalves() bool { return !c.Has("MOVE") || c.cl.distrusts("MOVE") }

// Copy copies messages of the selected mailbox.
func (c *Conn) Copy(ctx context.Context, uids []mail.UID, dest string) (MoveResult, error) {
	defer c.guard(ctx)()
	res, _, err := c.transfer("copy", uids, dest)
	return res, err
}

// Move moves messages of the selected mailbox (RFC 6851). Without MOVE it
// copies, and removes what was copied; a failure in between leaves both, and
// is returned together with the pairs.
func (c *Conn) Move(ctx context.Context, uids []mail.UID, dest string) (MoveResult, error) {
	defer c.guard(ctx)()
	if !c.MovesByHalves() {
		res, left, err := c.transfer("move", uids, dest)
		if err != nil || len(left) == 0 {
			return res, err
		}
		if c.SharesMessages() {
			res.Kept = left
			return res, nil
		}
		// The server says OK and moves nothing, so what it says of where they
		// went is worth nothing either.
		c.cl.Distrust("MOVE")
		res.Pairs = slices.DeleteFunc(res.Pairs, func(p UIDPair) bool { return slices.Contains(left, p.From) })
		rest, err := c.copyAndRemove(left, dest)
		res.Pairs = append(res.Pairs, rest.Pairs...)
		res.UIDValidity = max(res.UIDValidity, rest.UIDValidity)
		return res, err
	}
	return c.copyAndRemove(uids, dest)
}

func (c *Conn) copyAndRemove(uids []mail.UID, dest string) (MoveResult, error) {
	if !c.Has("UIDPLUS") {
		// Checked before the copy, so that nothing is doubled for nothing.
		if err := c.othersDeleted(uids); err != nil {
			return MoveResult{}, err
		}
	}
	res, _, err := c.transfer("copy", uids, dest)
	if err != nil {
		return res, err
	}
	return res, c.remove(uids)
}

// Remove marks messages of the selected mailbox \Deleted and expunges them.
func (c *Conn) Remove(ctx context.Context, uids []mail.UID) error {
	defer c.guard(ctx)()
	return c.remove(uids)
}

func (c *Conn) remove(uids []mail.UID) error {
	if !c.Has("UIDPLUS") {
		if err := c.othersDeleted(uids); err != nil {
			return err
		}
	}
	res := make([]StoreResult, 1)
	if err := c.storeFlight(storeCommands(0, sortedUIDs(uids), mail.Delta{Add: mail.Flags{System: mail.Deleted}}, 0, true), res); err != nil {
		return err
	}
	if res[0].Err != nil {
		return res[0].Err
	}
	return c.expunge(uids)
}

// Expunge removes those of the messages that are marked \Deleted. Without
// UIDPLUS it refuses with [ErrOthersDeleted] when others are marked too: they
// are not ours to remove (docs/adr/0007). Messages that stay although the
// server says OK, as in Gmail's All Mail, are in a [NotDoneError].
func (c *Conn) Expunge(ctx context.Context, uids []mail.UID) error {
	defer c.guard(ctx)()
	return c.expunge(uids)
}

func (c *Conn) expunge(uids []mail.UID) error {
	const op = "expunge"
	mailbox := c.selected.mailbox
	if len(uids) == 0 {
		return nil
	}
	told := removals{asked: sortedUIDs(uids)}
	all := pieces(sortedUIDs(uids), setRoom("UID EXPUNGE "))
	if !c.Has("UIDPLUS") {
		if err := c.othersDeleted(uids); err != nil {
			return err
		}
		if err := c.runThrough(op, mailbox, &command{untagged: told.take}, func() { c.imap.Expunge() }); err != nil {
			return err
		}
		if told.n >= uint64(len(uids)) {
			return nil
		}
		told.n = 0
	}
	var stayed []mail.UID
	for _, p := range all {
		if c.Has("UIDPLUS") {
			told = removals{asked: p.uids}
			cmd := &command{line: "UID EXPUNGE " + p.set, untagged: told.take}
			if err := c.runThrough(op, mailbox, cmd, func() { c.imap.UIDExpunge(imap.UIDSetNum(imap.UID(p.uids[0]))) }); err != nil {
				return err
			}
		}
		left, err := c.left(op, told.n, p)
		if err != nil {
			return err
		}
		stayed = append(stayed, left...)
	}
	if len(stayed) > 0 {
		return mailboxError(op, mailbox, &NotDoneError{Op: op, UIDs: stayed})
	}
	return nil
}

// othersDeleted returns an error if messages other than uids are marked.
func (c *Conn) othersDeleted(uids []mail.UID) error {
	const op = "expunge"
	mailbox := c.selected.mailbox
	var marked []mail.UIDRange
	answered := false
	cmd := &command{line: "UID SEARCH DELETED", untagged: func(r wire.Response) {
		if r.Kind == "SEARCH" {
			set, ok := wire.ParseSearch(r.Rest)
			marked, answered = append(marked, set...), ok
		}
	}}
	if err := c.run(op, mailbox, cmd); err != nil {
		return err
	}
	if !answered {
		return mailboxError(op, mailbox, fmt.Errorf("search for marked messages: %w", ErrIncomplete))
	}
	if others := mail.MergeUIDs(marked).Minus(mail.UIDSetOf(uids)); len(others) > 0 {
		return &mail.Error{Op: op, Mailbox: mailbox, Kind: mail.KindMailbox, Err: ErrOthersDeleted,
			Hint: "expunge or unmark the other messages with another mail program"}
	}
	return nil
}

// transfer runs UID COPY or UID MOVE. left are the messages that the server
// left in their mailbox although it answered OK.
func (c *Conn) transfer(op string, uids []mail.UID, dest string) (res MoveResult, left []mail.UID, err error) {
	mailbox := c.selected.mailbox
	quoted, err := c.quotedName(dest)
	if err != nil {
		return res, nil, err
	}
	for _, p := range pieces(sortedUIDs(uids), setRoom("UID COPY ", quoted)) {
		note := func(t wire.Text) {
			if t.Code == "COPYUID" {
				res.note(t.Args, p.uids)
			}
		}
		// MOVE tells COPYUID before the messages vanish (RFC 6851 §4.3), COPY
		// in its tagged answer.
		told := removals{asked: p.uids}
		cmd := &command{untagged: func(r wire.Response) {
			if r.Kind == "OK" {
				note(wire.ParseText(r.Rest))
			}
			told.take(r)
		}}
		one := imap.UIDSetNum(imap.UID(p.uids[0]))
		call := func() { c.imap.Copy(one, dest) }
		cmd.line = "UID COPY " + p.set + " " + quoted
		if op == "move" {
			call = func() { c.imap.Move(one, dest) }
			cmd.line = "UID MOVE " + p.set + " " + quoted
		}
		err := c.runThrough(op, mailbox, cmd, call)
		if isDead(err) {
			return res, left, err // and the command still belongs to the reader
		}
		note(cmd.text)
		if err != nil {
			return res, left, err
		}
		if op == "move" {
			stayed, err := c.left(op, told.n, p)
			if err != nil {
				return res, left, err
			}
			left = append(left, stayed...)
		}
	}
	return res, left, nil
}

// note adds the pairs of a COPYUID (RFC 4315 §3): two sets of equal size, to
// be read side by side. Messages that nobody asked to move are left out.
func (res *MoveResult) note(args []byte, asked []mail.UID) {
	v, from, to, ok := wire.ParseCopyUID(args)
	if !ok || mail.UIDSet(from).Count() > uint64(len(asked)) {
		return
	}
	res.UIDValidity = v
	next := eachUID(to)
	for uid := range eachRange(from) {
		target := next()
		if _, found := slices.BinarySearch(asked, uid); found {
			res.Pairs = append(res.Pairs, UIDPair{From: uid, To: target})
		}
	}
}

// eachRange yields the UIDs of a set whose size was checked.
func eachRange(set []mail.UIDRange) func(yield func(mail.UID) bool) {
	return func(yield func(mail.UID) bool) {
		for _, r := range set {
			for u := uint64(r.Start); u <= uint64(r.Stop); u++ {
				if !yield(mail.UID(u)) {
					return
				}
			}
		}
	}
}

// eachUID returns a function that gives the UIDs of a set one by one.
func eachUID(set []mail.UIDRange) func() mail.UID {
	i, offset := 0, mail.UID(0)
	return func() mail.UID {
		if i >= len(set) {
			return 0
		}
		u := set[i].Start + offset
		if u == set[i].Stop {
			i, offset = i+1, 0
		} else {
			offset++
		}
		return u
	}
}
