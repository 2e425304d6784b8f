package run

import (
	"errors"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// Limited takes a refusal that is about a limit of the server, and reports
// whether it was one. It is told at the end of the run, if it is still true.
func (s *Run) Limited(mailbox, message string, err error) bool {
	limit, _ := remote.LimitOf(err)
	s.Mu.Lock()
	defer s.Mu.Unlock()
	switch limit {
	case remote.LimitInUse, remote.LimitUnavailable:
		s.Pool.GoAlone() // it may be our other connections that have it locked
		s.Limits.Waiting = append(s.Limits.Waiting, view.Refusal{Mailbox: mailbox, Message: message, Err: err})
		return true
	case remote.LimitQuota:
		s.Limits.Unsent++
		if s.Limits.Full == nil {
			s.Limits.Full, s.Limits.Removed = err, s.Rep.Counted(plan.RemoteRemove)
		}
		return true
	}
	return false
}

// RefusedBy returns what the server answered to an upload that it will not take;
// empty where the answer was about something else: its mailbox, its disk, its load.
func RefusedBy(err error) string {
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

// OfMailbox returns a refusal that holds for a mailbox as a whole, as of a share
// that was revoked; nil for those that are about a message, or may be.
func OfMailbox(err error) *mail.Error {
	var re *remote.ResponseError
	var e *mail.Error
	if !errors.As(err, &re) || !errors.As(err, &e) || e.Mailbox == "" {
		return nil
	}
	if !speaksOfMailbox(re) {
		return nil
	}
	return &mail.Error{Op: "change mailbox", Mailbox: e.Mailbox, Kind: mail.KindMailbox, Err: re,
		Hint: "what was to be changed there waits; when the mailbox is not yours any more, exclude it"}
}

// speaksOfMailbox reports whether an answer is about the mailbox, and not about the
// message of the command.
func speaksOfMailbox(r *remote.ResponseError) bool {
	switch r.Code {
	case remote.CodeNoPerm, remote.CodeReadOnly, remote.CodeTryCreate, remote.CodeNonExistent:
		return true
	}
	return false
}

// NoRoom returns why nothing more is to be sent; nil while there is room.
// 3,000 messages are not sent to be refused one by one.
func (s *Run) NoRoom() error {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return s.Limits.Full
}
