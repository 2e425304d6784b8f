package resync

import (
	"errors"

	"satchel/sync/mail"
)

// Request asks what changed in a mailbox since Known.
type Request struct {
	Mailbox  string
	Known    mail.Cursor // zero: never synced, everything is new
	ReadOnly bool        // EXAMINE instead of SELECT
	// ListNew also asks for flags, date, size and EMAILID of every message
	// from Known.UIDNext on.
	ListNew bool
	// First and Last bound what is listed as new; 0 is Known.UIDNext, and no
	// bound. The Cursor of the answer ends with Last.
	First, Last mail.UID
	// Expunges asks for Present where the server does not report VANISHED.
	Expunges bool
	// Held are messages from Known.UIDNext on that the caller has already, as
	// after an interrupted run: it is told when they go. Of Ours, some of
	// them, it knows all, because it put them there: they do not count as new,
	// only their flags are told, of the Nameless ones the EMAILID, and of the
	// Grouped ones also the size.
	Held, Ours, Nameless, Grouped mail.UIDSet
	// MessageIDs are new messages of which the Message-ID is wanted as well,
	// which tells most of them from what they are not.
	MessageIDs mail.UIDSet
	// Distrust lists what the server was caught to get wrong about the
	// mailbox; it is asked in another way.
	Distrust Doubts
	// Base gives the flags that the caller knows. It is asked for, at most once
	// a try, where the server does not say what changed; then Changes.Flags
	// holds what differs. Nil: Changes.Flags holds every message.
	Base func() (*FlagRuns, error)
	// Keywords are flags that messages of the mailbox may have beside those in
	// Base.
	Keywords mail.Flags
	// SearchGain is how many bytes searching for flags must save; 0: 16 KB.
	SearchGain int

	Reconsidered bool // asked once more, because what came was not to be believed
}

// MessageFlags are the flags of a message that is not new.
type MessageFlags struct {
	UID    mail.UID
	Flags  mail.Flags
	ModSeq mail.ModSeq // 0: not told
}

// NewMessage is a message with a UID of Known.UIDNext or more.
type NewMessage struct {
	UID     mail.UID
	Flags   mail.Flags
	ModSeq  mail.ModSeq
	Size    int64
	Date    mail.Date // 0: the server's date is unreadable
	HasMeta bool      // Size and Date were told
	// EmailID is the server's identity of the content, empty where it has
	// none: an EMAILID (RFC 8474 §5.1) or one of its forerunners, with the
	// name of its kind in front.
	EmailID string
	// MessageID is the value of that field, unfolded, for those of
	// Request.MessageIDs; empty when there is none.
	MessageID    string
	HasMessageID bool // it was told
}

// MessageName is the server's identity of a message, see NewMessage, or its
// size, or both.
type MessageName struct {
	UID     mail.UID
	EmailID string
	Size    int64
	HasSize bool
}

// Changes is what happened in a mailbox since the cursor of the request.
type Changes struct {
	Mailbox string
	// Cursor may be stored once everything here is applied and durable.
	Cursor             mail.Cursor
	ToldNext           mail.UID       // UIDNEXT as the server told it, before it was weighed; 0: it did not
	UIDValidityChanged bool           // then of the rest only Cursor and the mailbox's own properties are set
	Vanished           mail.UIDSet    // sorted, merged; may cover UIDs that never existed
	Flags              []MessageFlags // UID < Known.UIDNext, or of Ours
	New                []NewMessage   // UID >= Known.UIDNext, sorted; without Ours
	Named              []MessageName  // of Nameless and Grouped
	Present            mail.UIDSet    // all UIDs, where Vanished cannot be told; else nil
	HasPresent         bool           // Present was asked for; an empty mailbox has none
	Short              bool           // Present is shorter than the mailbox, so that absence from it proves nothing
	Doubts             Doubts         // what the server was caught at
	Permanent          mail.Flags     // what can be stored for good
	PermanentAny       bool           // \*: new keywords too
	ReadOnly           bool
	NoModSeq           bool // the mailbox keeps no mod-sequences
	MailboxID          string
	Err                error // this mailbox failed; the others go on
}

// What a server's list of messages may be.
var (
	// ErrIncomplete says that the server listed fewer messages than it says the
	// mailbox holds, so nothing can be concluded from those that are missing.
	ErrIncomplete = errors.New("the server's list of messages is incomplete")
	// ErrExcess says that the server told of thousands of messages more than it says
	// the mailbox holds, or of more than are kept of any mailbox (maxHeld).
	ErrExcess = errors.New("the server tells of far more messages than it says there are, or than any mailbox holds")
)
