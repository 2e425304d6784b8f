package remote

import (
	"context"

	"satchel/sync/mail"
)

// ChangesRequest asks what changed in a mailbox since Known.
type ChangesRequest struct {
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

	reconsidered bool // asked once more, because what came was not to be believed
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
	// ChangesRequest.MessageIDs; empty when there is none.
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

const (
	selectWindow = 16
	allUIDs      = "1:4294967295" // never "1:*", see followUps
)

// Changes asks the mailboxes of reqs for what changed, and calls yield for
// each, in order except that mailboxes without mod-sequences may come last.
// An error of yield ends it.
//
// With QRESYNC all SELECTs are in flight together, and one mailbox costs one
// command (RFC 7162 §3.2.5); what lists new messages follows its SELECT in the
// same flight.
func (c *Conn) Changes(ctx context.Context, reqs []ChangesRequest, yield func(*Changes) error) error {
	_, err := c.changes(ctx, reqs, nil, yield)
	return err
}

// ChangesThenList is Changes, and lists the mailboxes behind the questions, in
// the same flight: a message that was moved before an answer was given is in the
// list at its new place. The list is nil where it takes more than a flight, and
// when a question had to be asked once more, after it.
func (c *Conn) ChangesThenList(ctx context.Context, reqs []ChangesRequest, yield func(*Changes) error) ([]Mailbox, error) {
	if !c.listsStatus() {
		return nil, c.Changes(ctx, reqs, yield)
	}
	li := newListing()
	flight, list := c.listCommands(li, true)
	once, err := c.changes(ctx, reqs, flight, yield)
	if err != nil || !once {
		return nil, err
	}
	for _, cmd := range flight {
		if err := c.wait(cmd); err != nil {
			return nil, c.dead(opList, "", err)
		}
	}
	if list.err() != nil || li.tooMany {
		return nil, nil // Overview knows other ways
	}
	return c.listed(li, true), nil
}

// inquire runs the requests at a level, a window of them at a time. behind goes
// out with the last of them.
func (c *Conn) inquire(reqs []ChangesRequest, level Level, behind []*command, deliver func(*inquiry) error) error {
	var flight []*inquiry
	for len(reqs) > 0 || len(flight) > 0 {
		c.link.cork()
		for len(reqs) > 0 && len(flight) < selectWindow {
			in := &inquiry{req: reqs[0], level: min(level, reqs[0].Distrust.level())}
			reqs = reqs[1:]
			if err := in.start(c); err != nil {
				if isDead(err) {
					return c.dead(opChanges, oldest(append(flight, in)), c.link.failure())
				}
				in.changes = &Changes{Mailbox: in.req.Mailbox, Err: err}
			}
			flight = append(flight, in)
		}
		for ; len(reqs) == 0 && len(behind) > 0; behind = behind[1:] {
			if err := c.link.begin(behind[0]); err != nil {
				return c.dead(opChanges, oldest(flight), err)
			}
		}
		if err := c.link.uncork(); err != nil {
			return c.dead(opChanges, oldest(flight), err)
		}
		in := flight[0]
		flight = flight[1:]
		if in.changes == nil {
			if err := in.finish(c); err != nil {
				return err
			}
		}
		if err := deliver(in); err != nil {
			if len(flight) > 0 {
				// Answers that nobody will read are on their way.
				c.link.kill(errClosed)
			}
			return err
		}
	}
	return nil
}

// oldest is the mailbox of the first request that has no answer yet.
func oldest(flight []*inquiry) string {
	for _, in := range flight {
		if in.changes == nil {
			return in.req.Mailbox
		}
	}
	return ""
}
