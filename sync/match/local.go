package match

import (
	"context"
	"errors"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/keyword"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// MatchLocal finds out which new files are messages that are missing from
// where they were: by content always, preferring the same unique name, then
// the same folder. Names and inodes alone prove nothing, since both are used
// again. A file whose content is known but not missing is a copy. What a program
// added to the header when it saved the file is no other content (mail.Essence).
func (s *Match) MatchLocal(ctx context.Context) error {
	if err := s.namesakes(ctx); err != nil {
		return err
	}
	missing := map[mail.Digest][]*view.Message{}
	for _, m := range s.Messages {
		// What waits to be expunged is marked \Deleted on the server; a file of
		// that content is another message, which must not get that mark.
		if m.Item.Local.State == plan.Removed && !s.ByID[m.Row.MailboxID].LocalIncomplete && s.PostponedBefore(m.Row.ID) == nil {
			missing[m.Row.Digest] = append(missing[m.Row.Digest], m)
			if d := m.Row.Identity(); d != m.Row.Digest {
				missing[d] = append(missing[d], m)
			}
		}
	}
	// What is where it was goes first, then the file that an interrupted run was
	// moving, then one that kept its name, or their places could be taken by a
	// copy that somebody made beside them.
	for _, by := range []matchBy{byPlace, byIntent, byName, byContent, byEssence} {
		rest := s.NewLocal[:0]
		for _, f := range s.NewLocal {
			m, err := s.bestMissing(ctx, missing, f, by)
			if err != nil {
				return err
			}
			if m == nil {
				rest = append(rest, f)
				continue
			}
			s.rejoin(m, f, by)
			m.Content = f.Content
			m.Row.DiskSize, m.Row.Form = f.Content.DiskSize, view.FormOf(f.Content, m.Row)
			m.Row.Identify(f.Content.Essence)
		}
		s.NewLocal = rest
	}
	s.keptNames()
	if err := s.knownContents(ctx); err != nil {
		return err
	}
	s.NewLocal = slices.DeleteFunc(s.NewLocal, func(f *view.Message) bool { return f.Done })
	s.dropUndelivered()
	return nil
}

// rejoin takes a new file for that of a message that was missing.
func (s *Match) rejoin(m, f *view.Message, by matchBy) {
	home := s.ByID[m.Row.MailboxID].Name
	m.Reading = s.readMoved(m.Row, f, by)
	if f.File.Folder != home {
		keyword.Offer(m)
	}
	m.Found(f.File, m.Reading.Flags, home)
	m.Item.Local.Key = f.File.Base()
	s.Touched = append(s.Touched, m)
}

// matchBy says what a new file and a missing message must share beside the
// content.
type matchBy uint8

const (
	byPlace matchBy = iota
	byIntent
	byName
	byContent
	byEssence
)

// agrees reports whether f may be m by that measure.
func (s *Match) agrees(by matchBy, m, f *view.Message) bool {
	switch by {
	case byContent:
		return view.IsExactly(f.Content, m.Row)
	case byEssence:
		return true
	case byName:
		return m.Row.Base == f.File.Base()
	case byPlace:
		return f.File == view.FileOf(s.ByID[m.Row.MailboxID].Name, m.Row)
	}
	return slices.ContainsFunc(s.Intents, func(i *state.Intent) bool {
		return i.Kind == state.IntentLocalMove && i.Message == m.Row.ID && i.Mailbox == f.File.Folder && i.Base == f.File.Base()
	})
}

// bestMissing returns the missing message that f most likely is: of equal
// content, rather one that the server has still, and rather from the same folder.
// Taken for one that the server has no more, f would be removed, and so would the
// other one for want of a file.
func (s *Match) bestMissing(ctx context.Context, missing map[mail.Digest][]*view.Message, f *view.Message, by matchBy) (*view.Message, error) {
	better := func(a, b *view.Message) bool { // is a the better match?
		if x, y := s.leftServer(a.Row), s.leftServer(b.Row); x != y {
			return y
		}
		if x, y := a.Item.Local.Mailbox == f.File.Folder, b.Item.Local.Mailbox == f.File.Folder; x != y {
			return x
		}
		return a.Row.ID < b.Row.ID
	}
	var best *view.Message
	for _, d := range f.Content.Digests() {
		for _, m := range missing[d] {
			if m.Item.Local.State != plan.Removed || !s.agrees(by, m, f) || !view.Holds(f.Content, m.Row) {
				continue
			}
			if m.Row.Pending && by >= byContent {
				// It may never have been delivered, and f be a copy of
				// another message, or that one, moved.
				others, err := s.DB.ByDigest(ctx, m.Row.Digest)
				if err != nil {
					return nil, err
				}
				if slices.ContainsFunc(others, func(o *state.Message) bool { return !s.lost(o) }) {
					continue
				}
			}
			if best == nil || better(m, best) {
				best = m
			}
		}
	}
	return best, nil
}

// leftServer reports whether the server says that it does not have the message of
// a row there any more.
func (s *Match) leftServer(row *state.Message) bool {
	mb := s.ByID[row.MailboxID]
	return mb != nil && !mb.UIDsVoid && !mb.RemoteIncomplete && mb.ToldGone(row.UID)
}

// lost reports whether the message of a row is not where it was on either side.
func (s *Match) lost(row *state.Message) bool {
	m := s.Messages[row.ID]
	return m != nil && m.Item.Local.State == plan.Removed && s.leftServer(row)
}

// knownContents looks for messages that new files are copies of.
func (s *Match) knownContents(ctx context.Context) error {
	var digests []mail.Digest
	for _, f := range s.NewLocal {
		digests = append(digests, f.Content.Digests()...)
	}
	if len(digests) == 0 {
		return nil
	}
	if empty, err := s.DB.Empty(ctx); err != nil || empty {
		return err
	}
	known, err := s.DB.ByDigests(ctx, digests)
	if err != nil {
		return err
	}
	alike, err := s.DB.ByIdentity(ctx, digests)
	if err != nil {
		return err
	}
	for d, rows := range alike {
		known[d] = append(known[d], rows...) // those of the same digest come first
	}
	for _, f := range s.NewLocal {
		s.knownContent(f, known)
	}
	return nil
}

func (s *Match) knownContent(f *view.Message, known map[mail.Digest][]*state.Message) {
	for _, d := range f.Content.Digests() {
		for _, row := range known[d] {
			mb := s.ByID[row.MailboxID]
			if mb == nil || mb.UIDsVoid || s.Mailboxes[mb.Name] == nil || !view.Holds(f.Content, row) {
				continue
			}
			origin := s.Message(row)
			if mb.LocalIncomplete || s.leftSince(origin) {
				// It may have been moved from there; then it is no copy.
				f.Done = true
				s.HoldStamp(f.File.Folder, mb.Name)
				return
			}
			f.Content.Apart(row.Digest, row.Size) // in the form in which the server has it
			f.Item.Size = f.Content.Size
			f.Item.CopyOf = &origin.Item
			s.readCopy(f, origin)
			return
		}
	}
}

// leftSince reports whether the file of a message went from where this cycle
// saw it, so that a new file of the same content may be the same one: folders
// are listed one after the other. The next cycle tells.
func (s *Match) leftSince(m *view.Message) bool {
	if !m.OnDisk() || m.Item.Local.State == plan.Removed {
		return false
	}
	there, err := s.Store.Exists(m.File)
	if err != nil || there {
		return false
	}
	s.Moved = true
	return true
}

// dropUndelivered forgets rows that were written ahead of a delivery that did
// not happen; the server's message is new again. What an older Maildir does not
// have waits for its delivery as well, which may be another run's.
func (s *Match) dropUndelivered() {
	var drop, delivered []*view.Message
	var dropIDs, deliveredIDs, awaitedIDs []int64
	for _, m := range s.Messages {
		switch {
		case (m.Row.Pending || s.Restored && !m.UIDVoid) && m.Item.Local.State == plan.Removed:
			if !m.Row.Pending {
				m.Row.Pending = true
				awaitedIDs = append(awaitedIDs, m.Row.ID)
			}
			drop = append(drop, m)
			if !s.passed(m) { // else the row is all that speaks of it until it is delivered
				dropIDs = append(dropIDs, m.Row.ID)
			}
		case m.Row.Pending && m.Item.Local.State.Present() && m.File.Name != "" && s.seenOnDisk(m):
			delivered = append(delivered, m)
			deliveredIDs = append(deliveredIDs, m.Row.ID)
		}
	}
	if len(drop)+len(delivered) == 0 {
		return
	}
	s.Resolve(func(tx *state.Tx) error {
		return errors.Join(tx.Awaited(awaitedIDs...), tx.DeleteMessages(dropIDs...), tx.Delivered(deliveredIDs...))
	})
	for _, m := range delivered {
		m.Row.Pending = false
	}
	for _, m := range drop {
		delete(s.Messages, m.Row.ID)
		mb := s.ByID[m.Row.MailboxID]
		mb.Undelivered = append(mb.Undelivered, m.Row)
	}
}

// seenOnDisk reports whether this cycle saw the file, and does not just
// believe the row.
func (s *Match) seenOnDisk(m *view.Message) bool {
	mb := s.Mailboxes[m.File.Folder]
	return mb != nil && mb.Listing != nil
}

// HoldsStill reports whether a folder is as it was when this cycle looked at
// it. A time stamp proves it only when it was old enough then.
func (s *Match) HoldsStill(ctx context.Context, f *maildir.Folder) (bool, error) {
	if !s.Wanted(f.Name) {
		return true, nil
	}
	mb := s.Mailboxes[f.Name]
	if mb == nil || mb.Folder == nil {
		return slices.Contains(s.survey.Halves, f.Name), nil // else it was made meanwhile
	}
	if mb.LocalIncomplete {
		return true, nil
	}
	before := mb.Folder.Stamp
	if l := mb.Listing; l != nil {
		if l.Stamp.Cur == 0 || l.Stamp.New == 0 {
			again, err := s.Store.Scan(ctx, f.Name)
			if err != nil {
				if ctx.Err() != nil {
					return false, err
				}
				return false, nil
			}
			return !again.Unsettled && mb.Expected != nil && again.Fingerprint() == *mb.Expected, nil
		}
		before = l.Stamp
	}
	return f.Stamp.Cur == before.Cur && f.Stamp.New == before.New, nil
}
