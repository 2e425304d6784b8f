package sync

import (
	"context"
	"slices"
	"strings"

	"satchel/conflict"
	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// suspect is a new message on the server together with the messages, known
// or new on disk, that it may be.
type suspect struct {
	m          *message
	candidates []*message
	left       []*message        // candidates that all evidence so far speaks for
	noID       bool              // it has no Message-ID
	unsure     bool              // a candidate's file could not be read just now
	whole      bool              // its size is not to be believed, so nothing else will do either
	deep       bool              // only the digest of the whole message will do
	copied     bool              // a candidate is still where it was on the server
	doubted    map[*message]bool // candidates of which parts of the message do not show whether they are it
	digest     mail.Digest       // proven; zero when it is none of them
}

// matchRemote finds out which new messages on the server have a content that
// is here already: interrupted uploads, new files in the same mailbox,
// messages that vanished from where they were, copies. Nothing is believed
// from size and Message-ID alone; see prove.
func (s *session) matchRemote(ctx context.Context) error {
	if len(s.newRemote) == 0 {
		return nil
	}
	slices.SortFunc(s.newRemote, func(a, b *message) int {
		if c := strings.Compare(a.item.Remote.Mailbox, b.item.Remote.Mailbox); c != 0 {
			return c
		}
		return int(int64(a.uid) - int64(b.uid))
	})
	if err := s.findGaps(ctx); err != nil {
		return err
	}
	suspects, err := s.suspects(ctx)
	if err != nil {
		return err
	}
	if err := s.prove(ctx, suspects); err != nil {
		return err
	}
	s.proven = map[mail.Digest][]*message{}
	for _, sus := range suspects {
		s.proven[sus.digest] = append(s.proven[sus.digest], sus.m)
	}
	// Originals of half moves go before their copies, and these before others. Of
	// those, messages that stayed in their mailbox go first, or they would lose
	// their rows to copies elsewhere.
	putFirst(suspects, func(sus *suspect) bool {
		return slices.ContainsFunc(sus.candidates, func(c *message) bool { return c.row != nil && s.stayed(c, sus.m) })
	})
	putFirst(suspects, s.awaited)
	putFirst(suspects, func(sus *suspect) bool { return len(s.strays[sus.m]) > 0 })
	for _, sus := range suspects {
		switch {
		case !sus.digest.IsZero():
			if err := s.assign(ctx, sus); err != nil {
				return err
			}
		case sus.unsure || slices.ContainsFunc(sus.candidates, s.unread):
			// It may be one whose file could not be looked at just now.
			sus.m.done = true
			s.hold(true, sus.m.item.Remote.Mailbox)
			for _, c := range sus.candidates {
				if c.row == nil && !c.done {
					c.done = true
					s.hold(false, c.file.Folder)
				}
			}
		}
	}
	if err := s.matchAlike(ctx); err != nil {
		return err
	}
	s.postponeTwins()
	if err := s.postponeUnsure(ctx); err != nil {
		return err
	}
	s.newRemote = slices.DeleteFunc(s.newRemote, func(m *message) bool { return m.done })
	s.newLocal = slices.DeleteFunc(s.newLocal, func(m *message) bool { return m.done })
	return nil
}

// putFirst moves what is so to the front of a list, and keeps the order otherwise.
func putFirst[E any](list []E, so func(E) bool) {
	var front, rest []E
	for _, e := range list {
		if so(e) {
			front = append(front, e)
		} else {
			rest = append(rest, e)
		}
	}
	copy(list, append(front, rest...))
}

// postponeTwins puts off a message that is new in several mailboxes at once, as
// one with several labels on Gmail is, in all but one of them: once it is on
// disk, the others are copies. The planner knows of them, or their mailboxes
// would look empty to it; they are applied later, see applyTwins.
func (s *session) postponeTwins() {
	first := map[string]*message{}
	for _, m := range s.newRemote {
		if m.done || m.emailID == "" || m.item.CopyOf != nil {
			continue
		}
		if first[m.emailID] == nil {
			first[m.emailID] = m
			continue
		}
		later := *m
		later.item.Ref = &later
		s.twins = append(s.twins, &later)
		m.twin, m.item.CopyOf = true, &first[m.emailID].item
	}
}

// mayBe reports whether a file of that size could be a message of this size:
// they differ by one byte a line.
func mayBe(disk, server int64) bool {
	const bytesPerLine = 20 // hardly any message has shorter lines on average
	return disk <= server && server <= disk+disk/bytesPerLine+64
}

// unread reports whether the file of a message is in a folder that could not
// be looked at.
func (s *session) unread(m *message) bool {
	return m.row != nil && s.byID[m.row.MailboxID].blindLocal
}

// postponeUnsure leaves new messages alone that may have been moved from a
// mailbox that the server would not open just now: taken for new, and the
// other half seen later, they would become two.
func (s *session) postponeUnsure(ctx context.Context) error {
	for _, m := range s.newRemote {
		// A new file that could not be read may be the same message.
		mb := s.mailboxes[m.item.Remote.Mailbox]
		if !m.done && slices.ContainsFunc(mb.unread, func(disk int64) bool { return mayBe(disk, m.item.Size) }) {
			m.done = true
			s.hold(true, mb.name)
		}
	}
	for _, name := range s.names {
		mb := s.mailboxes[name]
		if !mb.blindRemote || mb.row == nil {
			continue
		}
		for _, m := range s.newRemote {
			if m.done {
				continue
			}
			like, err := s.db.HasSize(ctx, mb.row.ID, m.item.Size)
			if err != nil {
				return err
			}
			if like || !m.hasMeta {
				m.done = true
				s.hold(true, m.item.Remote.Mailbox)
			}
		}
	}
	return nil
}

// releaseDetached gives up pairs that UIDVALIDITY voided and that were not
// found again: what is on disk is new, so that it is not lost, and what is on
// neither side is forgotten.
func (s *session) releaseDetached(context.Context) error {
	s.keepDetached()
	released := map[*message]bool{}
	for id, m := range s.messages {
		if !m.detached || m.item.Remote.State != plan.Removed {
			continue
		}
		delete(s.messages, id)
		released[m] = true
		if !m.onDisk() {
			continue
		}
		row := m.row
		f := &message{file: m.file, date: row.Date, guessed: true, content: &maildir.Content{DiskSize: row.DiskSize, Size: row.Size,
			Digest: row.Digest, Form: row.Form, RawDigest: row.Digest, Essence: row.Identity(), ModTime: row.Date}}
		f.item = plan.Item{Ref: f, Size: row.Size, Local: plan.Side{State: plan.New, Mailbox: m.file.Folder, Key: m.file.Base(), Flags: m.item.Local.Flags}}
		s.newLocal = append(s.newLocal, f)
	}
	// Their rows go, so there is nothing to be noted in them.
	s.touched = slices.DeleteFunc(s.touched, func(m *message) bool { return released[m] })
	return nil
}

// suspects gathers candidates: by size new files in the same mailbox and
// messages that vanished from elsewhere, by the server's own identity any
// message at all.
func (s *session) suspects(ctx context.Context) ([]*suspect, error) {
	vanished := map[int64][]*message{}
	for _, m := range s.messages {
		if m.item.Remote.State == plan.Removed && !s.trashed(m) && !s.leftBehind(m) && (m.onDisk() || s.localBlind || s.hiddenFile(m.row.Base, m.row.DiskSize) != "" || s.wantsDeepProof(m)) {
			vanished[m.row.Size] = append(vanished[m.row.Size], m)
		}
	}
	newHere := map[string]map[int64][]*message{}
	for _, f := range s.newLocal {
		in := newHere[f.file.Folder]
		if in == nil {
			in = map[int64][]*message{}
			newHere[f.file.Folder] = in
		}
		in[f.content.Size] = append(in[f.content.Size], f)
		if f.content.DiskSize != f.content.Size {
			// Its server form may also be the file as it is.
			in[f.content.DiskSize] = append(in[f.content.DiskSize], f)
		}
		if n := f.content.TidySize; n > 0 && n != f.content.Size && n != f.content.DiskSize {
			in[n] = append(in[n], f) // or with other line ends
		}
		if n := f.content.EssenceSize; f.content.Housekeeping > 0 && n != f.content.DiskSize {
			in[n] = append(in[n], f) // or without the lines that a program added
		}
	}
	same, err := s.sameIdentity(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.learnSizes(ctx); err != nil {
		return nil, err
	}
	s.findStrays()
	var list []*suspect
	for _, m := range s.newRemote {
		if !m.hasMeta {
			continue
		}
		if m.replaces != 0 {
			// It was here before, so it is nothing that moved.
			if c := same[m.emailID]; len(c) > 0 {
				list = append(list, &suspect{m: m, candidates: c})
			}
			continue
		}
		sus := &suspect{m: m, candidates: slices.Clone(newHere[m.item.Remote.Mailbox][m.item.Size])}
		for _, v := range vanished[m.item.Size] {
			// Another identity is no proof of another message: what an interrupted
			// run uploaded again has a new one, and so has what is in a mailbox
			// that was made anew since it was moved there, or with all it holds.
			if m.emailID == "" || v.row.EmailID == "" || m.emailID == v.row.EmailID || v.detached || s.wasUploading(v.row.Digest) ||
				s.startsAnew(m) && (s.movedByUs(v) || s.byID[v.row.MailboxID].remote == nil) {
				sus.candidates = append(sus.candidates, v)
			}
		}
		for _, i := range s.intents {
			var c *message
			switch i.Kind {
			case state.IntentAppend:
				c = s.intended(i)
			case state.IntentRemoteMove, state.IntentTrash:
				c = s.halfMoved(i, m)
				if c == nil && s.astray[i] && i.Mailbox == m.item.Remote.Mailbox && s.after(i, m) {
					c = s.messages[i.Message]
				}
			}
			if c != nil && c.item.Size == m.item.Size && !slices.Contains(sus.candidates, c) {
				sus.candidates = append(sus.candidates, c)
			}
		}
		for _, i := range s.strays[m] {
			if c := s.messages[i.Message]; !slices.Contains(sus.candidates, c) {
				sus.candidates = append(sus.candidates, c)
			}
		}
		if m.emailID != "" {
			for _, c := range same[m.emailID] {
				if !slices.Contains(sus.candidates, c) {
					sus.candidates = append(sus.candidates, c)
				}
			}
		}
		if len(sus.candidates) > 0 {
			list = append(list, sus)
		}
	}
	if list, err = s.suspectCopies(ctx, list); err != nil {
		return nil, err
	}
	return s.byEstimate(s.suspectUploads(list)), nil
}

// suspectUploads takes into account servers that tell a wrong RFC822.SIZE: an
// upload that must have led to a message, and that no message has the size of,
// may be any that nothing else is known of.
func (s *session) suspectUploads(list []*suspect) []*suspect {
	suspected := map[*message]bool{}
	candidate := map[*message]bool{}
	for _, sus := range list {
		suspected[sus.m] = true
		for _, c := range sus.candidates {
			candidate[c] = true
		}
	}
	for _, m := range s.newRemote {
		if suspected[m] || !m.hasMeta {
			continue
		}
		sus := &suspect{m: m, whole: true}
		for _, i := range s.intendedAppends(m.item.Remote.Mailbox) {
			if c := s.uploaded(i); c != nil && !candidate[c] && !slices.Contains(sus.candidates, c) {
				sus.candidates = append(sus.candidates, c)
			}
		}
		if len(sus.candidates) > 0 {
			list = append(list, sus)
		}
	}
	return list
}

// uploaded returns what an interrupted upload was about: a new file, or a
// message that was to come back.
func (s *session) uploaded(i *state.Intent) *message {
	if f := s.intended(i); f != nil {
		return f
	}
	for _, m := range s.messages {
		if m.item.Remote.State == plan.Removed && m.onDisk() && m.row.Digest == i.Digest {
			return m
		}
	}
	return nil
}

// sameIdentity returns the messages on disk that the server says are the same
// as new ones, by identity.
func (s *session) sameIdentity(ctx context.Context) (map[string][]*message, error) {
	if empty, err := s.db.Empty(ctx); err != nil || empty {
		return nil, err // a first sync has nothing to find
	}
	var ids []string
	for _, m := range s.newRemote {
		if m.emailID != "" {
			ids = append(ids, m.emailID)
		}
	}
	rows, err := s.db.ByEmailID(ctx, ids)
	if err != nil {
		return nil, err
	}
	same := make(map[string][]*message, len(rows))
	// What satchel itself put there got its identity just now.
	for _, c := range s.touched {
		if id := c.row.EmailID; id != "" && c.onDisk() {
			same[id] = append(same[id], c)
		}
	}
	for id, list := range rows {
		for _, row := range list {
			if mb := s.byID[row.MailboxID]; mb == nil || mb.detached || s.mailboxes[mb.name] == nil {
				continue
			}
			if c := s.message(row); c.onDisk() {
				same[id] = append(same[id], c)
			}
		}
	}
	return same, nil
}

func (m *message) onDisk() bool { return m.file.Name != "" }

// wantsDeepProof reports whether it matters to recognise a vanished message
// that is not on disk either: by its digest alone, so by a transfer.
func (s *session) wantsDeepProof(m *message) bool {
	return s.account.Policy.EditVsDelete == conflict.Delete || s.movedByUs(m) || s.ourMark(m.row.ID) != nil
}

// intended returns the new file that an interrupted upload was about, wherever
// it is now, if nothing is known of it yet. A file that is where another upload
// of the same content began is that one's; copies often have one name.
func (s *session) intended(i *state.Intent) *message {
	began := func(i *state.Intent, f *message) bool { return f.file.Folder == i.Mailbox && f.file.Base() == i.Base }
	var found *message
	for _, f := range s.newLocal {
		switch {
		case f.done || f.content.Digest != i.Digest:
		case began(i, f):
			return f
		case slices.ContainsFunc(s.intents, func(j *state.Intent) bool {
			return j.Kind == state.IntentAppend && j.Digest == i.Digest && began(j, f)
		}):
		case found == nil || f.file.Base() == i.Base:
			found = f
		}
	}
	return found
}

// wasUploading reports whether an interrupted run was uploading that content.
func (s *session) wasUploading(d mail.Digest) bool {
	return slices.ContainsFunc(s.intents, func(i *state.Intent) bool { return i.Kind == state.IntentAppend && i.Digest == d })
}
