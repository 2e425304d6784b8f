package remote

import (
	"context"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/resync"
	"satchel/sync/remote/wire"
)

// discardPieces is how many sets of messages are marked and expunged in one
// flight.
const discardPieces = fetchWindow / 2

// CanDiscard reports whether Discard may be used for the selected mailbox:
// marking needs a condition, expunging a set, and what went must be told by UID.
func (s *Selection) CanDiscard() bool {
	can := s.c.Abilities()
	return can.ExpungesExactly && can.Level == resync.QResync && !can.HasLabels && !s.noModSeq
}

// Discard removes messages that did not change after since from the selected
// mailbox: it marks them \Deleted (RFC 7162 §3.1.3) and expunges them (RFC 4315
// §2.1), a turn sooner than [Conn.Store] and [Conn.Expunge] would.
//
// A message that somebody else changed meanwhile is in Modified, and does not
// get the mark, so that EXPUNGE passes it by: unless they marked it themselves.
// Messages that stay although the server says OK are in a [NotDoneError].
func (s *Selection) Discard(ctx context.Context, uids []mail.UID, since mail.ModSeq) (StoreResult, error) {
	leave, err := s.enter(ctx, "expunge")
	if err != nil {
		return StoreResult{}, err
	}
	defer leave()
	results := make([]StoreResult, 1)
	var stayed []mail.UID
	deleted := mail.Delta{Add: mail.Flags{System: mail.Deleted}}
	for part := range slices.Chunk(storeCommands(0, sortedUIDs(uids), deleted, since, true), discardPieces) {
		left, err := s.discard(part, results)
		if err != nil {
			return results[0], err
		}
		stayed = append(stayed, left...)
	}
	if len(stayed) > 0 {
		return results[0], refusal.ForMailbox("expunge", s.mailbox, &NotDoneError{Op: "expunge", UIDs: stayed})
	}
	return results[0], nil
}

// discard is one flight of Discard. What is not told to be gone, by its UID, is
// looked for: other clients expunge, too, and Dovecot may expunge before it sees
// the mark of the command before, when somebody changes the mailbox meanwhile.
func (s *Selection) discard(flight []*storing, results []StoreResult) (stayed []mail.UID, err error) {
	const op = "expunge"
	mailbox := s.mailbox
	var gone []mail.UIDRange
	took := func(r wire.Response) {
		if r.Kind == "VANISHED" {
			if set, earlier, ok := wire.ParseVanished(r.Rest); ok && !earlier {
				gone = append(gone, set...)
			}
		}
	}
	var expunges []*command
	for _, st := range flight {
		// Servers may answer one command while another is the oldest.
		mark := st.cmd.untagged
		st.cmd.untagged = func(r wire.Response) { mark(r); took(r) }
		set := wire.FormatSets(mail.UIDSetOf(st.uids), wire.MaxCommand)[0] // it fits: it did in STORE
		expunges = append(expunges, &command{line: "UID EXPUNGE " + set, untagged: took})
	}
	if err := s.storeFlight(flight, results, expunges...); err != nil {
		return nil, err
	}
	for _, cmd := range expunges {
		if err := s.c.result(op, mailbox, cmd); err != nil {
			return nil, err
		}
	}
	if results[0].Err != nil {
		return nil, nil
	}
	went := mail.MergeUIDs(gone)
	var open []mail.UID
	for _, st := range flight {
		open = append(open, slices.DeleteFunc(slices.Clone(st.uids), func(u mail.UID) bool { return st.modified.Contains(u) || went.Contains(u) })...)
	}
	for _, p := range pieces(open, wire.SetRoom("UID FETCH ", " (UID)")) {
		left, err := s.left(op, &departure{piece: p})
		if err != nil {
			return nil, err
		}
		stayed = append(stayed, left...)
	}
	if len(stayed) == 0 {
		return nil, nil
	}
	err = s.expunge(stayed)
	stayed = NotDone(err)
	if stayed != nil {
		err = nil
	}
	return stayed, err
}
