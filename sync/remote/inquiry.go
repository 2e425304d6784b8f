package remote

import (
	"errors"
	"fmt"
	"strings"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// inquiry is one request in flight: a SELECT and what follows it.
type inquiry struct {
	req     ChangesRequest
	level   Level
	sel     *selecting
	follow  []*command
	needed  int // how many of these must be answered; the others may be refused
	changes *Changes
	// needsPlain: the mailbox keeps no mod-sequences, which nobody knew.
	needsPlain bool
	doubts     Doubts
	identity   bool  // an identity was asked for
	refused    error // what follows SELECT was answered NO or BAD

	collect  collector
	searches []*flagSearch // instead of fetching all flags
	look     mail.UIDSet   // where they found something else than is known
	count    uint64        // of all messages, by a search
	counted  bool
	counting *command // the search for it
	present  []mail.UIDRange
	searched bool
	// What was said to go meanwhile. It explains a count that is lower than
	// that of SELECT only as far as it names messages that were there.
	expunged uint64
	vanished []mail.UIDRange
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
	in.collect.most = func() int { return held(in.sel.cursor.Messages) }
	in.sel.reset = in.collect.reset
	params, byModSeq := "", in.known() && in.req.Known.HighestModSeq > 0
	if in.known() && (!byModSeq || in.level == Plain) {
		if err := in.planSearch(c); err != nil {
			return err
		}
	}
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
	for _, cmd := range in.followUps(c, byModSeq) {
		if err := c.link.begin(cmd); err != nil {
			return c.dead(opChanges, in.req.Mailbox, err)
		}
		in.follow = append(in.follow, cmd)
	}
	return nil
}

// followUps are the commands behind SELECT. Ranges end in the largest UID,
// because Cyrus takes "*" for a message that is still there.
func (in *inquiry) followUps(c *Conn, byModSeq bool) []*command {
	var list []*command
	add := func(line string, take func(wire.Response)) *command {
		list = append(list, &command{line: line, untagged: take})
		return list[len(list)-1]
	}
	ask := func(set mail.UIDSet, items string) {
		items = " (UID " + items + ")"
		for _, part := range wire.FormatSets(set, setRoom("UID FETCH ", items)) {
			add("UID FETCH "+part+items, in.take)
		}
	}
	if in.known() {
		plain := !byModSeq || in.level == Plain
		switch {
		case plain && in.searches == nil:
			add("UID FETCH "+allUIDs+" (UID FLAGS)", in.take)
		case plain:
			for _, s := range in.searches {
				s.cmd = add(s.line(c), in.takeSearch)
			}
			if c.Has("ESEARCH") && !in.wantsPresent(byModSeq) {
				in.counting = add("UID SEARCH RETURN (COUNT) ALL", in.takeSearch)
			}
		case in.level == Condstore:
			add(fmt.Sprintf("UID FETCH %s (UID FLAGS) (CHANGEDSINCE %d)", allUIDs, in.req.Known.HighestModSeq), in.take)
		}
		switch {
		case !in.wantsPresent(byModSeq):
		case plain && in.searches == nil:
			in.searched = true // all that are there were fetched
		default:
			add(searchAll(c), in.take)
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
		add("UID FETCH "+in.newUIDs()+" ("+items+")", in.take)
		nameless := in.req.Nameless
		if len(in.req.Grouped) > 0 {
			ask(in.req.Grouped, strings.TrimSpace("RFC822.SIZE "+c.identityItem()))
			nameless = nameless.Minus(in.req.Grouped)
		}
		if id := c.identityItem(); id != "" && len(nameless) > 0 {
			ask(nameless, id)
		}
	}
	in.needed = len(list)
	if in.req.ListNew && len(in.req.MessageIDs) > 0 {
		ask(in.req.MessageIDs, messageIDItem)
	}
	return list
}

// wantsPresent: with QRESYNC the mailbox itself may have no mod-sequences, and
// then nothing else tells what is gone.
func (in *inquiry) wantsPresent(byModSeq bool) bool {
	return (in.req.Expunges || in.req.Distrust&DoubtModSeq != 0) && (in.level < QResync || !byModSeq)
}

func (in *inquiry) take(r wire.Response) {
	switch r.Kind {
	case "FETCH":
		if f, ok := wire.ParseFetch(r.Rest); ok && f.UID != 0 {
			in.collect.take(&f)
		}
	case "SEARCH":
		if set, ok := wire.ParseSearch(r.Rest); ok {
			in.present, in.searched = gather(in.present, set), true
		}
	case "ESEARCH":
		if set, ok := wire.ParseESearch(r.Rest); ok {
			in.present, in.searched = gather(in.present, set), true
		}
	case "VANISHED":
		// Seen only while we look: the next SELECT tells again, because the
		// cursor is that of this SELECT.
		if set, _, ok := wire.ParseVanished(r.Rest); ok && len(in.vanished) < maxVanished {
			in.vanished = append(in.vanished, set...)
		}
	case "EXPUNGE":
		if r.Number > 0 && r.Number+in.expunged <= uint64(in.sel.cursor.Messages) {
			in.expunged++
		}
	}
}

// maxVanished bounds what is kept of expunges that are told meanwhile.
const maxVanished = 1 << 16

// left counts the messages of a set that are said to have gone meanwhile.
func (in *inquiry) left(of mail.UIDSet) uint64 {
	return in.expunged + of.Intersect(mail.MergeUIDs(in.vanished)).Count()
}

// finish waits for the answers and settles what may be believed.
func (in *inquiry) finish(c *Conn) error {
	refused, err := in.await(c)
	if err != nil {
		return c.dead(opChanges, in.req.Mailbox, err)
	}
	ch := &Changes{Mailbox: in.req.Mailbox}
	in.changes = ch
	if ch.Err = c.settle(in.sel); ch.Err != nil {
		return nil
	}
	in.noteSelected(ch)
	if in.noCursor(ch) || in.doubtCursor(ch) {
		return nil
	}
	if in.mustAskPlain(refused) {
		in.needsPlain = true
		return nil
	}
	if ch.Err = in.failure(refused); ch.Err != nil {
		return nil
	}
	if in.judgeSearch() {
		in.needsPlain = true
		return nil
	}
	in.collect.result(ch)
	ch.Vanished = mail.MergeUIDs(in.sel.vanished)
	in.settleCursor(ch)
	ch.Err = in.settlePresent(ch)
	return nil
}

// await waits for all answers. refused is the first NO or BAD to what must be answered.
func (in *inquiry) await(c *Conn) (refused, err error) {
	if err := c.wait(in.sel.cmd); err != nil {
		return nil, err
	}
	for i, cmd := range in.follow {
		if err := c.wait(cmd); err != nil {
			return nil, err
		}
		if refused == nil && i < in.needed {
			refused = cmd.err()
		}
	}
	return refused, nil
}

// noteSelected notes what the answer to SELECT says.
func (in *inquiry) noteSelected(ch *Changes) {
	ch.Cursor = in.sel.cursor
	ch.Permanent, ch.PermanentAny = in.sel.permanent, in.sel.permanentAny
	ch.ReadOnly, ch.NoModSeq, ch.MailboxID = in.sel.readOnly, in.sel.noModSeq, in.sel.mailboxID
}

// noCursor reports whether the mailbox has no UIDs, or other ones than before. ch says which.
func (in *inquiry) noCursor(ch *Changes) bool {
	if ch.Cursor.UIDValidity == 0 || in.sel.notSticky {
		ch.Err = refusal.ForMailbox("select", in.req.Mailbox, errors.New("the server keeps no UIDs for this mailbox"))
		return true
	}
	ch.UIDValidityChanged = in.known() && ch.Cursor.UIDValidity != in.req.Known.UIDValidity
	return ch.UIDValidityChanged
}

// mustAskPlain reports whether the question must be asked once more, without
// what the server does not answer for this mailbox.
func (in *inquiry) mustAskPlain(refused error) bool {
	if in.sel.noModSeq && in.level > Plain && (refused != nil || in.known() && in.req.Known.HighestModSeq > 0) {
		return true
	}
	if refused != nil && in.searches != nil && in.req.Distrust&DoubtSearch == 0 {
		// The server may refuse a search. Then all flags must be fetched.
		in.req.Distrust |= DoubtSearch
		return true
	}
	return false
}

// failure is why the answers are of no use.
func (in *inquiry) failure(refused error) error {
	if refused != nil {
		if in.identity {
			in.refused = refused
		}
		return refusal.ForMailbox(opMessages, in.req.Mailbox, refused)
	}
	if in.collect.excess {
		return refusal.ForMailbox(opMessages, in.req.Mailbox, ErrExcess)
	}
	return nil
}

// settleCursor makes the cursor say no more than what was listed.
func (in *inquiry) settleCursor(ch *Changes) {
	in.settleUIDNext(ch)
	if in.level == Plain && in.req.Distrust&DoubtModSeq != 0 || in.doubts&DoubtModSeq != 0 {
		ch.Cursor.HighestModSeq = 0
	}
	if in.req.Last != 0 {
		ch.Cursor.UIDNext = min(ch.Cursor.UIDNext, in.req.Last+1)
	}
}

// settlePresent checks whether the list of UIDs is whole. What is missing from
// it would be removed elsewhere, so a list that is too short says so.
func (in *inquiry) settlePresent(ch *Changes) error {
	byModSeq := in.known() && in.req.Known.HighestModSeq > 0
	if !in.known() || !in.wantsPresent(byModSeq) {
		return nil
	}
	// A UID that either answer names is there.
	for _, f := range ch.Flags {
		in.present = mail.AppendUID(in.present, f.UID)
	}
	for _, m := range ch.New {
		in.present = mail.AppendUID(in.present, m.UID)
	}
	present := mail.MergeUIDs(append(in.present, in.collect.same...))
	if !in.searched {
		return refusal.ForMailbox(opMessages, in.req.Mailbox, ErrIncomplete)
	}
	ch.Present, ch.HasPresent = present, true
	// What is said to have gone meanwhile is no excuse: who is told that the
	// list is short asks for each message that is missing from it.
	ch.Short = present.Count() < uint64(ch.Cursor.Messages)
	return nil
}
