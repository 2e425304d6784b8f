package sync

import (
	"context"
	"slices"

	"satchel/conflict"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// suspects gathers candidates: by size new files in the same mailbox and
// messages that vanished from elsewhere, by the server's own identity any
// message at all.
func (s *session) suspects(ctx context.Context) ([]*suspect, error) {
	vanished := map[int64][]*message{}
	for _, m := range s.messages {
		if m.item.Remote.State == plan.Removed && !s.trashed(m) && !s.leftBehind(m) && (m.onDisk() || s.localBlind || !m.notHeld() || s.hiddenFile(m.row.Base, m.row.DiskSize) != "" || s.wantsDeepProof(m)) {
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
		for _, n := range f.content.Sizes() {
			in[n] = append(in[n], f)
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
			// that was made anew.
			if m.emailID == "" || v.row.EmailID == "" || m.emailID == v.row.EmailID || v.detached || s.wasUploading(v.row.Digest) || s.startsAnew(m) {
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
			if c != nil && c.mayHave(m.item.Size) && !slices.Contains(sus.candidates, c) {
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
			mb := s.byID[row.MailboxID]
			if mb == nil || mb.detached && !mb.released || s.mailboxes[mb.name] == nil || mb.redelivers(row) {
				continue // a dry run has not noted that a file is awaited
			}
			if c := s.message(row); c.onDisk() {
				same[id] = append(same[id], c)
			}
		}
	}
	return same, nil
}

// onDisk reports whether the message has a file now.
func (m *message) onDisk() bool { return m.file.Name != "" }

// wantsDeepProof reports whether it matters to recognise a vanished message
// that is not on disk either: by its digest alone, so by a transfer.
func (s *session) wantsDeepProof(m *message) bool {
	return s.account.Policy.EditVsDelete == conflict.Delete || s.movedByUs(m) || s.ourMark(m.row.ID) != nil || s.setBack(m)
}

// mayHave reports whether a message, or a new file in one of its forms, has that size
// on the server.
func (m *message) mayHave(size int64) bool {
	return m.item.Size == size || m.row == nil && m.content != nil && slices.Contains(m.content.Sizes(), size)
}

// intended returns the new file that an interrupted upload was about, wherever
// it is now, if nothing is known of it yet. A program that moved it meanwhile may have
// added lines of its own; a file as it went up is rather meant. A file that is where
// another upload of the same content began is that one's; copies often have one name, and
// then it is that one's of which it has the flags.
func (s *session) intended(i *state.Intent) *message {
	began := func(i *state.Intent, f *message) bool { return f.file.Folder == i.Mailbox && f.file.Base() == i.Base }
	asSent := func(f *message) bool { return f.content.Digest == i.Digest }
	var found *message
	for _, f := range s.newLocal {
		switch {
		case f.done || !slices.Contains(f.content.Digests(), i.Digest):
		case slices.ContainsFunc(s.intents, func(j *state.Intent) bool {
			return j.Kind == state.IntentAppend && j.Digest == i.Digest && began(j, f) && (!began(i, f) || f.sentBy(j) && !f.sentBy(i))
		}):
		case began(i, f):
			return f
		case found == nil || asSent(f) && !asSent(found) || asSent(f) == asSent(found) && f.file.Base() == i.Base:
			found = f
		}
	}
	return found
}

// sentBy reports whether a file has the flags that an upload gave the server.
func (m *message) sentBy(i *state.Intent) bool { return m.item.Local.Flags.Equal(i.Delta.Add) }

// wasUploading reports whether an interrupted run was uploading that content.
func (s *session) wasUploading(d mail.Digest) bool {
	return slices.ContainsFunc(s.intents, func(i *state.Intent) bool { return i.Kind == state.IntentAppend && i.Digest == d })
}
