package resync

import (
	"errors"
	"fmt"
	"strings"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// allUIDs is never "1:*", see followUps.
const allUIDs = "1:4294967295"

// Inquiry is one request about a mailbox: what is to be asked, and what the
// answers mean.
type Inquiry struct {
	Req     Request
	Level   Level
	Sel     *Opened
	Needed  int      // how many questions must be answered; the others may be refused
	Changes *Changes // the answer; nil: not judged yet
	// NeedsPlain: the mailbox keeps no mod-sequences, which nobody knew.
	NeedsPlain bool
	Doubts     Doubts
	Identity   bool  // an identity was asked for
	Refused    error // what follows SELECT was answered NO or BAD

	able     Support
	collect  Collector
	searches []*flagSearch // instead of fetching all flags
	Look     mail.UIDSet   // where they found something else than is known
	looked   map[mail.UID]mail.Flags
	count    uint64 // of all messages, by a search
	counted  bool
	counting *Question // the search for it
	present  []mail.UIDRange
	searched bool
	// What was said to go meanwhile. It explains a count that is lower than
	// that of SELECT only as far as it names messages that were there.
	expunged uint64
	vanished []mail.UIDRange
}

// Support is what the server can, as far as questions depend on it.
type Support struct {
	Level    Level
	ESearch  bool   // it answers a search with ranges (RFC 4731)
	Identity string // the FETCH item for the identity of a message; empty: none
}

// Question is a command that follows SELECT.
type Question struct {
	Line string
	Take func(wire.Response)
	Tag  func() string // that it went out with; an ESEARCH names it
}

func (in *Inquiry) known() bool { return in.Req.Known.UIDValidity != 0 }

// firstNew is the first UID that counts as new.
func (in *Inquiry) firstNew() mail.UID {
	if in.Req.First != 0 {
		return in.Req.First
	}
	if !in.known() || in.Req.Known.UIDNext == 0 {
		return 1
	}
	return in.Req.Known.UIDNext
}

// NewInquiry begins to ask. sel takes the answers to SELECT, and params stands in
// its parentheses; questions follow it.
func NewInquiry(req Request, level Level, able Support, sel *Opened) (in *Inquiry, params string, questions []*Question, err error) {
	in = &Inquiry{Req: req, Level: level, able: able, Sel: sel}
	in.collect.FirstNew, in.collect.last, in.collect.ours = in.firstNew(), in.Req.Last, in.Req.Ours
	in.Sel.fetched = in.collect.Take
	in.collect.most = func() int { return held(in.Sel.Cursor.Messages) }
	in.Sel.reset = in.collect.reset
	byModSeq := in.known() && in.Req.Known.HighestModSeq > 0
	if in.known() && (!byModSeq || in.Level == Plain) {
		if err := in.planSearch(); err != nil {
			return in, "", nil, err
		}
	}
	switch {
	case in.Level == QResync && byModSeq:
		// New messages are listed by what follows, with all that is to be
		// known of them; so SELECT need not mention them.
		params = fmt.Sprintf("QRESYNC (%d %d%s)", in.Req.Known.UIDValidity, in.Req.Known.HighestModSeq, in.knownParam())
	case in.able.Level >= Condstore:
		params = "CONDSTORE"
	}
	return in, params, in.followUps(byModSeq), nil
}

// followUps are the commands behind SELECT. Ranges end in the largest UID,
// because Cyrus takes "*" for a message that is still there.
func (in *Inquiry) followUps(byModSeq bool) []*Question {
	var list []*Question
	add := func(line string, take func(wire.Response)) *Question {
		list = append(list, &Question{Line: line, Take: take})
		return list[len(list)-1]
	}
	ask := func(set mail.UIDSet, items string) {
		items = " (UID " + items + ")"
		for _, part := range wire.FormatSets(set, wire.SetRoom("UID FETCH ", items)) {
			add("UID FETCH "+part+items, in.Take)
		}
	}
	if in.known() {
		plain := !byModSeq || in.Level == Plain
		switch {
		case plain && in.searches == nil:
			add("UID FETCH "+allUIDs+" (UID FLAGS)", in.Take)
		case plain:
			for _, s := range in.searches {
				s.question = add(s.line(in.able.ESearch), in.takeSearch)
			}
			if in.able.ESearch && !in.wantsPresent(byModSeq) {
				in.counting = add("UID SEARCH RETURN (COUNT) ALL", in.takeSearch)
			}
		case in.Level == Condstore:
			add(fmt.Sprintf("UID FETCH %s (UID FLAGS) (CHANGEDSINCE %d)", allUIDs, in.Req.Known.HighestModSeq), in.Take)
		}
		switch {
		case !in.wantsPresent(byModSeq):
		case plain && in.searches == nil:
			in.searched = true // all that are there were fetched
		default:
			add(SearchAll(in.able.ESearch), in.Take)
		}
	}
	if in.Req.ListNew {
		items := "UID FLAGS INTERNALDATE RFC822.SIZE"
		if in.Level >= Condstore {
			items += " MODSEQ"
		}
		if id := in.able.Identity; id != "" {
			items += " " + id
			in.Identity = true
		}
		add("UID FETCH "+in.newUIDs()+" ("+items+")", in.Take)
		nameless := in.Req.Nameless
		if len(in.Req.Grouped) > 0 {
			ask(in.Req.Grouped, strings.TrimSpace("RFC822.SIZE "+in.able.Identity))
			nameless = nameless.Minus(in.Req.Grouped)
		}
		if id := in.able.Identity; id != "" && len(nameless) > 0 {
			ask(nameless, id)
		}
	}
	in.Needed = len(list)
	if in.Req.ListNew && len(in.Req.MessageIDs) > 0 {
		ask(in.Req.MessageIDs, wire.MessageIDItem)
	}
	return list
}

// wantsPresent: with QRESYNC the mailbox itself may have no mod-sequences, and
// then nothing else tells what is gone.
func (in *Inquiry) wantsPresent(byModSeq bool) bool {
	return (in.Req.Expunges || in.Req.Distrust&DoubtModSeq != 0) && (in.Level < QResync || !byModSeq)
}

// Take reads a response to one of the questions.
func (in *Inquiry) Take(r wire.Response) {
	switch r.Kind {
	case "FETCH":
		if f, ok := wire.ParseFetch(r.Rest); ok && f.UID != 0 {
			in.collect.Take(&f)
		}
	case "SEARCH":
		if set, ok := wire.ParseSearch(r.Rest); ok {
			in.present, in.searched = Gather(in.present, set), true
		}
	case "ESEARCH":
		if set, ok := wire.ParseESearch(r.Rest); ok {
			in.present, in.searched = Gather(in.present, set), true
		}
	case "VANISHED":
		// Seen only while we look: the next SELECT tells again, because the
		// cursor is that of this SELECT.
		if set, _, ok := wire.ParseVanished(r.Rest); ok && len(in.vanished) < maxVanished {
			in.vanished = append(in.vanished, set...)
		}
	case "EXPUNGE":
		if r.Number > 0 && r.Number+in.expunged <= uint64(in.Sel.Cursor.Messages) {
			in.expunged++
		}
	}
}

// maxVanished bounds what is kept of expunges that are told meanwhile.
const maxVanished = 1 << 16

// left counts the messages of a set that are said to have gone meanwhile.
func (in *Inquiry) left(of mail.UIDSet) uint64 {
	return in.expunged + of.Intersect(mail.MergeUIDs(in.vanished)).Count()
}

// Judge settles what may be believed of the answers. err is why the mailbox could
// not be opened, refused is why one of the questions that are needed was.
func (in *Inquiry) Judge(err, refused error) {
	ch := &Changes{Mailbox: in.Req.Mailbox, Err: err}
	in.Changes = ch
	if err != nil {
		return
	}
	in.noteSelected(ch)
	if in.noCursor(ch) || in.doubtCursor(ch) {
		return
	}
	if in.mustAskPlain(refused) {
		in.NeedsPlain = true
		return
	}
	if ch.Err = in.failure(refused); ch.Err != nil {
		return
	}
	if in.judgeSearch() {
		in.NeedsPlain = true
		return
	}
	in.collect.result(ch)
	ch.Vanished = mail.MergeUIDs(in.Sel.vanished)
	in.settleCursor(ch)
	ch.Err = in.settlePresent(ch)
}

// noteSelected notes what the answer to SELECT says.
func (in *Inquiry) noteSelected(ch *Changes) {
	ch.Cursor = in.Sel.Cursor
	ch.Permanent, ch.PermanentAny = in.Sel.permanent, in.Sel.permanentAny
	ch.ReadOnly, ch.NoModSeq, ch.MailboxID = in.Sel.ReadOnly, in.Sel.NoModSeq, in.Sel.mailboxID
}

// noCursor reports whether the mailbox has no UIDs, or other ones than before. ch says which.
func (in *Inquiry) noCursor(ch *Changes) bool {
	if ch.Cursor.UIDValidity == 0 || in.Sel.notSticky {
		ch.Err = refusal.ForMailbox("select", in.Req.Mailbox, errors.New("the server keeps no UIDs for this mailbox"))
		return true
	}
	ch.UIDValidityChanged = in.known() && ch.Cursor.UIDValidity != in.Req.Known.UIDValidity
	return ch.UIDValidityChanged
}

// mustAskPlain reports whether the question must be asked once more, without
// what the server does not answer for this mailbox.
func (in *Inquiry) mustAskPlain(refused error) bool {
	if in.Sel.NoModSeq && in.Level > Plain && (refused != nil || in.known() && in.Req.Known.HighestModSeq > 0) {
		return true
	}
	if refused != nil && in.searches != nil && in.Req.Distrust&DoubtSearch == 0 {
		// The server may refuse a search. Then all flags must be fetched.
		in.Req.Distrust |= DoubtSearch
		return true
	}
	return false
}

// failure is why the answers are of no use.
func (in *Inquiry) failure(refused error) error {
	if refused != nil {
		if in.Identity {
			in.Refused = refused
		}
		return refusal.ForMailbox(refusal.OpMessages, in.Req.Mailbox, refused)
	}
	if in.collect.excess {
		return refusal.ForMailbox(refusal.OpMessages, in.Req.Mailbox, ErrExcess)
	}
	return nil
}

// settleCursor makes the cursor say no more than what was listed.
func (in *Inquiry) settleCursor(ch *Changes) {
	in.settleUIDNext(ch)
	if in.Level == Plain && in.Req.Distrust&DoubtModSeq != 0 || in.Doubts&DoubtModSeq != 0 {
		ch.Cursor.HighestModSeq = 0
	}
	if in.Req.Last != 0 {
		ch.Cursor.UIDNext = min(ch.Cursor.UIDNext, in.Req.Last+1)
	}
}

// Exhausted reports whether there is no other way left to ask.
func (in *Inquiry) Exhausted() bool {
	return in.Req.Reconsidered && in.Level == Plain && in.searches == nil
}

// settlePresent checks whether the list of UIDs is whole. What is missing from
// it would be removed elsewhere, so a list that is too short says so.
func (in *Inquiry) settlePresent(ch *Changes) error {
	byModSeq := in.known() && in.Req.Known.HighestModSeq > 0
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
		return refusal.ForMailbox(refusal.OpMessages, in.Req.Mailbox, ErrIncomplete)
	}
	ch.Present, ch.HasPresent = present, true
	// What is said to have gone meanwhile is no excuse: who is told that the
	// list is short asks for each message that is missing from it.
	ch.Short = present.Count() < uint64(ch.Cursor.Messages)
	return nil
}

// UIDs are all UIDs of the mailbox, as a search told them; the error is
// ErrIncomplete where they are fewer than the mailbox holds. meanwhile: something
// is said to have gone since SELECT.
func (in *Inquiry) UIDs() (set mail.UIDSet, meanwhile bool, err error) {
	if !in.searched {
		return nil, false, errors.New("the server did not answer a search")
	}
	set = mail.MergeUIDs(in.present)
	meanwhile = in.expunged > 0 || len(in.vanished) > 0
	if set.Count() < uint64(in.Sel.Cursor.Messages) {
		err = ErrIncomplete
	}
	return set, meanwhile, err
}

// SearchAll asks for all UIDs, as ranges where the server can (RFC 4731).
func SearchAll(eSearch bool) string {
	if eSearch {
		return "UID SEARCH RETURN (ALL) ALL"
	}
	return "UID SEARCH ALL"
}
