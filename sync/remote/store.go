package remote

import (
	"context"
	"fmt"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/resync"
	"satchel/sync/remote/wire"
)

// StoreRequest changes flags of messages in the mailbox that is selected.
type StoreRequest struct {
	UIDs  []mail.UID
	Delta mail.Delta
	// UnchangedSince makes the change conditional: messages that changed
	// after it are left alone and end up in Modified. 0 is unconditional, and
	// so is a mailbox without mod-sequences.
	UnchangedSince mail.ModSeq
}

// StoreResult says what became of a StoreRequest.
type StoreResult struct {
	// Modified are messages that somebody else changed first, sorted. A
	// message is here if any part of its change was not carried out.
	Modified []mail.UID
	// NotDone are messages whose flags stayed as they were although the server
	// answered OK, twice; sorted.
	NotDone []mail.UID
	// Gone are messages that do not seem to be there any more: the server did
	// not tell of a change, and nothing when it was asked.
	Gone []mail.UID
	// Unknown are messages of which the server would not say what became of the
	// change; sorted.
	Unknown []mail.UID
	// Refused are flags that cannot be written in IMAP; they were left out.
	Refused mail.Flags
	Err     error // of the server, for at least one command
}

// Done reports whether the change is known to have been made to a message.
func (r *StoreResult) Done(uid mail.UID) bool {
	for _, list := range [][]mail.UID{r.Modified, r.NotDone, r.Gone, r.Unknown} {
		if slices.Contains(list, uid) {
			return false
		}
	}
	return r.Err == nil
}

// storing is one STORE command in flight.
type storing struct {
	index int // of the request
	uids  []mail.UID
	cmd   *command

	delta    mail.Delta  // of this command
	since    mail.ModSeq // its condition
	modified mail.UIDSet
	modSeq   mail.ModSeq // highest that the command gave out
	told     map[mail.UID]bool
}

// Store changes flags, with all requests in the same flight. Flags are set
// and cleared one by one, never replaced, so that those which others set
// meanwhile stay.
//
// A request that both sets and clears takes a second flight for clearing. Its
// condition is the mod-sequence that the first part gave out (RFC 7162
// §3.1.3): the one of the request would fail on our own change, and without
// any, somebody else's change between the two parts would be overwritten. Of a
// message that the first part did not change, nothing is told, and the condition
// of the request still holds.
func (s *Selection) Store(ctx context.Context, reqs []StoreRequest) ([]StoreResult, error) {
	leave, err := s.enter(ctx, "store")
	if err != nil {
		return nil, err
	}
	defer leave()
	results := make([]StoreResult, len(reqs))
	var first []*storing
	silent := !s.noModSeq && s.c.Abilities().Level >= resync.Condstore // the mod-sequence says that it was done
	for i, req := range reqs {
		add, refusedAdd := wire.FormatFlags(req.Delta.Add)
		remove, refusedRemove := wire.FormatFlags(req.Delta.Remove)
		results[i].Refused = refusedAdd.Union(refusedRemove)
		since := req.UnchangedSince
		if !silent {
			since = 0
		}
		uids := sortedUIDs(req.UIDs)
		switch {
		case add != "()":
			first = append(first, storeCommands(i, uids, mail.Delta{Add: req.Delta.Add.Minus(refusedAdd)}, since, silent)...)
		case remove != "()":
			first = append(first, storeCommands(i, uids, mail.Delta{Remove: req.Delta.Remove.Minus(refusedRemove)}, since, silent)...)
		}
	}
	if err := s.storeFlight(first, results); err != nil {
		return results, err
	}
	var second []*storing
	for _, st := range first {
		req := reqs[st.index]
		add, _ := wire.FormatFlags(req.Delta.Add)
		remove, refused := wire.FormatFlags(req.Delta.Remove)
		if add == "()" || remove == "()" || st.failed() {
			continue
		}
		done := slices.DeleteFunc(slices.Clone(st.uids), func(u mail.UID) bool { return st.modified.Contains(u) })
		told, untold := st.byWhatWasTold(req, done)
		clearing := mail.Delta{Remove: req.Delta.Remove.Minus(refused)}
		second = append(second, storeCommands(st.index, told, clearing, st.modSeq, silent)...)
		second = append(second, storeCommands(st.index, untold, clearing, st.since, silent)...)
	}
	if err := s.storeFlight(second, results); err != nil {
		return results, err
	}
	if err := s.verifyStored(append(first, second...), results); err != nil {
		return results, err
	}
	for i := range results {
		slices.Sort(results[i].Modified)
		results[i].Modified = slices.Compact(results[i].Modified)
	}
	return results, nil
}

func sortedUIDs(uids []mail.UID) []mail.UID {
	uids = slices.Clone(uids)
	slices.Sort(uids)
	uids = slices.Compact(uids)
	if len(uids) > 0 && uids[0] == 0 {
		uids = uids[1:] // no UID
	}
	return uids
}

