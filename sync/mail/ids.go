package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// UID identifies a message within one mailbox and one UIDVALIDITY
// (RFC 3501 §2.3.1.1). Zero is no UID.
type UID uint32

// UIDValidity says for how long UIDs of a mailbox mean the same messages
// (RFC 3501 §2.3.1.1). Zero means unknown.
type UIDValidity uint32

// ModSeq is a mod-sequence, 63 bits wide (RFC 7162 §3.1). Zero means that
// the server keeps none for the mailbox, or that it is unknown.
type ModSeq uint64

// UIDRange is an inclusive range of UIDs, Start <= Stop. A server may send
// ranges that reach to 4294967295, so a range is intersected and compared,
// never expanded.
type UIDRange struct{ Start, Stop UID }

// Contains reports whether uid lies in r.
func (r UIDRange) Contains(uid UID) bool { return r.Start <= uid && uid <= r.Stop }

// Digest is the SHA-256 of a message in the form in which the server holds
// it. Two messages with the same digest have the same content.
type Digest [sha256.Size]byte

// IsZero reports whether d is unset.
func (d Digest) IsZero() bool { return d == Digest{} }

// String returns the first eight bytes in hexadecimal, for logs.
func (d Digest) String() string { return hex.EncodeToString(d[:8]) }

// Form says how a message on disk relates to its server form (SPEC §5).
type Form uint8

const (
	// FormLF is a file of LF lines whose server form has CRLF instead.
	FormLF Form = iota
	// FormRaw is a file that is its server form byte for byte.
	FormRaw
	// FormTidy is a file whose lines end in different ways, or in CR CR LF,
	// and that the server keeps with CRLF at the end of every line, as
	// Dovecot does with what it is sent. The file stays as it is.
	FormTidy
	// FormBare is a file with housekeeping lines that the server's message does
	// not have: its server form is the file's [Essence].
	FormBare
	// FormApart is a file that is the server's message, though neither can be
	// made of the other: the server altered what it was sent, or has
	// housekeeping lines that the file has not. Each side keeps its own.
	FormApart
)

func (f Form) String() string {
	switch f {
	case FormRaw:
		return "raw"
	case FormTidy:
		return "tidy"
	case FormBare:
		return "bare"
	case FormApart:
		return "apart"
	}
	return "lf"
}

// Cursor is the point up to which the changes of a server's mailbox are
// applied and durable (RFC 4549 §4, RFC 7162 §3.2.5).
type Cursor struct {
	UIDValidity   UIDValidity
	UIDNext       UID
	HighestModSeq ModSeq
	Messages      uint32
}

// Date is an INTERNALDATE in Unix seconds; the time zone is not kept.
type Date int64

// DateOf returns t as a Date.
func DateOf(t time.Time) Date { return Date(t.Unix()) }

// Time returns d in UTC.
func (d Date) Time() time.Time { return time.Unix(int64(d), 0).UTC() }
