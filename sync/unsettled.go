package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
)

// What a server said OK to is not sent again without proof that it is not there.
// Where APPENDUID does not say which message it became, it is found by what it
// holds (matchRemote, matchAlike). What is not found then waits, with its entry in
// the journal: it may be one of the messages that came, in words that nobody
// recognises, or one that did not come yet.

// settleUploads decides about the uploads that the server said OK to and that were
// not found.
func (s *session) settleUploads(ctx context.Context) error {
	if err := s.recallUnsent(ctx); err != nil {
		return err
	}
	var again []*state.Unsent
	for _, i := range s.intents {
		if i.Kind != state.IntentAppend || !i.Confirmed || slices.Contains(s.explained, i) {
			continue
		}
		f := s.uploaded(i)
		mb := s.mailboxes[i.Mailbox]
		if f == nil || mb == nil || f.content == nil && f.row == nil {
			continue // it was removed since, or is the same as before
		}
		sent := 1
		if u := s.unsentFiles[fileKey{i.Mailbox, f.file.Base()}]; u != nil && u.Digest == i.Digest {
			sent = max(sent, u.Sent+1)
		}
		missing, err := s.provenMissing(ctx, mb, i, f)
		if err != nil {
			return err
		}
		if missing && f.content != nil && (sent < maxSent || s.req.Full) {
			again = append(again, &state.Unsent{Mailbox: i.Mailbox, Base: f.file.Base(), Digest: i.Digest, MTime: f.content.ModTime,
				Inode: f.content.Inode, Tried: s.now(), Sent: sent})
			continue
		}
		s.waiting = append(s.waiting, i)
		f.unsettled = true
		s.hold(false, f.file.Folder)
		if f.row == nil {
			f.done = true
		}
		why := errUnsettled(i.Mailbox)
		if missing {
			why = errSentOften(i.Mailbox, sent)
		}
		s.unplaced = append(s.unplaced, refusal{i.Mailbox, f.file.Name, why})
	}
	s.newLocal = slices.DeleteFunc(s.newLocal, func(f *message) bool { return f.done })
	s.newRemote = slices.DeleteFunc(s.newRemote, func(n *message) bool { return n.done })
	return s.noteMissing(ctx, again)
}

// noteMissing remembers what goes up again because it did not get there.
func (s *session) noteMissing(ctx context.Context, list []*state.Unsent) error {
	if len(list) == 0 || s.req.DryRun {
		return nil
	}
	return s.db.Update(ctx, func(tx *state.Tx) error {
		for _, u := range list {
			if err := tx.PutUnsent(u); err != nil {
				return err
			}
			s.unsentFiles[fileKey{u.Mailbox, u.Base}] = u
		}
		return nil
	})
}

// tellUnplaced reports the uploads that the last cycle left in doubt.
func (s *session) tellUnplaced() {
	for _, r := range s.unplaced {
		s.rep.problem(r.mailbox, r.message, r.err)
	}
}

func errUnsettled(mailbox string) error {
	return &mail.Error{Op: "upload", Mailbox: mailbox, Kind: mail.KindMessage,
		Err: errors.New("the server said OK to it, and no message there is known to be it; it is not sent again"),
		Hint: fmt.Sprintf("look for the message in %s on the server: if it is there, move the file elsewhere, and if it is not, sync with --full",
			mailbox)}
}

// provenMissing reports whether an upload is proven not to be on the server: no message
// came there, or each that came is known to be another one. The run that sent it
// takes nothing for proof, for what one connection stored another one may not see
// yet.
func (s *session) provenMissing(ctx context.Context, mb *mailbox, i *state.Intent, f *message) (bool, error) {
	if s.req.Full {
		return !s.sentNow[i.ID], nil // the user looked
	}
	maybe := false
	known := map[mail.UID]bool{}
	for _, n := range s.newRemote {
		if n.item.Remote.Mailbox != mb.name {
			continue
		}
		if known[n.uid] = true; s.mayBeUpload(i, f, n) {
			// Taken for another message it would become a second file, and then count
			// as one that is known.
			maybe, n.done = true, true
			s.hold(true, mb.name)
		}
	}
	next := mb.uidNext()
	if maybe || s.sentNow[i.ID] || mb.frozen() || s.frozen(i) || mb.detached || next == 0 || mb.row == nil {
		return false, nil
	}
	return s.explains(ctx, mb, i.UID, next, known)
}

// uidNext returns the UIDNEXT that this cycle was told; 0 when it was told none.
func (mb *mailbox) uidNext() mail.UID {
	switch {
	case mb.changes != nil:
		return mb.changes.Cursor.UIDNext
	case mb.remote != nil:
		return mb.remote.Status.UIDNext
	}
	return 0
}

// explains reports whether each UID from first to next was given to a message that
// is known.
func (s *session) explains(ctx context.Context, mb *mailbox, first, next mail.UID, known map[mail.UID]bool) (bool, error) {
	if err := s.db.UIDs(ctx, mb.row.ID, first, func(uid mail.UID) { known[uid] = true }); err != nil {
		return false, err
	}
	for _, m := range s.paired {
		known[m.uid] = known[m.uid] || m.item.Remote.Mailbox == mb.name
	}
	for _, m := range s.messages {
		known[m.uid] = known[m.uid] || m.item.Remote.Mailbox == mb.name && m.item.Remote.State.Present()
	}
	n := uint64(0)
	for uid, is := range known {
		if is && uid >= first && uid < next {
			n++
		}
	}
	return next <= first || n >= uint64(next-first), nil
}
