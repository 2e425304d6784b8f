package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/quirk"
	"satchel/sync/view"
)

// What a server said OK to is not sent again without proof that it is not there.
// Where APPENDUID does not say which message it became, it is found by what it
// holds (matchRemote, matchAlike). What is not found then waits, with its entry in
// the journal: it may be one of the messages that came, in words that nobody
// recognises, or one that did not come yet.

// ResolveUploads decides about the uploads that the server said OK to and that were
// not found.
func (s *Recovery) ResolveUploads(ctx context.Context) error {
	if err := s.recallUnsent(ctx); err != nil {
		return err
	}
	var notes []*state.Unsent
	for _, i := range s.Intents {
		if !i.Uploads() || !i.Confirmed || slices.Contains(s.Explained, i) {
			continue
		}
		f := s.match.Uploaded(i)
		mb := s.Mailboxes[i.Mailbox]
		if f == nil || mb == nil || f.Content == nil && f.Row == nil {
			continue // it was removed since, or is the same as before
		}
		sent, since := 1, time.Time{}
		if u := s.UnsentFiles[view.FileKey{Mailbox: i.Mailbox, Base: f.File.Base()}]; u != nil && u.Digest == i.Digest && u.Answer == "" {
			sent, since = u.Sent+1, u.Tried
		}
		note := func(sent int) {
			u := &state.Unsent{Mailbox: i.Mailbox, Base: f.File.Base(), Digest: i.Digest, Tried: s.Now(), Sent: sent}
			if f.Content != nil { // else it is a message that was to come back
				u.MTime, u.Inode = f.Content.ModTime, f.Content.Inode
			}
			notes = append(notes, u)
		}
		came := s.mayHaveCome(mb, i, f)
		if i.Kind == state.IntentCopy && !came {
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
		if missing && (sent < maxSent || s.Req.Full) {
			note(sent)
			continue
		}
		if since.IsZero() || since.After(s.Now()) {
			note(sent - 1) // it waits from now on
		}
		s.Unshown = s.Unshown || !came && !missing && s.match.LookedAt(i.Mailbox)
		s.awaitUpload(i, f)
		why := errUnsettled(i.Mailbox, came, s.tooEarly(since))
		if missing {
			why = errSentOften(i.Mailbox, sent)
		}
		s.unplaced = append(s.unplaced, view.Refusal{Mailbox: i.Mailbox, Message: f.File.Name, Err: why})
	}
	s.NewLocal = slices.DeleteFunc(s.NewLocal, func(f *view.Message) bool { return f.Done })
	s.NewRemote = slices.DeleteFunc(s.NewRemote, func(n *view.Message) bool { return n.Done })
	s.noteWaiting(notes)
	return nil
}

// awaitUpload leaves the file of an upload alone, which may be on the server.
func (s *Recovery) awaitUpload(i *state.Intent, f *view.Message) {
	s.Waiting = append(s.Waiting, i)
	f.Unsettled = true
	s.HoldStamp(f.File.Folder)
	if f.Row == nil {
		f.Done = true
	}
}

// noteWaiting remembers since when an upload is looked for, and what goes up again
// because it did not get there.
func (s *Recovery) noteWaiting(list []*state.Unsent) {
	if len(list) == 0 {
		return
	}
	s.Resolve(func(tx *state.Tx) error {
		for _, u := range list {
			if err := tx.PutUnsent(u); err != nil {
				return err
			}
			s.UnsentFiles[view.FileKey{Mailbox: u.Mailbox, Base: u.Base}] = u
		}
		return nil
	})
}

// TellUnplaced reports the uploads that the last cycle left in doubt.
func (s *Recovery) TellUnplaced() {
	for _, r := range s.unplaced {
		s.Rep.Problem(r.Mailbox, r.Message, r.Err)
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
func (s *Recovery) mayHaveCome(mb *view.Mailbox, i *state.Intent, f *view.Message) (may bool) {
	for _, n := range s.NewRemote {
		// A copy has just the bytes of its source, and would have been recognised.
		if recognised := i.Kind == state.IntentCopy && n.HasMeta; !recognised && s.match.MayBeUpload(i, f, n) {
			may, n.Done = true, true
			s.HoldCursor(mb.Name)
		}
	}
	return may
}

// provenMissing reports whether an upload or a copy, which is looked for since then, is
// proven not to be on the server as far as nothing new there may be it. The server may be
// a replica that is behind, or a store that does not list at once what it took, so nothing
// is proven for a day. From then on it is where each message that came is known to
// be another one. Where nothing came it takes a person who has looked, and says --full.
func (s *Recovery) provenMissing(ctx context.Context, mb *view.Mailbox, i *state.Intent, since time.Time) (bool, error) {
	switch next := mb.UIDNext(); {
	case s.SentNow[i.ID] || since.IsZero() || s.Now().Sub(since) < quirk.BelieveBehind:
		return false, nil
	case s.Req.Full:
		return true, nil
	case mb.Frozen() || s.Frozen(i) || mb.UIDsVoid || mb.Row == nil || next <= i.UID:
		return false, nil
	default:
		return s.explains(ctx, mb, i.UID, next)
	}
}

// tooEarly says, for a hint, from when on --full sends again what is looked for since
// then; empty: it does so now.
func (s *Recovery) tooEarly(since time.Time) string {
	if since.IsZero() || since.After(s.Now()) {
		since = s.Now()
	}
	if until := since.Add(quirk.BelieveBehind); s.Now().Before(until) {
		return " after " + until.Format("2006-01-02 15:04")
	}
	return ""
}

// explains reports whether each UID from first to next was given to a message that
// is known.
func (s *Recovery) explains(ctx context.Context, mb *view.Mailbox, first, next mail.UID) (bool, error) {
	known := map[mail.UID]bool{}
	for _, n := range s.NewRemote {
		known[n.UID] = known[n.UID] || n.Item.Remote.Mailbox == mb.Name
	}
	if err := s.look.KnownUIDs(ctx, mb, first, func(uid mail.UID) { known[uid] = true }); err != nil {
		return false, err
	}
	for _, m := range s.Paired {
		known[m.UID] = known[m.UID] || m.Item.Remote.Mailbox == mb.Name
	}
	for _, m := range s.Messages {
		known[m.UID] = known[m.UID] || m.Item.Remote.Mailbox == mb.Name && m.Item.Remote.State.Present()
	}
	n := uint64(0)
	for uid, is := range known {
		if is && uid >= first && uid < next {
			n++
		}
	}
	return n >= uint64(next-first), nil
}
