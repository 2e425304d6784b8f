package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// A COPY that the server said OK to may not be shown: the server may have copied
// nothing, or a replica may be behind. Copied again in the second case, the message
// would be there twice. So such a copy is awaited, for as long as an upload
// (unsettled.go), and then made again. Of an emulated MOVE the original stays
// meanwhile. What got no answer is awaited as well, while the server is known to be behind.

// errAwaited is a copy that the server said OK to and does not show.
var errAwaited = fmt.Errorf("the server does not show the copy: %w", mail.ErrChanged)

// noteAwaited notes of copies and moves that the server said OK to them, and not
// where the copies are.
func (a *applier) noteAwaited(tx *state.Tx, changes []*laneChange) error {
	var sent []int64
	for _, x := range changes {
		isCopy := x.op.Kind == plan.RemoteCopy
		switch {
		case !x.ok || !isCopy && !errors.Is(x.err, errAwaited):
			continue
		case errors.Is(x.err, mail.ErrChanged) && !a.pool.shares():
			sent = append(sent, x.intent.ID)
			if isCopy {
				if err := a.renewUnsent(tx, x.op.To, x.m); err != nil {
					return err
				}
			}
		case isCopy && x.err == nil:
			if err := a.forgetUnsent(tx, x.op.To, x.m); err != nil {
				return err
			}
		}
	}
	return a.confirm(tx, sent)
}

// confirm notes which intents the server said OK to.
func (a *applier) confirm(tx *state.Tx, sent []int64) error {
	a.mu.Lock()
	for _, id := range sent {
		if a.sentNow == nil {
			a.sentNow = map[int64]bool{}
		}
		a.sentNow[id] = true
	}
	a.mu.Unlock()
	return tx.ConfirmIntents(sent...)
}

// mayCome reports whether a copy that i tells of, and that was not found, may come
// to be shown: UIDNEXT is where it was, or all that was given out since is known to
// be other messages. Else a UID was given out and is not there any more, which may
// have been that of the copy: somebody moved or removed it.
func (s *session) mayCome(ctx context.Context, i *state.Intent) (bool, error) {
	mb := s.mailboxes[i.Mailbox]
	switch {
	case mb == nil:
		return true, nil // it is not synced, so nobody looks
	case mb.frozen() || s.frozen(i):
		return true, nil
	case mb.detached || mb.row == nil:
		return false, nil // all of it is listed anew
	}
	next := mb.uidNext()
	if next <= i.UID { // also where it is not known
		return true, nil
	}
	return s.explains(ctx, mb, i.UID, next)
}

// awaitMoves leaves alone the messages of emulated moves whose copies are awaited.
func (s *session) awaitMoves(ctx context.Context) error {
	var notes []*state.Unsent
	for _, i := range s.intents {
		if i.Kind != state.IntentRemoteMove && i.Kind != state.IntentTrash || !i.Confirmed {
			continue
		}
		m, err := s.messageOf(ctx, i)
		if err != nil {
			return err
		}
		if m == nil || !m.item.Remote.State.Present() || m.item.Remote.Mailbox == i.Mailbox {
			continue
		}
		if err := s.recallUnsent(ctx); err != nil {
			return err
		}
		note, err := s.awaitMove(ctx, i, m)
		if err != nil {
			return err
		}
		if note != nil {
			notes = append(notes, note)
		}
	}
	return s.noteWaiting(ctx, notes)
}

