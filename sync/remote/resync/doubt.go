package resync

// Doubts are things that a server was caught to get wrong about a mailbox.
type Doubts uint8

// The doubts.
const (
	// DoubtVanished: VANISHED named messages that are there, or not those
	// that are gone. The mailbox is then treated as on a server with
	// CONDSTORE only.
	DoubtVanished Doubts = 1 << iota
	// DoubtModSeq: HIGHESTMODSEQ went backwards. The mailbox is then treated
	// as on a server without mod-sequences.
	DoubtModSeq
	// DoubtUIDNext: UIDNEXT named a UID that was given out already. What was
	// seen of the messages counts instead.
	DoubtUIDNext
	// DoubtSearch: SEARCH left messages out.
	DoubtSearch
)

// Level is the highest level at which the server may still be asked.
func (d Doubts) Level() Level {
	switch {
	case d&DoubtModSeq != 0:
		return Plain
	case d&DoubtVanished != 0:
		return Condstore
	}
	return QResync
}

// doubtCursor looks for numbers that went backwards under the same
// UIDVALIDITY, which they never do on a server that is right (RFC 3501
// §2.3.1.1, RFC 7162 §3.1). What is asked by them would hide changes, so the
// mailbox is compared message by message. It reports that this is to be done.
func (in *Inquiry) doubtCursor(ch *Changes) bool {
	if !in.known() || in.full() {
		return false
	}
	was, now := in.Req.Known, ch.Cursor
	if now.HighestModSeq > 0 && now.HighestModSeq < was.HighestModSeq && in.Req.Distrust&DoubtModSeq == 0 {
		in.Doubts |= DoubtModSeq
	}
	if now.UIDNext > 0 && now.UIDNext < was.UIDNext && in.Req.Distrust&DoubtUIDNext == 0 {
		in.Doubts |= DoubtUIDNext
	}
	if in.Doubts == 0 {
		return false
	}
	in.NeedsPlain = true
	in.Req.Reconsidered = true
	in.Req.Expunges, in.Req.Distrust = true, in.Req.Distrust|in.Doubts
	return true
}

// full reports whether this inquiry lists all messages anyway.
func (in *Inquiry) full() bool {
	return in.wantsPresent(false) && (in.Level == Plain || in.Req.Known.HighestModSeq == 0)
}

// settleUIDNext makes up for a UIDNEXT that is missing or wrong. One that went
// back although a message has a UID above it is just wrong. Without such a
// message the server may give UIDs out again, so that those of before mean
// nothing any more, as if UIDVALIDITY had changed.
func (in *Inquiry) settleUIDNext(ch *Changes) {
	was, now := in.Req.Known.UIDNext, ch.Cursor.UIDNext
	ch.ToldNext = now
	highest := in.collect.highest
	if n := len(in.present); n > 0 {
		highest = max(highest, in.present[n-1].Stop)
	}
	highest = max(highest, in.collect.seen)
	for _, f := range in.collect.flags {
		highest = max(highest, f.UID)
	}
	switch {
	case now == 0 && in.Req.ListNew, now > 0 && now <= highest:
		ch.Cursor.UIDNext = max(in.firstNew(), highest+1)
		if now > 0 && in.known() && now < was {
			in.Doubts |= DoubtUIDNext
		}
	case !in.known() || now == 0 || now >= was:
	case in.Req.Distrust&DoubtUIDNext != 0 && in.Doubts&DoubtUIDNext == 0 && !in.Req.Reconsidered:
		ch.Cursor.UIDNext = was
	case in.full():
		*ch = Changes{Mailbox: ch.Mailbox, Cursor: ch.Cursor, UIDValidityChanged: true, MailboxID: ch.MailboxID, NoModSeq: ch.NoModSeq}
	}
}
