package remote

import (
	"time"

	"satchel/sync/remote/dial"
	"satchel/sync/remote/names"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/resync"
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

// EndedAt reports whether err says that a server ended a connection that it was read
// from, and at what.
func EndedAt(err error) (at refusal.Ending, ok bool) { return refusal.EndedAt(err) }

// OfMessages reports whether an error is about messages that were asked for, of a
// mailbox that could be opened.
func OfMessages(err error) bool { return refusal.OfMessages(err) }

// ResyncRequest asks what changed in a mailbox.
type ResyncRequest = resync.Request

// Changes is what happened in a mailbox.
type Changes = resync.Changes

// NewMessage is a message that the caller does not know.
type NewMessage = resync.NewMessage

// FlagRuns are the flags of all messages of a mailbox, as a caller knows them.
type FlagRuns = resync.FlagRuns

// Level says how a mailbox is brought up to date.
type Level = resync.Level

// Doubts are things that a server was caught to get wrong about a mailbox.
type Doubts = resync.Doubts

// QResync is the highest level.
const QResync = resync.QResync

// What a server was caught at.
const (
	DoubtVanished = resync.DoubtVanished
	DoubtModSeq   = resync.DoubtModSeq
	DoubtUIDNext  = resync.DoubtUIDNext
	DoubtSearch   = resync.DoubtSearch
)

// ErrIncomplete says that the server listed fewer messages than it says the mailbox
// holds.
var ErrIncomplete = resync.ErrIncomplete

// TLSMode says how a connection is protected.
type TLSMode = dial.Mode

// The modes of SPEC §3.
const (
	TLSImplicit = dial.Implicit // TLS from the first byte; port 993
	TLSStart    = dial.StartTLS // STARTTLS before login; port 143
	TLSNone     = dial.Clear    // clear text; loopback only, unless allowed
)