// awaitMove does so for the message m of i, whose copy may come to be shown or not,
// and returns what is to be remembered of it.
func (s *session) awaitMove(ctx context.Context, i *state.Intent, m *message) (*state.Unsent, error) {
	note := &state.Unsent{Mailbox: i.Mailbox, Base: m.row.Base, Digest: m.row.Digest, Tried: s.now()}
	sent, since := 1, time.Time{}
	if u := s.unsentFiles[fileKey{note.Mailbox, note.Base}]; u != nil && u.Digest == note.Digest && u.Answer == "" {
		sent, since = u.Sent+1, u.Tried
	}
	may, err := s.mayCome(ctx, i)
	if err != nil {
		return nil, err
	}
	again := !may && !s.sentNow[i.ID]
	if mb := s.mailboxes[i.Mailbox]; !again && mb != nil && (sent < maxSent || s.req.Full) {
		if again, err = s.provenMissing(ctx, mb, i, since); err != nil {
			return nil, err
		}
	}
	if again {
		note.Sent = sent
		return note, nil
	}
	s.unshown = s.unshown || s.lookedAt(i.Mailbox)
	home := s.awaitOriginal(i, m)
	s.unplaced = append(s.unplaced, refusal{home, uidKey(m.uid), errNotShown(i.Mailbox, s.tooEarly(since))})
	if note.Sent = sent - 1; since.IsZero() || since.After(s.now()) {
		return note, nil
	}
	return nil, nil
}

// awaitUnanswered leaves alone what an interrupted run was sending when it got no
// answer, where the server is behind: it may have arrived, and cannot be shown yet.
// Where the server is not known to be behind, what it does not show did not arrive.
func (s *session) awaitUnanswered(ctx context.Context) error {
	if !s.unshown {
		return nil
	}
	for _, i := range s.intents {
		if i.Confirmed || slices.Contains(s.explained, i) || slices.Contains(s.waiting, i) {
			continue
		}
		switch i.Kind {
		case state.IntentAppend:
			if f := s.uploaded(i); f != nil {
				s.awaitUpload(i, f)
				s.unplaced = append(s.unplaced, refusal{i.Mailbox, f.file.Name, errUnanswered(i.Mailbox)})
			}
		case state.IntentRemoteMove, state.IntentTrash:
			m, err := s.messageOf(ctx, i)
			if err != nil {
				return err
			}
			if m != nil && m.item.Remote.State.Present() && m.item.Remote.Mailbox != i.Mailbox {
				home := s.awaitOriginal(i, m)
				s.unplaced = append(s.unplaced, refusal{home, uidKey(m.uid), errUnanswered(i.Mailbox)})
			}
		}
	}
	s.newLocal = slices.DeleteFunc(s.newLocal, func(f *message) bool { return f.done })
	return nil
}

// awaitOriginal leaves the message m of an emulated move where it is, and returns its
// mailbox.
func (s *session) awaitOriginal(i *state.Intent, m *message) (home string) {
	s.waiting = append(s.waiting, i)
	home = s.byID[m.row.MailboxID].name
	s.hold(true, home)
	s.hold(false, home, i.Mailbox)
	m.item.Awaited = m.item.Local.State == plan.Moved || m.item.Local.State == plan.Removed
	return home
}

// errUnanswered says that what was sent without an answer waits for a server that is
// behind.
func errUnanswered(to string) error {
	return &mail.Error{Op: "send to " + to, Kind: mail.KindMessage,
		Err:  errors.New("a run ended before the server answered, and the server does not show all that it has; it is not sent again"),
		Hint: "it may be there; sync again when the server shows its messages"}
}

// errNotShown says that a copy is awaited; after: from when on --full makes it again.
func errNotShown(to, after string) error {
	return &mail.Error{Op: "copy to " + to, Kind: mail.KindMessage,
		Err:  errors.New("the server said OK to it, and shows no copy; it is not sent again"),
		Hint: fmt.Sprintf("the message stays where it is on the server; if the copy is not in %s, sync with --full%s", to, after)}
}

// messageOf returns the message that an intent is about, nil when the base has it no
// more.
func (s *session) messageOf(ctx context.Context, i *state.Intent) (*message, error) {
	if m := s.messages[i.Message]; m != nil || i.Message == 0 {
		return m, nil
	}
	row, err := s.db.Get(ctx, i.Message)
	if err != nil || row == nil || s.byID[row.MailboxID] == nil {
		return nil, err
	}
	return s.message(row), nil
}

// isCopy reports whether an append of the journal was to be made by COPY.
func isCopy(i *state.Intent) bool { return i.Kind == state.IntentAppend && i.Home == "" }
