package match

import (
	"context"
	"slices"

	"satchel/conflict"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// unidentifiedMessages gathers candidates: by size new files in the same mailbox and
// messages that vanished from elsewhere, by the server's own identity any
// message at all.
func (s *Match) unidentifiedMessages(ctx context.Context) ([]*unidentified, error) {
	vanished, newHere := s.vanishedBySize(), s.newFilesBySize()
	same, err := s.sameIdentity(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.quirks.LearnSizes(ctx); err != nil {
		return nil, err
	}
	s.findMovedSources()
	var list []*unidentified
	for _, m := range s.NewRemote {
		if !m.HasMeta {
			continue
		}
		candidates := same[m.EmailID]
		if m.Replaces == 0 { // else it was here before, so it is nothing that moved
			candidates = s.candidatesFor(m, vanished[m.Item.Size], newHere[m.Item.Remote.Mailbox][m.Item.Size], candidates)
		}
		if len(candidates) > 0 {
			list = append(list, &unidentified{m: m, candidates: candidates})
		}
	}
	if list, err = s.unidentifiedCopies(ctx, list); err != nil {
		return nil, err
	}
	return s.byEstimate(s.unidentifiedUploads(list)), nil
}

// vanishedBySize returns the messages that the server has no more where they were, and
// that are on disk, or may be, or are to be recognised all the same.
func (s *Match) vanishedBySize() map[int64][]*view.Message {
	vanished := map[int64][]*view.Message{}
	for _, m := range s.Messages {
		if m.Item.Remote.State == plan.Removed && !s.Trashed(m) && !s.WaitsForExpunge(m) && (m.OnDisk() || s.LocalIncomplete || !m.NotHeld() || s.HiddenFile(m.Row.Base, m.Row.DiskSize) != "" || s.needsWhole(m)) {
			vanished[m.Row.Size] = append(vanished[m.Row.Size], m)
		}
	}
	return vanished
}

// newFilesBySize returns the new files of each mailbox, by the sizes that they may have
// on the server.
func (s *Match) newFilesBySize() map[string]map[int64][]*view.Message {
	files := map[string]map[int64][]*view.Message{}
	for _, f := range s.NewLocal {
		in := files[f.File.Folder]
		if in == nil {
			in = map[int64][]*view.Message{}
			files[f.File.Folder] = in
		}
		for _, n := range f.Content.Sizes() {
			in[n] = append(in[n], f)
		}
	}
	return files
}

// candidatesFor returns what m may be: of the messages of its size that vanished, the new
// files of its size in its mailbox, what the journal announced, and what has its identity.
func (s *Match) candidatesFor(m *view.Message, vanished, newHere, same []*view.Message) []*view.Message {
	list := slices.Clone(newHere)
	for _, v := range vanished {
		// Another identity is no proof of another message: what an interrupted
		// run uploaded again has a new one, and so has what is in a mailbox
		// that was made anew.
		if m.EmailID == "" || v.Row.EmailID == "" || m.EmailID == v.Row.EmailID || v.UIDVoid || s.wasUploading(v.Row.Digest) || s.StartsAnew(m) {
			list = append(list, v)
		}
	}
	add := func(c *view.Message) {
		if !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	for _, i := range s.Intents {
		if c := s.announcedAs(i, m); c != nil && c.MayHave(m.Item.Size) {
			add(c)
		}
	}
	for _, i := range s.maybeSourceOf[m] {
		add(s.Messages[i.Message])
	}
	for _, c := range same {
		add(c)
	}
	return list
}

// announcedAs returns the message that m may be by the journal: what was sent or moved
// to its mailbox. Nil if there is none.
func (s *Match) announcedAs(i *state.Intent, m *view.Message) *view.Message {
	switch i.Kind {
	case state.IntentAppend, state.IntentCopy:
		return s.intended(i)
	case state.IntentRemoteMove, state.IntentTrash:
		if c := s.movedHalfway(i, m); c != nil {
			return c
		}
		if s.sourceFound[i] && i.Mailbox == m.Item.Remote.Mailbox && s.after(i, m) {
			return s.Messages[i.Message]
		}
	}
	return nil
}

// unidentifiedUploads takes into account servers that tell a wrong RFC822.SIZE: an
// upload that must have led to a message, and that no message has the size of,
// may be any that nothing else is known of.
func (s *Match) unidentifiedUploads(list []*unidentified) []*unidentified {
	suspected := map[*view.Message]bool{}
	candidate := map[*view.Message]bool{}
	for _, sus := range list {
		suspected[sus.m] = true
		for _, c := range sus.candidates {
			candidate[c] = true
		}
	}
	for _, m := range s.NewRemote {
		if suspected[m] || !m.HasMeta {
			continue
		}
		sus := &unidentified{m: m, whole: true}
		for _, i := range s.IntendedAppends(m.Item.Remote.Mailbox) {
			if c := s.Uploaded(i); c != nil && !candidate[c] && !slices.Contains(sus.candidates, c) {
				sus.candidates = append(sus.candidates, c)
			}
		}
		if len(sus.candidates) > 0 {
			list = append(list, sus)
		}
	}
	return list
}

// Uploaded returns what an interrupted upload was about: a new file, or a
// message that was to come back.
func (s *Match) Uploaded(i *state.Intent) *view.Message {
	if f := s.intended(i); f != nil {
		return f
	}
	for _, m := range s.Messages {
		if m.Item.Remote.State == plan.Removed && m.OnDisk() && m.Row.Digest == i.Digest {
			return m
		}
	}
	return nil
}

// sameIdentity returns the messages on disk that the server says are the same
// as new ones, by identity.
func (s *Match) sameIdentity(ctx context.Context) (map[string][]*view.Message, error) {
	if empty, err := s.DB.Empty(ctx); err != nil || empty {
		return nil, err // a first sync has nothing to find
	}
	var ids []string
	for _, m := range s.NewRemote {
		if m.EmailID != "" {
			ids = append(ids, m.EmailID)
		}
	}
	rows, err := s.DB.ByEmailID(ctx, ids)
	if err != nil {
		return nil, err
	}
	same := make(map[string][]*view.Message, len(rows))
	// What satchel itself put there got its identity just now.
	for _, c := range s.Touched {
		if id := c.Row.EmailID; id != "" && c.OnDisk() {
			same[id] = append(same[id], c)
		}
	}
	for id, list := range rows {
		for _, row := range list {
			mb := s.ByID[row.MailboxID]
			if mb == nil || mb.UIDsVoid && !mb.Released || s.Mailboxes[mb.Name] == nil || mb.Redelivers(row) {
				continue // it waits for its delivery, or goes
			}
			if c := s.Message(row); c.OnDisk() {
				same[id] = append(same[id], c)
			}
		}
	}
	return same, nil
}

// needsWhole reports whether it matters to recognise a vanished message
// that is not on disk either: by its digest alone, so by a transfer.
func (s *Match) needsWhole(m *view.Message) bool {
	return s.Account.Policy.EditVsDelete == conflict.Delete || s.movedByUs(m) || s.OwnDeleted(m.Row.ID) != nil || s.look.SetBack(m)
}

// intended returns the new file that an interrupted upload was about, wherever
// it is now, if nothing is known of it yet. A program that moved it meanwhile may have
// added lines of its own; a file as it went up is rather meant. A file that is where
// another upload of the same content began is that one's; copies often have one name, and
// then it is that one's of which it has the flags.
func (s *Match) intended(i *state.Intent) *view.Message {
	began := func(i *state.Intent, f *view.Message) bool {
		return f.File.Folder == i.Mailbox && f.File.Base() == i.Base
	}
	asSent := func(f *view.Message) bool { return f.Content.Digest == i.Digest }
	var found *view.Message
	for _, f := range s.NewLocal {
		switch {
		case f.Done || !slices.Contains(f.Content.Digests(), i.Digest):
		case slices.ContainsFunc(s.Intents, func(j *state.Intent) bool {
			return j.Uploads() && j.Digest == i.Digest && began(j, f) && (!began(i, f) || sentBy(f, j) && !sentBy(f, i))
		}):
		case began(i, f):
			return f
		case found == nil || asSent(f) && !asSent(found) || asSent(f) == asSent(found) && f.File.Base() == i.Base:
			found = f
		}
	}
	return found
}

// sentBy reports whether a file has the flags that an upload gave the server.
func sentBy(m *view.Message, i *state.Intent) bool { return m.Item.Local.Flags.Equal(i.Delta.Add) }

// wasUploading reports whether an interrupted run was uploading that content.
func (s *Match) wasUploading(d mail.Digest) bool {
	return slices.ContainsFunc(s.Intents, func(i *state.Intent) bool { return i.Uploads() && i.Digest == d })
}

// unknownPlace reports whether a new message has the content of one that the server,
// being behind, does not show yet. It may be just that one, where it was before it was
// moved.
func (s *Match) unknownPlace(sus *unidentified) bool {
	stays := func(c *view.Message) bool { // with its UID, in a mailbox that is paired anew
		return c.Row != nil && c.Row.UID == sus.m.UID && s.ByID[c.Row.MailboxID] == s.Mailboxes[sus.m.Item.Remote.Mailbox]
	}
	return !slices.ContainsFunc(sus.candidates, stays) && slices.ContainsFunc(sus.candidates, func(c *view.Message) bool {
		if c.Row == nil || c.Digest() != sus.digest || c.Item.Remote.State != plan.Removed || !c.Item.Local.State.Present() {
			return false
		}
		// In a mailbox that is paired anew it may as well be that message under
		// another UID.
		mb := s.ByID[c.Row.MailboxID]
		return mb != nil && mb.Changes != nil && c.UIDVoid == mb.UIDsVoid && (!mb.UIDsVoid || sus.m.Item.Remote.Mailbox != mb.Name) &&
			mb.Changes.Cursor.UIDValidity == mb.Row.Cursor.UIDValidity && s.look.Beyond(c, mb) && s.look.MayBeShown(mb.Name)
	})
}