// failed: a refusal with MODIFIED concerns only the messages it names.
func (st *storing) failed() bool {
	return st.cmd.err() != nil && st.cmd.text.Code != refusal.CodeModified
}

// byWhatWasTold parts messages of a conditional change by whether the server
// told of the mod-sequence to which our own first part raised them.
func (st *storing) byWhatWasTold(req StoreRequest, uids []mail.UID) (told, untold []mail.UID) {
	if req.UnchangedSince == 0 || st.modSeq == 0 {
		return nil, uids
	}
	for _, u := range uids {
		if st.told[u] {
			told = append(told, u)
		} else {
			untold = append(untold, u)
		}
	}
	return told, untold
}

// storeCommands writes the commands for a change that only sets, or only
// clears.
func storeCommands(index int, uids []mail.UID, delta mail.Delta, since mail.ModSeq, silent bool) []*storing {
	sign, list := "+", delta.Add
	if list.IsEmpty() {
		sign, list = "-", delta.Remove
	}
	flags, _ := wire.FormatFlags(list)
	item := "FLAGS "
	if silent {
		item = "FLAGS.SILENT "
	}
	condition := ""
	if since > 0 {
		condition = fmt.Sprintf("(UNCHANGEDSINCE %d) ", since)
	}
	var out []*storing
	const verb = "UID STORE "
	change := " " + condition + sign + item + flags
	for _, piece := range pieces(uids, wire.SetRoom(verb, change)) {
		st := &storing{index: index, uids: piece.uids, delta: delta, since: since}
		st.cmd = &command{
			line:     verb + piece.set + change,
			untagged: st.take,
		}
		out = append(out, st)
	}
	return out
}

func (st *storing) take(r wire.Response) {
	if r.Kind != "FETCH" {
		return
	}
	f, ok := wire.ParseFetch(r.Rest)
	switch {
	case !ok || f.UID == 0:
		return
	case f.ModSeq == 0 && f.HasFlags:
		// Without mod-sequences the flags are asked for, and prove it.
		flags := mail.NewFlags(wire.ParseWords(f.Flags)...)
		if flags.Apply(st.delta).Equal(flags) {
			st.tell(f.UID)
		}
		return
	case f.ModSeq == 0 || f.HasFlags:
		// With flags it would be somebody else's change that we are told of.
		return
	}
	st.tell(f.UID)
	if _, ours := slices.BinarySearch(st.uids, f.UID); ours {
		st.modSeq = max(st.modSeq, f.ModSeq)
	}
}

func (st *storing) tell(uid mail.UID) {
	if st.told == nil {
		st.told = map[mail.UID]bool{}
	}
	st.told[uid] = true
}

// storeFlight sends the commands and takes the answers. What stands behind goes
// out in the same flight, and its answers are the caller's to take.
func (s *Selection) storeFlight(flight []*storing, results []StoreResult, behind ...*command) error {
	mailbox := s.mailbox
	var waiting []*storing
	settle := func() error {
		st := waiting[0]
		waiting = waiting[1:]
		if err := s.c.wait(st.cmd); err != nil {
			return s.c.dead("store", mailbox, err)
		}
		res := &results[st.index]
		if st.cmd.text.Code == refusal.CodeModified {
			set, _ := wire.ParseSet(st.cmd.text.Args)
			st.modified = mail.MergeUIDs(set)
			for _, u := range st.uids {
				if st.modified.Contains(u) {
					res.Modified = append(res.Modified, u)
				}
			}
		}
		if st.failed() && res.Err == nil {
			res.Err = refusal.ForMailbox("store", mailbox, st.cmd.err())
		}
		return nil
	}
	s.c.link.cork()
	for _, st := range flight {
		if len(waiting) >= fetchWindow {
			if err := s.c.link.uncork(); err != nil {
				return s.c.dead("store", mailbox, err)
			}
			if err := settle(); err != nil {
				return err
			}
			s.c.link.cork()
		}
		if err := s.c.link.begin(st.cmd); err != nil {
			return s.c.dead("store", mailbox, err)
		}
		waiting = append(waiting, st)
	}
	for _, cmd := range behind {
		if err := s.c.link.begin(cmd); err != nil {
			return s.c.dead("store", mailbox, err)
		}
	}
	if err := s.c.link.uncork(); err != nil {
		return s.c.dead("store", mailbox, err)
	}
	for len(waiting) > 0 {
		if err := settle(); err != nil {
			return err
		}
	}
	return nil
}

// piece is a part of a set that fits into one command.
type piece struct {
	set  string
	uids []mail.UID
}

// pieces cuts sorted UIDs into sets of at most room bytes.
func pieces(uids []mail.UID, room int) []piece {
	var out []piece
	for _, set := range wire.FormatSets(mail.UIDSetOf(uids), room) {
		ranges, _ := wire.ParseSet([]byte(set))
		n := min(int(mail.UIDSet(ranges).Count()), len(uids))
		out = append(out, piece{set: set, uids: uids[:n]})
		uids = uids[n:]
	}
	return out
}
