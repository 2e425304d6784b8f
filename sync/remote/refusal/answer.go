package refusal

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

	CodeLimit     = "LIMIT"
	CodeServerBug = "SERVERBUG"
	CodeThrottled = "THROTTLED" // no standard has it
	CodeModified  = "MODIFIED"  // RFC 7162 §3.1.3
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

// Of is the answer to a command as an error; asked is what its text
// may quote.
func Of(status string, t wire.Text, asked string) error {
	if status == "OK" {
		return nil
	}
	return &ResponseError{Code: t.Code, Text: t.Text, Bad: status == "BAD", words: ownWords(t.Text, asked)}
}

// ForMailbox makes err an error about a mailbox, with what to do about it.
func ForMailbox(op, mailbox string, err error) error {
	if err == nil {
		return nil
	}
	return &mail.Error{Op: op, Mailbox: mailbox, Kind: mail.KindMailbox, Hint: Hint(err), Err: err}
}

// IsResponse reports whether err is an answer of the server.
func IsResponse(err error) bool {
	var re *ResponseError
	return errors.As(err, &re)
}
