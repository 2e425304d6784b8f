package remote

import (
	"time"

	"satchel/sync/remote/names"
	"satchel/sync/remote/refusal"
)

// Here stands what callers share with the rooms below, under the names of this
// package, so that they import this package alone.

// ResponseError is the cause of every error that a server answered.
type ResponseError = refusal.ResponseError

// Status codes that callers tell apart (RFC 3501 §7.1, RFC 5530, RFC 4469).
const (
	CodeTryCreate           = refusal.CodeTryCreate
	CodeNonExistent         = refusal.CodeNonExistent
	CodeAlreadyExists       = refusal.CodeAlreadyExists
	CodeNoPerm              = refusal.CodeNoPerm
	CodeReadOnly            = refusal.CodeReadOnly
	CodeAuthorizationFailed = refusal.CodeAuthorizationFailed
	CodeExpired             = refusal.CodeExpired
	CodePrivacyRequired     = refusal.CodePrivacyRequired
)

// The limits that callers tell apart.
const (
	NoLimit          = refusal.NoLimit
	LimitUnavailable = refusal.LimitUnavailable
	LimitInUse       = refusal.LimitInUse
	LimitQuota       = refusal.LimitQuota
)

// LimitOf says which limit an error is about, and for how long the server asks to
// be left alone; 0 when it does not say.
func LimitOf(err error) (refusal.Limit, time.Duration) { return refusal.LimitOf(err) }

// ClosedEarly reports whether a server closed the connection before it said
// anything.
func ClosedEarly(err error) bool { return refusal.ClosedEarly(err) }

// LeftOut is a mailbox of the server that has no name here.
type LeftOut = names.LeftOut
