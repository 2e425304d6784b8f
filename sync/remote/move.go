package remote

import (
	"context"
	"slices"

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
	// Arrived and Unproven are known where MOVE is done by halves, and from
	// CopyProven: messages whose copies were seen in the destination, and those
	// whose were not, whatever the server said. The latter are where they were.
	// A message that was not there to be copied is in neither. Sorted.
	Arrived, Unproven []mail.UID
	// Awaited are those of Unproven that COPY was answered OK for and that may be
	// there all the same: the server does not show them as it does not show a
	// UIDNEXT beyond them. A replica that is behind looks so.
	Awaited []mail.UID
}

// Copy copies messages. The result is what the server says.
func (s *Selection) Copy(ctx context.Context, uids []mail.UID, dest string) (MoveResult, error) {
	leave, err := s.enter(ctx, "copy")
	if err != nil {
		return MoveResult{}, err
	}
	defer leave()
	return s.copy(uids, dest)
}

// CopyProven copies messages and looks for the copies in the destination, for
// those who remove the originals next.
func (s *Selection) CopyProven(ctx context.Context, uids []mail.UID, dest string) (MoveResult, error) {
	leave, err := s.enter(ctx, "copy")
	if err != nil {
		return MoveResult{}, err
	}
	defer leave()
	return s.copyProven(uids, dest)
}

// Move moves messages (RFC 6851). Without MOVE it copies, looks for the copies,
// and removes the originals of those that it found; a failure in between
// leaves both, and is returned together with the pairs.
func (s *Selection) Move(ctx context.Context, uids []mail.UID, dest string) (MoveResult, error) {
	leave, err := s.enter(ctx, "move")
	if err != nil {
		return MoveResult{}, err
	}
	defer leave()
	if s.c.can().EmulatesMove {
		return s.copyAndRemove(uids, dest)
	}
	res, left, err := s.moveAway(uids, dest)
	if err != nil || len(left) == 0 {
		return res, err
	}
	if s.c.can().HasLabels {
		res.Kept = left
		return res, nil
	}
	// The server says OK and moves nothing, so what it says of where they went
	// is worth nothing either.
	s.c.cl.Distrust("MOVE")
	res.Pairs = slices.DeleteFunc(res.Pairs, func(p UIDPair) bool { return slices.Contains(left, p.From) })
	rest, err := s.copyAndRemove(left, dest)
	res.Pairs = append(res.Pairs, rest.Pairs...)
	res.UIDValidity = max(res.UIDValidity, rest.UIDValidity)
	res.Arrived, res.Unproven, res.Awaited = rest.Arrived, rest.Unproven, rest.Awaited
	return res, err
}

// copyAndRemove is MOVE for servers that have it not.
func (s *Selection) copyAndRemove(uids []mail.UID, dest string) (MoveResult, error) {
	if !s.c.can().ExpungesExactly {
		// Checked before the copy, so that nothing is doubled for nothing.
		if err := s.othersDeleted(uids); err != nil {
			return MoveResult{}, err
		}
	}
	res, err := s.copyProven(uids, dest)
	if err != nil {
		return res, err
	}
	return res, s.remove(res.Arrived)
}

// copy runs UID COPY.
func (s *Selection) copy(uids []mail.UID, dest string) (res MoveResult, err error) {
	quoted, err := s.c.quotedName(dest)
	if err != nil {
		return res, err
	}
	for _, p := range pieces(sortedUIDs(uids), wire.SetRoom("UID COPY ", quoted)) {
		cmd := &command{line: "UID COPY " + p.set + " " + quoted, untagged: func(r wire.Response) { res.take(r, p.uids) }}
		err := s.c.run("copy", s.mailbox, cmd)
		if isDead(err) {
			return res, err // and the command still belongs to the reader
		}
		res.note(cmd.text, p.uids)
		if err != nil {
			return res, err
		}
	}
	return res, nil
}

// moveAway runs UID MOVE. left are the messages that the server left in their
// mailbox although it answered OK.
func (s *Selection) moveAway(uids []mail.UID, dest string) (res MoveResult, left []mail.UID, err error) {
	const op = "move"
	quoted, err := s.c.quotedName(dest)
	if err != nil {
		return res, nil, err
	}
	for _, p := range pieces(sortedUIDs(uids), wire.SetRoom("UID MOVE ", quoted)) {
		d := &departure{piece: p}
		// MOVE tells COPYUID before the messages vanish (RFC 6851 §4.3), or in
		// its tagged answer.
		cmd := &command{line: "UID MOVE " + p.set + " " + quoted, untagged: func(r wire.Response) {
			res.take(r, p.uids)
			d.take(r)
		}}
		err := s.depart(op, cmd, d)
		if isDead(err) {
			return res, left, err
		}
		res.note(cmd.text, p.uids)
		if err != nil {
			return res, left, err
		}
		stayed, err := s.left(op, d)
		if err != nil {
			return res, left, err
		}
		left = append(left, stayed...)
	}
	return res, left, nil
}
