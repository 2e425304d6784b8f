package remote

import (
	"context"
	"errors"
	"fmt"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
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
	// only their flags are told, and of the Nameless ones the EMAILID.
	Held, Ours, Nameless []mail.UIDRange
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
}

// MessageName is the server's identity of a message; see NewMessage.
type MessageName struct {
	UID     mail.UID
	EmailID string
}

// Changes is what happened in a mailbox since the cursor of the request.
type Changes struct {
	Mailbox string
	// Cursor may be stored once everything here is applied and durable.
	Cursor             mail.Cursor
	UIDValidityChanged bool            // then of the rest only Cursor and the mailbox's own properties are set
	Vanished           []mail.UIDRange // sorted, merged; may cover UIDs that never existed
	Flags              []MessageFlags  // UID < Known.UIDNext, or of Ours
	New                []NewMessage    // UID >= Known.UIDNext, sorted; without Ours
	Named              []MessageName   // of Nameless
	Present            []mail.UIDRange // all UIDs, where Vanished cannot be told; else nil
	HasPresent         bool            // Present was asked for and is complete; an empty mailbox has none
	Permanent          mail.Flags      // what can be stored for good
	PermanentAny       bool            // \*: new keywords too
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
	defer c.guard(ctx)()
	if len(reqs) == 0 {
		return nil
	}
	if err := c.ensureEnabled(); err != nil {
		return err
	}
	var plain, condstore, again []ChangesRequest
	deliver := func(in *inquiry) error {
		switch {
		case in.refused != nil && c.refusedIdentity(in.refused), in.refused != nil && in.identity && c.noIdentity:
			again = append(again, in.req)
			return nil
		case in.needsPlain:
			plain = append(plain, in.req)
			return nil
		case in.sel != nil && in.sel.garbled && in.level == QResync:
			// What is gone is then found by looking at what is there.
			c.log.Warn("unreadable VANISHED; comparing UIDs instead", "mailbox", in.req.Mailbox)
			in.req.Expunges = true
			condstore = append(condstore, in.req)
			return nil
		}
		return yield(in.changes)
	}
	if err := c.inquire(reqs, c.Level(), deliver); err != nil {
		return err
	}
	retry := again
	again = nil
	if err := c.inquire(retry, c.Level(), deliver); err != nil {
		return err
	}
	if err := c.inquire(condstore, Condstore, deliver); err != nil {
		return err
	}
	return c.inquire(plain, Plain, deliver)
}

