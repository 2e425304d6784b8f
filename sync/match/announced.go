package match

import (
	"context"
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// The journal announces uploads and copies. What it says of one becomes part of the base
// once its message is found: as far as it went, so that what anybody changed since, on
// either side, is a change like any other.

// uploadedBefore returns the intent and the new file of an interrupted upload
// that n is the outcome of, unless both are still where the upload led: those
// are paired like any two. In another mailbox than the upload led to, n is believed to
// be it only if
//
//   - something left the mailbox that the upload led to, or that one could not be looked
//     at and nobody could have copied n from there
//   - no other upload led to where n is, and no message was there before
//   - the server does not show it altered in the mailbox that it was sent to
func (s *Match) uploadedBefore(ctx context.Context, sus *unidentified) (*state.Intent, *view.Message, error) {
	name, d := sus.m.Item.Remote.Mailbox, sus.digest
	var here, elsewhere []*state.Intent
	for _, i := range s.Intents {
		switch {
		case !i.Uploads() || i.Digest != d || slices.Contains(s.Explained, i):
		case i.Mailbox == name:
			here = append(here, i)
		default:
			elsewhere = append(elsewhere, i)
		}
	}
	var moved *state.Intent
	for _, i := range here {
		switch f := s.intended(i); {
		case f == nil:
		case f.File.Folder == name:
			return nil, nil, nil
		case moved == nil:
			moved = i
		}
	}
	if moved != nil {
		return moved, s.intended(moved), nil
	}
	if from := s.movedFrom(sus); len(here) > 0 || from != nil && s.stayed(from, sus.m) {
		return nil, nil, nil
	}
	for _, sure := range []bool{true, false} {
		for _, i := range elsewhere {
			f := s.intended(i)
			if f == nil || f.File.Folder == name || s.showsAltered(i, f) || sure != s.mayHaveLeft(i) || !sure && s.LookedAt(i.Mailbox) {
				continue
			}
			if sure {
				s.uidGaps[i.Mailbox]--
			} else if known, err := s.DB.ByDigest(ctx, d); err != nil || len(known) > 0 {
				return nil, nil, err
			}
			return i, f, nil
		}
	}
	return nil, nil, nil
}

// completeUpload makes an interrupted upload part of the base, as if it had
// been noted: then what was moved since, on either side, is a move.
func (s *Match) completeUpload(i *state.Intent, n, f *view.Message) {
	home := s.Mailboxes[i.Mailbox]
	if home == nil || home.Row == nil {
		return
	}
	s.Explained = append(s.Explained, i)
	row := s.NewRow(home, f, n)
	common := i.Delta.Add // what the upload gave the server
	row.LocalFlags, row.RemoteFlags = common, common
	if at := s.Mailboxes[n.Item.Remote.Mailbox]; at != nil {
		row.RemoteFlags = s.look.Shown(at, common, n.Item.Remote.Flags)
	}
	n.Done, f.Done = true, true
	m := &view.Message{Row: row, File: f.File, Reading: f.Reading, Content: f.Content, UID: n.UID, Date: n.Date, EmailID: n.EmailID}
	m.Item = plan.Item{InBase: true, Size: row.Size, Ref: m,
		Local:  plan.Side{State: plan.Same, Mailbox: f.File.Folder, Key: f.Item.Local.Key, Flags: f.Item.Local.Flags, Base: common},
		Remote: plan.Side{State: plan.Same, Mailbox: n.Item.Remote.Mailbox, Key: n.Item.Remote.Key, Flags: n.Item.Remote.Flags, Base: row.RemoteFlags}}
	if !s.ReadFrom(home, m) {
		m.Place(home.Row.ID, f.File) // what the file shows beyond the base is still to be seen
	}
	m.Refresh(home.Name)
	if home.UIDsVoid {
		s.rowLater(m)
		return
	}
	if n.Item.Remote.Mailbox != home.Name {
		// It has no UID at home any more. Until the file has followed, a run
		// that resumes finds it by a row without one.
		row.UID = 0
	}
	s.rowFirst(m)
	s.Resolve(func(tx *state.Tx) error {
		return errors.Join(s.LearnValidity(tx, home, s.Validity(home)), tx.DeleteIntents(i.ID))
	})
}

// rowLater has the row of m written together with those of a mailbox that is
// paired from the start.
func (s *Match) rowLater(m *view.Message) {
	m.Row.ID, m.UIDVoid = 0, true
	s.rowless(m)
	s.Touched = append(s.Touched, m)
}

// rowFirst has the row of m, as it is now, written before anything else is done.
func (s *Match) rowFirst(m *view.Message) {
	key, now := s.rowless(m), m.Row.AsItIs()
	s.Resolve(func(tx *state.Tx) error {
		err := tx.PutMessage(now)
		delete(s.Messages, key)
		m.Row.ID, m.ID = now.ID, now.ID
		s.Messages[now.ID] = m
		return err
	})
}

// rowless takes a message into the view that has no row yet, and returns the key by which it
// goes until then: one that no row has.
func (s *Match) rowless(m *view.Message) (key int64) {
	key = -1
	for s.Messages[key] != nil {
		key--
	}
	s.Messages[key] = m
	return key
}

// announcement returns what the journal says of an upload or copy of one of the
// digests into a mailbox, and that explains no message yet: rather one of the name of
// the file f, which others may have renamed since, and of several rather one that gave
// its flags. Nil if there is none.
func (s *Match) announcement(mailbox string, f *view.Message, digests ...mail.Digest) (found *state.Intent) {
	for _, i := range s.IntendedAppends(mailbox) {
		named := i.Base == f.File.Base()
		switch {
		case !slices.Contains(digests, i.Digest) || slices.Contains(s.Explained, i):
		case named && sentBy(f, i):
			return i
		case found == nil || named && found.Base != i.Base:
			found = i
		}
	}
	return found
}

// inherit gives a pair that an interrupted upload or copy made the flags with
// which it was made, so that what anybody changed since is a change.
func (s *Match) inherit(n, f *view.Message, digests ...mail.Digest) {
	i := s.announcement(n.Item.Remote.Mailbox, f, digests...)
	if i == nil {
		return
	}
	s.Explained = append(s.Explained, i)
	n.Item.Ancestor = true
	n.Item.Local.Base = i.Delta.Add
	n.Item.Remote.Base = s.look.Shown(s.Mailboxes[i.Mailbox], i.Delta.Add, n.Item.Remote.Flags)
}

// explainUpload keeps the journal's word of an upload of from that led to n until
// the base knows of n: else a run that dies in between sends it again. It returns that,
// nil if there is none.
func (s *Match) explainUpload(from, n *view.Message) *state.Intent {
	i := s.announcement(n.Item.Remote.Mailbox, from, from.Row.Digest)
	if i != nil {
		s.Explained = append(s.Explained, i)
	}
	return i
}

// copiedAgain takes into account that a message went up again as a copy of another one,
// by i: it has the flags of that one, and what its file has otherwise is a change.
func (s *Match) copiedAgain(m *view.Message, i *state.Intent) {
	if i == nil || i.Kind != state.IntentCopy || !m.OnDisk() {
		return
	}
	m.Row.LocalFlags = i.Delta.Add
	m.Row.RemoteFlags = s.look.Shown(s.Mailboxes[i.Mailbox], i.Delta.Add, m.Item.Remote.Flags)
	m.Item.Local.Base, m.Item.Remote.Base = m.Row.LocalFlags, m.Row.RemoteFlags
	m.Refresh(s.ByID[m.Row.MailboxID].Name)
}

// sentTo reports whether a message of that content was sent to a mailbox, and it is
// not noted yet where it went.
func (s *Match) sentTo(mailbox string, d mail.Digest) bool {
	return slices.ContainsFunc(s.IntendedAppends(mailbox), func(i *state.Intent) bool { return i.Digest == d })
}
