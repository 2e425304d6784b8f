package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	var notes []*state.Unsent
	for _, i := range s.intents {
		if i.Kind != state.IntentAppend || !i.Confirmed || slices.Contains(s.explained, i) {
			continue
		}
		f := s.uploaded(i)
		mb := s.mailboxes[i.Mailbox]
		if f == nil || mb == nil || f.content == nil && f.row == nil {
			continue // it was removed since, or is the same as before
		}
		sent, since := 1, time.Time{}
		if u := s.unsentFiles[fileKey{i.Mailbox, f.file.Base()}]; u != nil && u.Digest == i.Digest && u.Answer == "" {
			sent, since = u.Sent+1, u.Tried
		}
		note := func(sent int) {
			u := &state.Unsent{Mailbox: i.Mailbox, Base: f.file.Base(), Digest: i.Digest, Tried: s.now(), Sent: sent}
			if f.content != nil { // else it is a message that was to come back
				u.MTime, u.Inode = f.content.ModTime, f.content.Inode
			}
			notes = append(notes, u)
		}
		came := s.mayHaveCome(mb, i, f)
		if isCopy(i) && !came {
			if may, err := s.mayCome(ctx, i); err != nil {
				return err
			} else if !may {
				continue
			}
		}
		missing, err := s.provenMissing(ctx, mb, i, since)
		if missing = missing && !came; err != nil {
			return err
		}
		if missing && (sent < maxSent || s.req.Full) {
			note(sent)
			continue
		}
		if since.IsZero() || since.After(s.now()) {
			note(sent - 1) // it waits from now on
		}
		s.unshown = s.unshown || !came && !missing && s.lookedAt(i.Mailbox)
		s.awaitUpload(i, f)
		why := errUnsettled(i.Mailbox, came, s.tooEarly(since))
		if missing {
			why = errSentOften(i.Mailbox, sent)
		}
		s.unplaced = append(s.unplaced, refusal{i.Mailbox, f.file.Name, why})
	}
	s.newLocal = slices.DeleteFunc(s.newLocal, func(f *message) bool { return f.done })
	s.newRemote = slices.DeleteFunc(s.newRemote, func(n *message) bool { return n.done })
	return s.noteWaiting(ctx, notes)
}

// awaitUpload leaves the file of an upload alone, which may be on the server.
func (s *session) awaitUpload(i *state.Intent, f *message) {
	s.waiting = append(s.waiting, i)
	f.unsettled = true
	s.hold(false, f.file.Folder)
	if f.row == nil {
		f.done = true
	}
}

// noteWaiting remembers since when an upload is looked for, and what goes up again
// because it did not get there.
func (s *session) noteWaiting(ctx context.Context, list []*state.Unsent) error {
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

// errUnsettled says that an upload waits; came: a message there may be it; after: from
// when on --full sends it again.
func errUnsettled(mailbox string, came bool, after string) error {
	e := &mail.Error{Op: "upload", Mailbox: mailbox, Kind: mail.KindMessage,
		Err: errors.New("the server said OK to it, and no message there is known to be it; it is not sent again"),
		Hint: fmt.Sprintf("look for the message in %s on the server: if it is there, move the file elsewhere, and if it is not, sync with --full%s",
			mailbox, after)}
	if came {
		e.Hint = fmt.Sprintf("a message that came to %s may be it: move the file out of the Maildir and sync; if what comes down is another message, put the file back",
			mailbox)
	}
	return e
}

// mayHaveCome reports whether a new message may be what an upload became, and has
// such messages wait: taken for another message, it would become a second file, and
// then count as one that is known.
func (s *session) mayHaveCome(mb *mailbox, i *state.Intent, f *message) (may bool) {
	for _, n := range s.newRemote {
		// A copy has just the bytes of its source, and would have been recognised.
		if recognised := isCopy(i) && n.hasMeta; !recognised && s.mayBeUpload(i, f, n) {
			may, n.done = true, true
			s.hold(true, mb.name)
		}
	}
	return may
}

// provenMissing reports whether an upload or a copy, which is looked for since then, is
// proven not to be on the server as far as nothing new there may be it. The server may be
// a replica that is behind, or a store that does not list at once what it took, so nothing
// is proven for a day. From then on it is where each message that came is known to
// be another one. Where nothing came it takes a person who has looked, and says --full.
func (s *session) provenMissing(ctx context.Context, mb *mailbox, i *state.Intent, since time.Time) (bool, error) {
	switch next := mb.uidNext(); {
	case s.sentNow[i.ID] || since.IsZero() || s.now().Sub(since) < believeBehind:
		return false, nil
	case s.req.Full:
		return true, nil
	case mb.frozen() || s.frozen(i) || mb.detached || mb.row == nil || next <= i.UID:
		return false, nil
	default:
		return s.explains(ctx, mb, i.UID, next)
	}
}

// tooEarly says, for a hint, from when on --full sends again what is looked for since
// then; empty: it does so now.
func (s *session) tooEarly(since time.Time) string {
	if since.IsZero() || since.After(s.now()) {
		since = s.now()
	}
	if until := since.Add(believeBehind); s.now().Before(until) {
		return " after " + until.Format("2006-01-02 15:04")
	}
	return ""
}

// uidNext returns the UIDNEXT that this cycle was told; 0 when it was told none.
func (mb *mailbox) uidNext() mail.UID {
	switch {
	case mb.changes != nil && mb.changes.ToldNext != 0:
		return min(mb.changes.ToldNext, mb.changes.Cursor.UIDNext)
	case mb.changes != nil:
		return mb.changes.Cursor.UIDNext
	case mb.remote != nil:
		return mb.remote.Status.UIDNext
	}
	return 0
}

// explains reports whether each UID from first to next was given to a message that
// is known.
func (s *session) explains(ctx context.Context, mb *mailbox, first, next mail.UID) (bool, error) {
	known := map[mail.UID]bool{}
	for _, n := range s.newRemote {
		known[n.uid] = known[n.uid] || n.item.Remote.Mailbox == mb.name
	}
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
	return n >= uint64(next-first), nil
}
