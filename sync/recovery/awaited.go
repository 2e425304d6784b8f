package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// A COPY that the server said OK to may not be shown: the server may have copied
// nothing, or a replica may be behind. Copied again in the second case, the message
// would be there twice. So such a copy is awaited, for as long as an upload
// (unsettled.go), and then made again. Of an emulated MOVE the original stays
// meanwhile. What got no answer is awaited as well, while the server is known to be behind.

// ErrAwaited is a copy that the server said OK to and does not show.
var ErrAwaited = fmt.Errorf("the server does not show the copy: %w", mail.ErrChanged)

// mayCome reports whether a copy that i tells of, and that was not found, may come
// to be shown: UIDNEXT is where it was, or all that was given out since is known to
// be other messages. Else a UID was given out and is not there any more, which may
// have been that of the copy: somebody moved or removed it.
func (s *Recovery) mayCome(ctx context.Context, i *state.Intent) (bool, error) {
	mb := s.Mailboxes[i.Mailbox]
	switch {
	case mb == nil:
		return true, nil // it is not synced, so nobody looks
	case mb.Frozen() || s.Frozen(i):
		return true, nil
	case mb.UIDsVoid || mb.Row == nil:
		return false, nil // all of it is listed anew
	}
	next := mb.UIDNext()
	if next <= i.UID { // also where it is not known
		return true, nil
	}
	return s.explains(ctx, mb, i.UID, next)
}

// AwaitMoves leaves alone the messages of emulated moves whose copies are awaited.
func (s *Recovery) AwaitMoves(ctx context.Context) error {
	var notes []*state.Unsent
	for _, i := range s.Intents {
		if i.Kind != state.IntentRemoteMove && i.Kind != state.IntentTrash || !i.Confirmed {
			continue
		}
		m, err := s.messageOf(ctx, i)
		if err != nil {
			return err
		}
		if m == nil || !m.Item.Remote.State.Present() || m.Item.Remote.Mailbox == i.Mailbox {
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
	s.noteWaiting(notes)
	return nil
}

// awaitMove does so for the message m of i, whose copy may come to be shown or not,
// and returns what is to be remembered of it.
func (s *Recovery) awaitMove(ctx context.Context, i *state.Intent, m *view.Message) (*state.Unsent, error) {
	note := &state.Unsent{Mailbox: i.Mailbox, Base: m.Row.Base, Digest: m.Row.Digest, Tried: s.Now()}
	sent, since := 1, time.Time{}
	if u := s.UnsentFiles[view.FileKey{Mailbox: note.Mailbox, Base: note.Base}]; u != nil && u.Digest == note.Digest && u.Answer == "" {
		sent, since = u.Sent+1, u.Tried
	}
	may, err := s.mayCome(ctx, i)
	if err != nil {
		return nil, err
	}
	again := !may && !s.SentNow[i.ID]
	if mb := s.Mailboxes[i.Mailbox]; !again && mb != nil && (sent < maxSent || s.Req.Full) {
		if again, err = s.provenMissing(ctx, mb, i, since); err != nil {
			return nil, err
		}
	}
	if again {
		note.Sent = sent
		return note, nil
	}
	s.Unshown = s.Unshown || s.match.LookedAt(i.Mailbox)
	home := s.awaitOriginal(i, m)
	s.unplaced = append(s.unplaced, view.Refusal{Mailbox: home, Message: view.UIDKey(m.UID), Err: errNotShown(i.Mailbox, s.tooEarly(since))})
	if note.Sent = sent - 1; since.IsZero() || since.After(s.Now()) {
		return note, nil
	}
	return nil, nil
}

// AwaitUnanswered leaves alone what an interrupted run was sending when it got no
// answer, where the server is behind: it may have arrived, and cannot be shown yet.
// Where the server is not known to be behind, what it does not show did not arrive.
func (s *Recovery) AwaitUnanswered(ctx context.Context) error {
	if !s.Unshown {
		return nil
	}
	for _, i := range s.Intents {
		if i.Confirmed || slices.Contains(s.Explained, i) || slices.Contains(s.Waiting, i) {
			continue
		}
		switch i.Kind {
		case state.IntentAppend, state.IntentCopy:
			if f := s.match.Uploaded(i); f != nil {
				s.awaitUpload(i, f)
				s.unplaced = append(s.unplaced, view.Refusal{Mailbox: i.Mailbox, Message: f.File.Name, Err: errUnanswered(i.Mailbox)})
			}
		case state.IntentRemoteMove, state.IntentTrash:
			m, err := s.messageOf(ctx, i)
			if err != nil {
				return err
			}
			if m != nil && m.Item.Remote.State.Present() && m.Item.Remote.Mailbox != i.Mailbox {
				home := s.awaitOriginal(i, m)
				s.unplaced = append(s.unplaced, view.Refusal{Mailbox: home, Message: view.UIDKey(m.UID), Err: errUnanswered(i.Mailbox)})
			}
		}
	}
	s.NewLocal = slices.DeleteFunc(s.NewLocal, func(f *view.Message) bool { return f.Done })
	return nil
}

// awaitOriginal leaves the message m of an emulated move where it is, and returns its
// mailbox.
func (s *Recovery) awaitOriginal(i *state.Intent, m *view.Message) (home string) {
	s.Waiting = append(s.Waiting, i)
	home = s.ByID[m.Row.MailboxID].Name
	s.HoldCursor(home)
	s.HoldStamp(home, i.Mailbox)
	m.Item.Awaited = m.Item.Local.State == plan.Moved || m.Item.Local.State == plan.Removed
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
func (s *Recovery) messageOf(ctx context.Context, i *state.Intent) (*view.Message, error) {
	if m := s.Messages[i.Message]; m != nil || i.Message == 0 {
		return m, nil
	}
	row, err := s.DB.Get(ctx, i.Message)
	if err != nil || row == nil {
		return nil, err
	}
	if mb := s.ByID[row.MailboxID]; mb == nil || mb.Drops(row) {
		return nil, nil
	}
	return s.Message(row), nil
}