// inquire runs the requests at a level, a window of them at a time.
func (c *Conn) inquire(reqs []ChangesRequest, level Level, deliver func(*inquiry) error) error {
	var flight []*inquiry
	for len(reqs) > 0 || len(flight) > 0 {
		c.link.cork()
		for len(reqs) > 0 && len(flight) < selectWindow {
			in := &inquiry{req: reqs[0], level: level}
			reqs = reqs[1:]
			if err := in.start(c); err != nil {
				if isDead(err) {
					return err
				}
				in.changes = &Changes{Mailbox: in.req.Mailbox, Err: err}
			}
			flight = append(flight, in)
		}
		if err := c.link.uncork(); err != nil {
			return c.dead("changes", "", err)
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

// inquiry is one request in flight: a SELECT and what follows it.
type inquiry struct {
	req     ChangesRequest
	level   Level
	sel     *selecting
	follow  []*command
	changes *Changes
	// needsPlain: the mailbox keeps no mod-sequences, which nobody knew.
	needsPlain bool
	identity   bool  // an identity was asked for
	refused    error // what follows SELECT was answered NO or BAD

	collect  collector
	present  []mail.UIDRange
	searched bool
	expunged uint64
}

func (in *inquiry) known() bool { return in.req.Known.UIDValidity != 0 }

// firstNew is the first UID that counts as new.
func (in *inquiry) firstNew() mail.UID {
	if in.req.First != 0 {
		return in.req.First
	}
	if !in.known() || in.req.Known.UIDNext == 0 {
		return 1
	}
	return in.req.Known.UIDNext
}

func (in *inquiry) start(c *Conn) error {
	in.collect.firstNew, in.collect.last, in.collect.ours = in.firstNew(), in.req.Last, in.req.Ours
	in.sel = &selecting{mailbox: in.req.Mailbox, examine: in.req.ReadOnly}
	in.sel.fetched = in.collect.take
	in.sel.reset = in.collect.reset
	params, byModSeq := "", in.known() && in.req.Known.HighestModSeq > 0
	switch {
	case in.level == QResync && byModSeq:
		// New messages are listed by what follows, with all that is to be
		// known of them; so SELECT need not mention them.
		params = fmt.Sprintf("QRESYNC (%d %d%s)", in.req.Known.UIDValidity, in.req.Known.HighestModSeq, in.knownParam())
	case c.Level() >= Condstore:
		params = "CONDSTORE"
	}
	if err := c.startSelect(in.sel, params); err != nil {
		return err
	}
	for _, line := range in.followUps(c, byModSeq) {
		cmd := &command{line: line, untagged: in.take}
		if err := c.link.begin(cmd); err != nil {
			return c.dead("changes", in.req.Mailbox, err)
		}
		in.follow = append(in.follow, cmd)
	}
	return nil
}

// followUps are the commands behind SELECT. Ranges end in the largest UID,
// because Cyrus takes "*" for a message that is still there.
func (in *inquiry) followUps(c *Conn, byModSeq bool) []string {
	var lines []string
	if in.known() {
		switch {
		case !byModSeq || in.level == Plain:
			lines = append(lines, "UID FETCH "+allUIDs+" (UID FLAGS)")
		case in.level == Condstore:
			lines = append(lines, fmt.Sprintf("UID FETCH %s (UID FLAGS) (CHANGEDSINCE %d)", allUIDs, in.req.Known.HighestModSeq))
		}
		if in.wantsPresent(byModSeq) {
			lines = append(lines, searchAll(c))
		}
	}
	if in.req.ListNew {
		items := "UID FLAGS INTERNALDATE RFC822.SIZE"
		if in.level >= Condstore {
			items += " MODSEQ"
		}
		if id := c.identityItem(); id != "" {
			items += " " + id
			in.identity = true
		}
		lines = append(lines, "UID FETCH "+in.newUIDs()+" ("+items+")")
		if id := c.identityItem(); id != "" && len(in.req.Nameless) > 0 {
			items := " (UID " + id + ")"
			for _, set := range wire.FormatSets(in.req.Nameless, setRoom("UID FETCH ", items)) {
				lines = append(lines, "UID FETCH "+set+items)
			}
		}
	}
	return lines
}

// wantsPresent: with QRESYNC the mailbox itself may have no mod-sequences, and
// then nothing else tells what is gone.
func (in *inquiry) wantsPresent(byModSeq bool) bool {
	return in.req.Expunges && (in.level < QResync || !byModSeq)
}

func (in *inquiry) take(r wire.Response) {
	switch r.Kind {
	case "FETCH":
		if f, ok := wire.ParseFetch(r.Rest); ok && f.UID != 0 {
			in.collect.take(&f)
		}
	case "SEARCH":
		if set, ok := wire.ParseSearch(r.Rest); ok {
			in.present, in.searched = append(in.present, set...), true
		}
	case "ESEARCH":
		if set, ok := wire.ParseESearch(r.Rest); ok {
			in.present, in.searched = append(in.present, set...), true
		}
	case "VANISHED":
		// Seen only while we look: the next SELECT tells again, because the
		// cursor is that of this SELECT. It explains a shorter list, though.
		if set, _, ok := wire.ParseVanished(r.Rest); ok {
			in.expunged += wire.Count(wire.Merge(set))
		}
	case "EXPUNGE":
		in.expunged++
	}
}

// finish waits for the answers and settles what may be believed.
func (in *inquiry) finish(c *Conn) error {
	if err := c.wait(in.sel.cmd); err != nil {
		return c.dead("changes", in.req.Mailbox, err)
	}
	var refused error
	for _, cmd := range in.follow {
		if err := c.wait(cmd); err != nil {
			return c.dead("changes", in.req.Mailbox, err)
		}
		if refused == nil {
			refused = cmd.err()
		}
	}
	err := c.settle(in.sel)
	ch := &Changes{Mailbox: in.req.Mailbox}
	in.changes = ch
	if err != nil {
		ch.Err = err
		return nil
	}
	ch.Cursor = in.sel.cursor
	ch.Permanent, ch.PermanentAny = in.sel.permanent, in.sel.permanentAny
	ch.ReadOnly, ch.NoModSeq, ch.MailboxID = in.sel.readOnly, in.sel.noModSeq, in.sel.mailboxID
	if ch.Cursor.UIDValidity == 0 || in.sel.notSticky {
		ch.Err = mailboxError("select", in.req.Mailbox, errors.New("the server keeps no UIDs for this mailbox"))
		return nil
	}
	if in.known() && ch.Cursor.UIDValidity != in.req.Known.UIDValidity {
		ch.UIDValidityChanged = true
		return nil
	}
	if in.sel.noModSeq && in.level > Plain && (refused != nil || in.known() && in.req.Known.HighestModSeq > 0) {
		in.needsPlain = true
		return nil
	}
	if refused != nil {
		if in.identity {
			in.refused = refused
		}
		ch.Err = mailboxError("list messages", in.req.Mailbox, refused)
		return nil
	}
	in.collect.result(ch)
	ch.Vanished = wire.Merge(in.sel.vanished)
	if ch.Cursor.UIDNext == 0 && in.req.ListNew {
		ch.Cursor.UIDNext = max(in.firstNew(), in.collect.highest+1)
	}
	if in.req.Last != 0 {
		ch.Cursor.UIDNext = min(ch.Cursor.UIDNext, in.req.Last+1)
	}
	ch.Err = in.settlePresent(ch)
	return nil
}

// settlePresent checks that the list of UIDs is whole. What is missing from
// it will be removed elsewhere, so a list that is too short is an error.
func (in *inquiry) settlePresent(ch *Changes) error {
	byModSeq := in.known() && in.req.Known.HighestModSeq > 0
	if !in.known() || !in.wantsPresent(byModSeq) {
		return nil
	}
	// A UID that either answer names is there.
	for _, f := range ch.Flags {
		in.present = wire.Add(in.present, f.UID)
	}
	for _, m := range ch.New {
		in.present = wire.Add(in.present, m.UID)
	}
	in.present = wire.Merge(in.present)
	if !in.searched || wire.Count(in.present)+in.expunged < uint64(ch.Cursor.Messages) {
		return mailboxError("list messages", in.req.Mailbox, ErrIncomplete)
	}
	ch.Present, ch.HasPresent = in.present, true
	return nil
}
