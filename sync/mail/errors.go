package mail

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says how much an error makes unusable, and so what may go on.
type Kind uint8

// The kinds, from the narrowest to the widest.
const (
	// KindMessage concerns one message; the rest of its mailbox goes on.
	KindMessage Kind = iota
	// KindMailbox concerns one mailbox; the rest of the account goes on.
	KindMailbox
	// KindAccount stops the account.
	KindAccount
	// KindConfig is wrong usage or configuration: exit 2.
	KindConfig
	// KindBusy is another satchel at work: exit 3.
	KindBusy
	// KindConnection is no connection, no TLS or a refused login: exit 4.
	KindConnection
	// KindBrake is a safety brake (SPEC §7): exit 5.
	KindBrake
)

func (k Kind) String() string {
	switch k {
	case KindMessage:
		return "message"
	case KindMailbox:
		return "mailbox"
	case KindAccount:
		return "account"
	case KindConfig:
		return "configuration"
	case KindBusy:
		return "busy"
	case KindConnection:
		return "connection"
	case KindBrake:
		return "brake"
	}
	return "unknown"
}

// Error is what crosses package borders: what was attempted, where, how much
// is unusable, and what to do next.
type Error struct {
	Op      string // what was attempted, lower case: "select", "open maildir"
	Mailbox string // empty when no mailbox is concerned
	UID     UID    // zero when no message is concerned
	Kind    Kind
	Hint    string // the next thing to do, as a command or a sentence; may be empty
	Err     error  // the cause; may be nil when Op says it all
}

func (e *Error) Error() string {
	s := e.Op
	if e.Mailbox != "" {
		s += " " + e.Mailbox
	}
	if e.UID != 0 {
		s += fmt.Sprintf(" uid %d", e.UID)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Facts that callers act on.
var (
	// ErrGone: the file, message or mailbox that was seen is no longer there.
	ErrGone = errors.New("no longer there")
	// ErrExists: a name that was to be taken is taken already.
	ErrExists = errors.New("already exists")
	// ErrChanged: the message changed after it was seen, so the operation
	// was not carried out (RFC 7162 §3.1.3, MODIFIED).
	ErrChanged = errors.New("changed meanwhile")
	// ErrReadOnly: the mailbox or folder may not be changed.
	ErrReadOnly = errors.New("read-only")
	// ErrUIDValidityChanged: all UIDs known of a mailbox are void.
	ErrUIDValidityChanged = errors.New("UIDVALIDITY changed")
)

// KindOf returns the widest kind in err's tree, and KindMessage for an error
// that carries none.
func KindOf(err error) Kind {
	widest := KindMessage
	walk(err, func(e *Error) bool {
		widest = max(widest, e.Kind)
		return true
	})
	return widest
}

// HintOf returns the first hint in err's tree.
func HintOf(err error) string {
	hint := ""
	walk(err, func(e *Error) bool {
		hint = e.Hint
		return hint == ""
	})
	return hint
}

// walk calls f for every Error in err's tree, the outermost first, in the
// order of [errors.As], until f returns false.
func walk(err error, f func(*Error) bool) bool {
	if e, ok := err.(*Error); ok && !f(e) { //nolint:errorlint // walks the tree itself
		return false
	}
	switch x := err.(type) { //nolint:errorlint // walks the tree itself
	case interface{ Unwrap() error }:
		if inner := x.Unwrap(); inner != nil {
			return walk(inner, f)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range x.Unwrap() {
			if !walk(inner, f) {
				return false
			}
		}
	}
	return true
}

// ShellWord writes s as one word of a shell.
func ShellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+@%:,=", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
