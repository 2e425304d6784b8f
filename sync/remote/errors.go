package remote

import (
	"errors"
	"fmt"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// Status codes that callers tell apart (RFC 3501 §7.1, RFC 5530, RFC 4469).
const (
	CodeTryCreate     = "TRYCREATE"
	CodeOverQuota     = "OVERQUOTA"
	CodeTooBig        = "TOOBIG"
	CodeNonExistent   = "NONEXISTENT"
	CodeAlreadyExists = "ALREADYEXISTS"
	CodeUnavailable   = "UNAVAILABLE"
	CodeInUse         = "INUSE"
	CodeNoPerm        = "NOPERM"
	CodeReadOnly      = "READ-ONLY"

	CodeAuthorizationFailed = "AUTHORIZATIONFAILED"
	CodeExpired             = "EXPIRED"
	CodePrivacyRequired     = "PRIVACYREQUIRED"
	CodeContactAdmin        = "CONTACTADMIN"
	CodeCannot              = "CANNOT"

	codeLimit     = "LIMIT"
	codeServerBug = "SERVERBUG"
	codeThrottled = "THROTTLED" // no standard has it
	codeModified  = "MODIFIED"  // RFC 7162 §3.1.3
)

// ResponseError is the cause of every error that a server answered: NO, or
// BAD when Bad is set.
type ResponseError struct {
	Code string // the response code in upper case, empty when there was none
	Text string // for people
	Bad  bool

	words string // of Text, what the server says of itself; see ownWords
}

func (e *ResponseError) Error() string {
	word := "NO"
	if e.Bad {
		word = "BAD"
	}
	if e.Code != "" {
		word += " [" + e.Code + "]"
	}
	return fmt.Sprintf("server answered %s %s", word, e.Text)
}

// Is makes the facts behind the codes of RFC 5530 known by the names that
// all of satchel uses.
func (e *ResponseError) Is(target error) bool {
	switch e.Code {
	case CodeNonExistent:
		return target == mail.ErrGone
	case CodeAlreadyExists:
		return target == mail.ErrExists
	}
	return false
}

// responseError is the answer to a command as an error; asked is what its text
// may quote.
func responseError(status string, t wire.Text, asked string) error {
	if status == "OK" {
		return nil
	}
	return &ResponseError{Code: t.Code, Text: t.Text, Bad: status == "BAD", words: ownWords(t.Text, asked)}
}

var (
	errStalled    = error(stalledError{})
	errOutOfOrder = errors.New("the server answered commands out of order")
	errClosed     = errors.New("connection closed")
	errLongLine   = errors.New("the server sent a line longer than 16 MB")
	errLiteral    = errors.New("the server sent a literal of unknown size")
	errOtherUID   = errors.New("the server sent another message than the one that was asked for")

	// ErrIncomplete says that the server listed fewer messages than it says the
	// mailbox holds, so nothing can be concluded from those that are missing.
	ErrIncomplete = errors.New("the server's list of messages is incomplete")
	// ErrExcess says that the server told of thousands of messages more than it says
	// the mailbox holds, or of more than are kept of any mailbox (maxHeld).
	ErrExcess = errors.New("the server tells of far more messages than it says there are, or than any mailbox holds")
)

// stalledError is a [net.Error] of the kind that time ended.
type stalledError struct{}

func (stalledError) Error() string   { return "the server sent nothing for too long" }
func (stalledError) Timeout() bool   { return true }
func (stalledError) Temporary() bool { return true }

func mailboxError(op, mailbox string, err error) error {
	if err == nil {
		return nil
	}
	return &mail.Error{Op: op, Mailbox: mailbox, Kind: mail.KindMailbox, Hint: limitHint(err), Err: err}
}

// isDead reports whether err means that the connection is gone.
func isDead(err error) bool {
	return err != nil && mail.KindOf(err) == mail.KindConnection
}

func isResponse(err error) bool {
	var re *ResponseError
	return errors.As(err, &re)
}
