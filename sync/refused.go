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
	"satchel/sync/remote"
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
	// rememberUnsent is for how long a file is remembered that did not go up again: it
	// is not there any more, or has another name.
	rememberUnsent = 30 * 24 * time.Hour
	// maxSent is how often a file goes up to a server that says OK and does not
	// show it. What goes on after that is a loop.
	maxSent = 3
)

// fileKey names a file as the state remembers one that is not on the server.
type fileKey struct{ mailbox, base string }

// recallUnsent reads what earlier runs could not send, once there may be something
// to send.
func (s *session) recallUnsent(ctx context.Context) error {
	if s.unsentFiles != nil || len(s.newLocal)+len(s.intents)+len(s.messages) == 0 {
		return nil
	}
	list, err := s.db.UnsentFiles(ctx)
	if err != nil {
		return err
	}
	s.unsentFiles = make(map[fileKey]*state.Unsent, len(list))
	for _, u := range list {
		s.unsentFiles[fileKey{s.nameNow(u.Mailbox), u.Base}] = u
	}
	return nil
}

// unsentFile returns what is remembered of a file, if it still is that file.
func (s *session) unsentFile(mailbox string, m *message) *state.Unsent {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.unsentFiles[fileKey{mailbox, m.file.Base()}]
	if u == nil || m.content == nil || u.Digest != m.content.Digest || u.MTime != m.content.ModTime || u.Inode != m.content.Inode {
		return nil
	}
	return u
}

// noteUnsent remembers that a file was sent and is not there.
func (s *session) noteUnsent(tx *state.Tx, mailbox string, m *message, sent int, answer string) error {
	u := &state.Unsent{Mailbox: mailbox, Base: m.file.Base(), Digest: m.content.Digest, MTime: m.content.ModTime, Inode: m.content.Inode,
		Tried: s.now(), Sent: sent, Answer: answer}
	if err := tx.PutUnsent(u); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsentFiles == nil {
		s.unsentFiles = map[fileKey]*state.Unsent{}
	}
	s.unsentFiles[fileKey{mailbox, u.Base}] = u
	return nil
}

// noteRefused remembers that the server refused a file once more.
func (s *session) noteRefused(tx *state.Tx, mailbox string, m *message, answer string) error {
	times := 1
	if u := s.unsentFile(mailbox, m); u != nil && u.Answer != "" {
		times = u.Sent + 1
	}
	s.mu.Lock()
	if s.refusedNow == nil {
		s.refusedNow = map[fileKey]bool{}
	}
	s.refusedNow[fileKey{mailbox, m.file.Base()}] = true
	s.mu.Unlock()
	return s.noteUnsent(tx, mailbox, m, times, answer)
}

// renewUnsent notes that a file went up just now of which something is remembered, and
// that the server said OK.
func (s *session) renewUnsent(tx *state.Tx, mailbox string, m *message) error {
	u := s.unsentFile(mailbox, m)
	switch {
	case u == nil:
		return nil
	case u.Answer != "":
		return s.noteUnsent(tx, mailbox, m, 0, "")
	}
	return s.noteUnsent(tx, mailbox, m, u.Sent, "")
}

// forgetUnsent forgets a file that is on the server.
func (s *session) forgetUnsent(tx *state.Tx, mailbox string, m *message) error {
	key := fileKey{mailbox, m.file.Base()}
	s.mu.Lock()
	known := s.unsentFiles[key] != nil
	delete(s.unsentFiles, key)
	s.mu.Unlock()
	if !known {
		return nil
	}
	return tx.ForgetUnsent(key.mailbox, key.base)
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

// heldBack reports whether a file is not sent now, and what there is to say of it.
func (s *session) heldBack(mb *mailbox, m *message) (bool, error) {
	s.mu.Lock()
	said := s.refusedNow[fileKey{mb.name, m.file.Base()}]
	s.mu.Unlock()
	u := s.unsentFile(mb.name, m)
	switch {
	case m.unsettled:
		return true, nil // settleUploads says why
	case u == nil:
		return false, nil
	case said && u.Answer != "":
		return true, nil
	case u.Answer == "" && u.Sent >= maxSent && !s.req.Full:
		return true, errSentOften(mb.name, u.Sent)
	}
	until, now := refusedUntil(u), s.now()
	if s.req.Full || mb.detached || mb.cursorOf().UIDNext == 0 || !now.Before(until) || u.Tried.After(now) {
		return false, nil // after a change of the clock nothing is known of the time
	}
	return true, &mail.Error{Op: "upload", Mailbox: mb.name, Kind: mail.KindMessage,
		Err:  fmt.Errorf("it was refused %d times: %s; it goes up again after %s", u.Sent, u.Answer, until.Format("2006-01-02 15:04")),
		Hint: "sync with --full to try now"}
}

func errSentOften(mailbox string, n int) error {
	return &mail.Error{Op: "upload", Mailbox: mailbox, Kind: mail.KindMessage,
		Err:  fmt.Errorf("it went up %d times, the server said OK, and does not show it; it is not sent any more", n),
		Hint: "the file stays in the Maildir; look for the message on the server, and move the file elsewhere if it is there"}
}

// wouldHoldBack reports whether a run would hold back what a dry run plans, and says why.
func (s *session) wouldHoldBack(op *plan.Op) bool {
	if op.Kind != plan.Upload {
		return false
	}
	held, err := s.heldBack(s.mailboxes[op.Mailbox], ref(op.Item))
	if err != nil {
		s.rep.problem(op.Mailbox, op.MessageKey(), err)
	}
	return held
}

// refusedBy returns what the server answered to an upload that it will not take;
// empty where the answer was about something else: its mailbox, its disk, its load.
func refusedBy(err error) string {
	var r *remote.ResponseError
	if limit, _ := remote.LimitOf(err); limit != remote.NoLimit || !errors.As(err, &r) || errors.Is(err, mail.ErrGone) {
		return ""
	}
	switch r.Code {
	case remote.CodeAuthorizationFailed, remote.CodeExpired, remote.CodePrivacyRequired:
		return ""
	}
	if speaksOfMailbox(r) {
		return ""
	}
	return r.Error()
}

// leaveEmpty leaves new files alone that are empty: an empty file is no message, and
// a program may be about to write it. It is said once.
func (s *session) leaveEmpty(ctx context.Context) error {
	for _, f := range s.newLocal {
		if f.done || f.guessed || f.content == nil || f.content.DiskSize > 0 || f.item.CopyOf != nil {
			continue
		}
		f.done = true
		s.hold(false, f.file.Folder)
		if s.unsentFile(f.file.Folder, f) != nil {
			continue
		}
		s.rep.problem(f.file.Folder, f.file.Name, &mail.Error{Op: "upload", Mailbox: f.file.Folder, Kind: mail.KindMessage,
			Err: errors.New("the file is empty, which is no message"), Hint: "remove it; it is sent once there is something in it"})
		if s.req.DryRun {
			continue
		}
		if err := s.db.Update(ctx, func(tx *state.Tx) error { return s.noteUnsent(tx, f.file.Folder, f, 0, "empty") }); err != nil {
			return err
		}
	}
	s.newLocal = slices.DeleteFunc(s.newLocal, func(f *message) bool { return f.done })
	return nil
}
