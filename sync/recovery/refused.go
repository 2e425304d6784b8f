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

// A file that the server refused may be large, and the answer is likely to be the
// same. So a run sends it once. The next run tries again; what was refused twice
// waits an hour, and twice as long each time after that, at most a day. It is tried
// at once with --full, when the file is another one, and when its mailbox was made
// anew.

const (
	// refusedFirst is how long a file waits that was refused twice.
	refusedFirst = time.Hour
	// refusedMost is how long a file waits at most.
	refusedMost = 24 * time.Hour
	// RememberUnsent is for how long a file is remembered that did not go up again: it
	// is not there any more, or has another name.
	RememberUnsent = 30 * 24 * time.Hour
	// maxSent is how often a file goes up to a server that says OK and does not
	// show it. What goes on after that is a loop.
	maxSent = 3
)

// recallUnsent reads what earlier runs could not send, once there may be something
// to send.
func (s *Recovery) recallUnsent(ctx context.Context) error {
	if s.UnsentFiles != nil || len(s.NewLocal)+len(s.Intents)+len(s.Messages) == 0 {
		return nil
	}
	list, err := s.DB.UnsentFiles(ctx)
	if err != nil {
		return err
	}
	s.UnsentFiles = make(map[view.FileKey]*state.Unsent, len(list))
	for _, u := range list {
		s.UnsentFiles[view.FileKey{Mailbox: s.survey.NameNow(u.Mailbox), Base: u.Base}] = u
	}
	return nil
}

// unsentFile returns what is remembered of a file, if it still is that file.
func (s *Recovery) unsentFile(mailbox string, m *view.Message) *state.Unsent {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	u := s.UnsentFiles[view.FileKey{Mailbox: mailbox, Base: m.File.Base()}]
	if u == nil || m.Content == nil || u.Digest != m.Content.Digest || u.MTime != m.Content.ModTime || u.Inode != m.Content.Inode {
		return nil
	}
	return u
}

// noteUnsent remembers that a file was sent and is not there.
func (s *Recovery) noteUnsent(tx *state.Tx, mailbox string, m *view.Message, sent int, answer string) error {
	u := &state.Unsent{Mailbox: mailbox, Base: m.File.Base(), Digest: m.Content.Digest, MTime: m.Content.ModTime, Inode: m.Content.Inode,
		Tried: s.Now(), Sent: sent, Answer: answer}
	if err := tx.PutUnsent(u); err != nil {
		return err
	}
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if s.UnsentFiles == nil {
		s.UnsentFiles = map[view.FileKey]*state.Unsent{}
	}
	s.UnsentFiles[view.FileKey{Mailbox: mailbox, Base: u.Base}] = u
	return nil
}

// NoteRefused remembers that the server refused a file once more.
func (s *Recovery) NoteRefused(tx *state.Tx, mailbox string, m *view.Message, answer string) error {
	times := 1
	if u := s.unsentFile(mailbox, m); u != nil && u.Answer != "" {
		times = u.Sent + 1
	}
	s.Mu.Lock()
	if s.refusedNow == nil {
		s.refusedNow = map[view.FileKey]bool{}
	}
	s.refusedNow[view.FileKey{Mailbox: mailbox, Base: m.File.Base()}] = true
	s.Mu.Unlock()
	return s.noteUnsent(tx, mailbox, m, times, answer)
}

// RenewUnsent notes that a file went up just now of which something is remembered, and
// that the server said OK.
func (s *Recovery) RenewUnsent(tx *state.Tx, mailbox string, m *view.Message) error {
	u := s.unsentFile(mailbox, m)
	switch {
	case u == nil:
		return nil
	case u.Answer != "":
		return s.noteUnsent(tx, mailbox, m, 0, "")
	}
	return s.noteUnsent(tx, mailbox, m, u.Sent, "")
}

