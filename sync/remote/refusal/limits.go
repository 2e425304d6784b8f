package refusal

import (
	"cmp"
	"errors"
	"io"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Limit is what a server has too much of, or too little, when it refuses what
// is not wrong in itself.
type Limit uint8

// The limits.
const (
	NoLimit          Limit = iota
	LimitConnections       // more connections than it allows
	LimitRate              // more commands or bytes than it allows in a time
	LimitUnavailable       // a part of it is down (RFC 5530, UNAVAILABLE)
	LimitInUse             // another session has what was asked for locked (RFC 5530, INUSE)
	LimitQuota             // no room is left for the account (RFC 9208)
)

// LimitOf says which limit an error is about, and for how long the server
// asks to be left alone; 0 when it does not say.
//
// Codes decide where there are any (RFC 5530). The rest goes by words: what
// large providers say when they throttle has no code. Words are looked for
// only in answers that could be about a limit, and not in what the text may
// quote of a command, as the name of a mailbox; see ownWords.
func LimitOf(err error) (Limit, time.Duration) {
	var (
		re  *ResponseError
		bye *ByeError
	)
	switch {
	case errors.As(err, &bye):
		return limitOf(bye.Code, ownWords(bye.Text, strings.Join(bye.Asked, " ")))
	case errors.As(err, &re):
		return limitOf(re.Code, cmp.Or(re.words, ownWords(re.Text, "")))
	case ClosedEarly(err):
		return LimitUnavailable, 0
	}
	return NoLimit, 0
}

// limitOf tells it from a code and the words that the server says of itself.
func limitOf(code, words string) (Limit, time.Duration) {
	switch code {
	case CodeInUse:
		return LimitInUse, 0
	case "", "ALERT", CodeThrottled, CodeLimit, CodeOverQuota, CodeUnavailable, CodeServerBug:
	default:
		return NoLimit, 0
	}
	has := func(phrases ...string) bool {
		for _, p := range phrases {
			if strings.Contains(words, p) {
				return true
			}
		}
		return false
	}
	switch {
	case code == CodeThrottled, has("throttled", "backoff time", "bandwidth limit", "rate limit", "too many requests", "too many commands"):
		return LimitRate, askedWait(words)
	case has("simultaneous connections", "too many connections", "too many open connections", "maximum number of connections", "connection limit",
		"authenticated but not connected"): // the last is Exchange
		return LimitConnections, askedWait(words)
	case code == CodeUnavailable, code == "" && has("server unavailable", "service unavailable", "temporarily unavailable"):
		return LimitUnavailable, askedWait(words)
	case code == "" && has("database is locked", "mailbox is locked", "mailbox is busy", "lock timeout", "could not lock", "unable to lock", "failed to lock"):
		return LimitInUse, 0
	case code == CodeOverQuota, has("quota exceeded", "over quota", "exceeded quota", "mailbox is full"):
		return LimitQuota, 0
	}
	return NoLimit, 0
}

// askedWait reads a time to wait out of a text, as in Exchange's "Suggested
// Backoff Time: 299923 milliseconds". A day is the most that is believed.
func askedWait(words string) time.Duration {
	fields := strings.FieldsFunc(words, func(r rune) bool { return strings.ContainsRune(" :,.;()", r) })
	for i := 1; i < len(fields); i++ {
		n, err := strconv.ParseUint(fields[i-1], 10, 32)
		if err != nil {
			continue
		}
		unit := time.Duration(0)
		switch {
		case fields[i] == "ms", strings.HasPrefix(fields[i], "millisecond"):
			unit = time.Millisecond
		case strings.HasPrefix(fields[i], "sec"):
			unit = time.Second
		case strings.HasPrefix(fields[i], "min"):
			unit = time.Minute
		case strings.HasPrefix(fields[i], "hour"):
			unit = time.Hour
		}
		if unit > 0 {
			return min(time.Duration(n)*unit, 24*time.Hour)
		}
	}
	return 0
}

// ByeError is the cause when a server ended the connection with BYE, or
// refused it (RFC 3501 §7.1.5).
type ByeError struct {
	Code    string // the response code in upper case, empty when there was none
	Text    string // for people
	Refused bool   // it came in place of a greeting

	Asked []string            // the commands that it may quote; see ownWords
	Show  func(string) string // makes Text safe to show; nil: it is. Most goodbyes are shown to nobody.
}

func (e *ByeError) Error() string {
	text := e.Text
	if e.Show != nil {
		text = e.Show(text)
	}
	if e.Code != "" {
		text = strings.TrimSpace("[" + e.Code + "] " + text)
	}
	if text == "" {
		text = "BYE"
	}
	if e.Refused {
		return "the server refused the connection: " + text
	}
	return "the server closed the connection: " + text
}

// closedEarly is a connection that was closed before the server said
// anything, which is how some refuse one too many.
type closedEarly struct{ err error }

func (e *closedEarly) Error() string { return e.err.Error() }
func (e *closedEarly) Unwrap() error { return e.err }

// ClosedEarly reports whether a server closed the connection before it said
// anything.
func ClosedEarly(err error) bool {
	var e *closedEarly
	return errors.As(err, &e)
}

// Early marks an error with which the opening of a connection ended, where the
// server closed it.
func Early(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return &closedEarly{err}
	}
	return err
}

// Hint is what to do about a limit; empty when err is about none.
func Hint(err error) string {
	switch limit, _ := LimitOf(err); limit {
	case LimitConnections:
		return "the server allows no more connections: close other mail programs, or set connections = 1; and try again later"
	case LimitRate:
		return "the server wants to be left alone for a while; try again later"
	case LimitUnavailable:
		return "the server is not available now; try again later"
	case LimitInUse:
		return "another program is at work there; try again later"
	case LimitQuota:
		return "remove mail that is no longer needed, there or here, or ask for more room; then sync again"
	}
	var re *ResponseError
	if errors.As(err, &re) {
		switch re.Code {
		case CodeServerBug:
			return "the server says that this is a fault of its own; tell its administrator"
		case CodeContactAdmin:
			return "the server says that its administrator has to be asked"
		}
	}
	return ""
}
