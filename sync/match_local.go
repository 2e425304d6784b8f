package sync

import (
	"context"
	"errors"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// matchLocal finds out which new files are messages that are missing from
// where they were: by content always, preferring the same unique name, then
// the same folder. Names and inodes alone prove nothing, since both are used
// again. A file whose content is known but not missing is a copy. What a program
// added to the header when it saved the file is no other content (mail.Essence).
func (s *session) matchLocal(ctx context.Context) error {
	if err := s.namesakes(ctx); err != nil {
		return err
	}
	missing := map[mail.Digest][]*message{}
	for _, m := range s.messages {
		// What waits to be expunged is marked \Deleted on the server; a file of
		// that content is another message, which must not get that mark.
		if m.item.Local.State == plan.Removed && !s.byID[m.row.MailboxID].blindLocal && s.postponedBefore(m.row.ID) == nil {
			missing[m.row.Digest] = append(missing[m.row.Digest], m)
			if d := m.row.Identity(); d != m.row.Digest {
				missing[d] = append(missing[d], m)
			}
		}
	}
	// What is where it was goes first, then the file that an interrupted run was
	// moving, then one that kept its name, or their places could be taken by a
	// copy that somebody made beside them.
	for _, by := range []matchBy{byPlace, byIntent, byName, byContent, byEssence} {
		rest := s.newLocal[:0]
		for _, f := range s.newLocal {
			m, err := s.bestMissing(ctx, missing, f, by)
			if err != nil {
				return err
			}
			if m == nil {
				rest = append(rest, f)
				continue
			}
			s.rejoin(m, f, by)
			m.content = f.content
			m.row.DiskSize, m.row.Form = f.content.DiskSize, formOf(f.content, m.row)
			m.row.Identify(f.content.Essence)
		}
		s.newLocal = rest
	}
	s.keptNames()
	if err := s.knownContents(ctx); err != nil {
		return err
	}
	s.newLocal = slices.DeleteFunc(s.newLocal, func(f *message) bool { return f.done })
	return s.dropUndelivered(ctx)
}

// rejoin takes a new file for that of a message that was missing.
func (s *session) rejoin(m, f *message, by matchBy) {
	home := s.byID[m.row.MailboxID].name
	m.reading = s.readMoved(m.row, f, by)
	if f.file.Folder != home {
		m.offer()
	}
	m.found(f.file, m.reading.Flags, home)
	m.item.Local.Key = f.file.Base()
	s.touched = append(s.touched, m)
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
func (s *session) agrees(by matchBy, m, f *message) bool {
	switch by {
	case byContent:
		return isExactly(f.content, m.row)
	case byEssence:
		return true
	case byName:
		return m.row.Base == f.file.Base()
	case byPlace:
		return f.file == maildir.File{Folder: s.byID[m.row.MailboxID].name, New: m.row.New, Name: m.row.Base + m.row.Info}
	}
	return slices.ContainsFunc(s.intents, func(i *state.Intent) bool {
		return i.Kind == state.IntentLocalMove && i.Message == m.row.ID && i.Mailbox == f.file.Folder && i.Base == f.file.Base()
	})
}

// bestMissing returns the missing message that f most likely is: of equal
// content, rather one that the server has still, and rather from the same folder.
// Taken for one that the server has no more, f would be removed, and so would the
// other one for want of a file.
func (s *session) bestMissing(ctx context.Context, missing map[mail.Digest][]*message, f *message, by matchBy) (*message, error) {
	better := func(a, b *message) bool { // is a the better match?
		if x, y := s.leftServer(a.row), s.leftServer(b.row); x != y {
			return y
		}
		if x, y := a.item.Local.Mailbox == f.file.Folder, b.item.Local.Mailbox == f.file.Folder; x != y {
			return x
		}
		return a.row.ID < b.row.ID
	}
	var best *message
	for _, d := range f.content.Digests() {
		for _, m := range missing[d] {
			if m.item.Local.State != plan.Removed || !s.agrees(by, m, f) || !holds(f.content, m.row) {
				continue
			}
			if m.row.Pending && by >= byContent {
				// It may never have been delivered, and f be a copy of
				// another message, or that one, moved.
				others, err := s.db.ByDigest(ctx, m.row.Digest)
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
func (s *session) leftServer(row *state.Message) bool {
	mb := s.byID[row.MailboxID]
	return mb != nil && !mb.detached && !mb.blindRemote && mb.toldGone(row.UID)
}

// lost reports whether the message of a row is not where it was on either side.
func (s *session) lost(row *state.Message) bool {
	m := s.messages[row.ID]
	return m != nil && m.item.Local.State == plan.Removed && s.leftServer(row)
}

// knownContents looks for messages that new files are copies of.
func (s *session) knownContents(ctx context.Context) error {
	var digests []mail.Digest
	for _, f := range s.newLocal {
		digests = append(digests, f.content.Digests()...)
	}
	if len(digests) == 0 {
		return nil
	}
	if empty, err := s.db.Empty(ctx); err != nil || empty {
		return err
	}
	known, err := s.db.ByDigests(ctx, digests)
	if err != nil {
		return err
	}
	alike, err := s.db.ByIdentity(ctx, digests)
	if err != nil {
		return err
	}
	for d, rows := range alike {
		known[d] = append(known[d], rows...) // those of the same digest come first
	}
	for _, f := range s.newLocal {
		s.knownContent(f, known)
	}
	return nil
}

func (s *session) knownContent(f *message, known map[mail.Digest][]*state.Message) {
	for _, d := range f.content.Digests() {
		for _, row := range known[d] {
			mb := s.byID[row.MailboxID]
			if mb == nil || mb.detached || s.mailboxes[mb.name] == nil || !holds(f.content, row) {
				continue
			}
			origin := s.message(row)
			if mb.blindLocal || s.leftSince(origin) {
				// It may have been moved from there; then it is no copy.
				f.done = true
				s.hold(false, f.file.Folder, mb.name)
				return
			}
			f.content.Apart(row.Digest, row.Size) // in the form in which the server has it
			f.item.Size = f.content.Size
			f.item.CopyOf = &origin.item
			s.readCopy(f, origin)
			return
		}
	}
}

// leftSince reports whether the file of a message went from where this cycle
// saw it, so that a new file of the same content may be the same one: folders
// are listed one after the other. The next cycle tells.
func (s *session) leftSince(m *message) bool {
	if !m.onDisk() || m.item.Local.State == plan.Removed {
		return false
	}
	there, err := s.store.Exists(m.file)
	if err != nil || there {
		return false
	}
	s.moved = true
	return true
}

// dropUndelivered forgets rows that were written ahead of a delivery that did
// not happen; the server's message is new again. What an older Maildir does not
// have waits for its delivery as well, which may be another run's.
func (s *session) dropUndelivered(ctx context.Context) error {
	var drop, delivered []*message
	var dropIDs, deliveredIDs, awaitedIDs []int64
	for _, m := range s.messages {
		switch {
		case (m.row.Pending || s.restored && !m.detached) && m.item.Local.State == plan.Removed:
			if !m.row.Pending {
				m.row.Pending = true
				awaitedIDs = append(awaitedIDs, m.row.ID)
			}
			drop = append(drop, m)
			if !s.passed(m) { // else the row is all that speaks of it until it is delivered
				dropIDs = append(dropIDs, m.row.ID)
			}
		case m.row.Pending && m.item.Local.State.Present() && m.file.Name != "" && s.seenOnDisk(m):
			delivered = append(delivered, m)
			deliveredIDs = append(deliveredIDs, m.row.ID)
		}
	}
	if len(drop)+len(delivered) == 0 {
		return nil
	}
	note := func(tx *state.Tx) error {
		return errors.Join(tx.Awaited(awaitedIDs...), tx.DeleteMessages(dropIDs...), tx.Delivered(deliveredIDs...))
	}
	if !s.req.DryRun {
		if err := s.db.Update(ctx, note); err != nil {
			return err
		}
	}
	for _, m := range delivered {
		m.row.Pending = false
	}
	for _, m := range drop {
		delete(s.messages, m.row.ID)
		mb := s.byID[m.row.MailboxID]
		if !s.passed(m) && !s.req.DryRun { // which leaves the row where it is
			m.row.ID = 0
		}
		mb.undelivered = append(mb.undelivered, m.row)
	}
	return nil
}

// seenOnDisk reports whether this cycle saw the file, and does not just
// believe the row.
func (s *session) seenOnDisk(m *message) bool {
	mb := s.mailboxes[m.file.Folder]
	return mb != nil && mb.listing != nil
}

// confirmRemoved looks once more before files that seem to be gone are
// removed from the server. Folders are listed one after the other, so a file
// that a mail program moves from a folder not yet listed to one that is would
// be in neither listing.
func (s *session) confirmRemoved(ctx context.Context) error {
	some := false
	for _, m := range s.messages {
		some = some || m.item.Local.State == plan.Removed && m.item.Remote.State != plan.Removed
	}
	if !some {
		return nil
	}
	return s.confirmFolders(ctx)
}

// confirmNowhere does so before new messages on the server are compared with
// what is known, for what such a file may be: a message that seems to be gone
// from both sides, moved on both, or the upload that a run died in. That waits,
// where a folder did not hold still.
func (s *session) confirmNowhere(ctx context.Context) error {
	some := false
	for _, m := range s.messages {
		if m.item.Local.State == plan.Removed && m.item.Remote.State == plan.Removed {
			some = some || slices.ContainsFunc(s.newRemote, func(n *message) bool { return s.mayHaveSize(m.row.Size, n.item.Size) })
		}
	}
	waits := map[*message][]*state.Intent{}
	for _, i := range s.intents {
		if i.Kind != state.IntentAppend || s.uploaded(i) != nil {
			continue
		}
		for _, n := range s.newRemote {
			if n.item.Remote.Mailbox == i.Mailbox && s.mayHaveSize(i.Size, n.item.Size) {
				waits[n] = append(waits[n], i)
			}
		}
	}
	if !some && len(waits) == 0 {
		return nil
	}
	if err := s.confirmFolders(ctx); err != nil {
		return err
	}
	for n, intents := range waits {
		if !s.localBlind && !slices.ContainsFunc(intents, func(i *state.Intent) bool { return s.hidesUpload(i) }) {
			delete(waits, n)
			continue
		}
		s.hold(true, n.item.Remote.Mailbox)
		s.waiting = append(s.waiting, intents...)
	}
	s.newRemote = slices.DeleteFunc(s.newRemote, func(n *message) bool { return waits[n] != nil })
	return nil
}

// confirmFolders finds out whether the folders are as they were listed.
func (s *session) confirmFolders(ctx context.Context) error {
	folders, skipped, err := s.store.Survey(ctx, nil)
	if err != nil {
		return err
	}
	s.freezeSkipped(skipped)
	for i := range folders {
		still, err := s.holdsStill(ctx, &folders[i])
		if err != nil {
			return err
		}
		if !still {
			s.localBlind, s.moved = true, true
			return nil
		}
	}
	return nil
}

// holdsStill reports whether a folder is as it was when this cycle looked at
// it. A time stamp proves it only when it was old enough then.
func (s *session) holdsStill(ctx context.Context, f *maildir.Folder) (bool, error) {
	if !s.wanted(f.Name) {
		return true, nil
	}
	mb := s.mailboxes[f.Name]
	if mb == nil || mb.folder == nil {
		return slices.Contains(s.halves, f.Name), nil // else it was made meanwhile
	}
	if mb.blindLocal {
		return true, nil
	}
	before := mb.folder.Stamp
	if l := mb.listing; l != nil {
		if l.Stamp.Cur == 0 || l.Stamp.New == 0 {
			again, err := s.store.Scan(ctx, f.Name)
			if err != nil {
				if ctx.Err() != nil {
					return false, err
				}
				return false, nil
			}
			return !again.Unsettled && mb.expected != nil && again.Fingerprint() == *mb.expected, nil
		}
		before = l.Stamp
	}
	return f.Stamp.Cur == before.Cur && f.Stamp.New == before.New, nil
}