// ForgetUnsent forgets a file that is on the server.
func (s *Recovery) ForgetUnsent(tx *state.Tx, mailbox string, m *view.Message) error {
	key := view.FileKey{Mailbox: mailbox, Base: m.File.Base()}
	s.Mu.Lock()
	known := s.UnsentFiles[key] != nil
	delete(s.UnsentFiles, key)
	s.Mu.Unlock()
	if !known {
		return nil
	}
	return tx.ForgetUnsent(key.Mailbox, key.Base)
}

// refusedUntil returns when a file goes up again that was refused so often; it need
// not wait before.
func refusedUntil(u *state.Unsent) time.Time {
	if u.Answer == "" || u.Sent < 2 {
		return time.Time{}
	}
	wait := refusedFirst
	for n := 2; n < u.Sent && wait < refusedMost; n++ {
		wait *= 2
	}
	return u.Tried.Add(min(wait, refusedMost))
}

// HeldBack reports whether a file is not sent now, and what there is to say of it.
func (s *Recovery) HeldBack(mb *view.Mailbox, m *view.Message) (bool, error) {
	s.Mu.Lock()
	said := s.refusedNow[view.FileKey{Mailbox: mb.Name, Base: m.File.Base()}]
	s.Mu.Unlock()
	u := s.unsentFile(mb.Name, m)
	switch {
	case m.Unsettled:
		return true, nil // ResolveUploads says why
	case u == nil:
		return false, nil
	case said && u.Answer != "":
		return true, nil
	case u.Answer == "" && u.Sent >= maxSent && !s.Req.Full:
		return true, errSentOften(mb.Name, u.Sent)
	}
	until, now := refusedUntil(u), s.Now()
	if s.Req.Full || mb.UIDsVoid || mb.CursorOf().UIDNext == 0 || !now.Before(until) || u.Tried.After(now) {
		return false, nil // after a change of the clock nothing is known of the time
	}
	return true, &mail.Error{Op: "upload", Mailbox: mb.Name, Kind: mail.KindMessage,
		Err:  fmt.Errorf("it was refused %d times: %s; it goes up again after %s", u.Sent, u.Answer, until.Format("2006-01-02 15:04")),
		Hint: "sync with --full to try now"}
}

func errSentOften(mailbox string, n int) error {
	return &mail.Error{Op: "upload", Mailbox: mailbox, Kind: mail.KindMessage,
		Err:  fmt.Errorf("it went up %d times, the server said OK, and does not show it; it is not sent any more", n),
		Hint: "the file stays in the Maildir; look for the message on the server, and move the file elsewhere if it is there"}
}

// WouldHoldBack reports whether a run would hold back what a dry run plans, and says why.
func (s *Recovery) WouldHoldBack(op *plan.Op) bool {
	if op.Kind != plan.Upload {
		return false
	}
	held, err := s.HeldBack(s.Mailboxes[op.Mailbox], view.Ref(op.Item))
	if err != nil {
		s.Rep.Problem(op.Mailbox, op.MessageKey(), err)
	}
	return held
}

// LeaveEmpty leaves new files alone that are empty: an empty file is no message, and
// a program may be about to write it. It is said once.
func (s *Recovery) LeaveEmpty(context.Context) error {
	for _, f := range s.NewLocal {
		if f.Done || f.Guessed || f.Content == nil || f.Content.DiskSize > 0 || f.Item.CopyOf != nil {
			continue
		}
		f.Done = true
		s.HoldStamp(f.File.Folder)
		if s.unsentFile(f.File.Folder, f) != nil {
			continue
		}
		s.Rep.Problem(f.File.Folder, f.File.Name, &mail.Error{Op: "upload", Mailbox: f.File.Folder, Kind: mail.KindMessage,
			Err: errors.New("the file is empty, which is no message"), Hint: "remove it; it is sent once there is something in it"})
		s.Resolve(func(tx *state.Tx) error { return s.noteUnsent(tx, f.File.Folder, f, 0, "empty") })
	}
	s.NewLocal = slices.DeleteFunc(s.NewLocal, func(f *view.Message) bool { return f.Done })
	return nil
}
