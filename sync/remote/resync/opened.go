package resync

import (
	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// Opened is what a SELECT or EXAMINE said of a mailbox.
type Opened struct {
	Previous bool // another mailbox was selected before

	Cursor         mail.Cursor
	closed         bool // [CLOSED]: what came before was of the previous mailbox
	NoModSeq       bool
	notSticky      bool // UIDs mean nothing in the next session
	permanent      mail.Flags
	permanentAny   bool
	permanentKnown bool
	flags          mail.Flags
	mailboxID      string
	ReadOnly       bool

	// With QRESYNC (RFC 7162 §3.2.5.2).
	vanished []mail.UIDRange
	Garbled  bool // a VANISHED that cannot be read
	fetched  func(*wire.Fetch)
	reset    func() // forget what fetched took
}

// Take reads a response.
func (s *Opened) Take(r wire.Response) {
	switch r.Kind {
	case "OK":
		s.takeCode(wire.ParseText(r.Rest))
	case "EXISTS":
		s.Cursor.Messages = uint32(min(r.Number, 1<<32-1))
	case "FLAGS":
		s.flags = mail.NewFlags(wire.ParseFlagList(r.Rest)...)
	case "VANISHED":
		set, earlier, ok := wire.ParseVanished(r.Rest)
		s.Garbled = s.Garbled || !ok
		// Without EARLIER it may concern the previous mailbox, unless that
		// is known to be closed.
		if ok && (earlier || s.closed || !s.Previous) {
			s.vanished = Gather(s.vanished, set)
		}
	case "FETCH":
		if s.fetched == nil {
			return
		}
		if f, ok := wire.ParseFetch(r.Rest); ok && f.UID != 0 {
			s.fetched(&f)
		}
	}
}

func (s *Opened) takeCode(t wire.Text) {
	switch t.Code {
	case "CLOSED":
		// RFC 7162 §3.2.11: responses before this one were about the mailbox
		// that was selected until now.
		s.closed = true
		s.vanished, s.Garbled = nil, false
		s.Cursor = mail.Cursor{}
		if s.reset != nil {
			s.reset()
		}
	case "UIDVALIDITY":
		n, _ := wire.ParseNumber(t.Args)
		s.Cursor.UIDValidity = mail.UIDValidity(min(n, 1<<32-1))
	case "UIDNEXT":
		n, _ := wire.ParseNumber(t.Args)
		s.Cursor.UIDNext = mail.UID(min(n, 1<<32-1))
	case "HIGHESTMODSEQ":
		n, _ := wire.ParseNumber(t.Args)
		s.Cursor.HighestModSeq = mail.ModSeq(n)
	case "UIDNOTSTICKY": // RFC 4315 §3
		s.notSticky = true
	case "NOMODSEQ":
		s.NoModSeq = true
	case "MAILBOXID":
		s.mailboxID = wire.ParseID(t.Args)
	case "PERMANENTFLAGS":
		names := wire.ParseFlagList(t.Args)
		s.permanentKnown = true
		s.permanent = mail.NewFlags(names...)
		s.permanentAny = false
		for _, n := range names {
			s.permanentAny = s.permanentAny || n == `\*`
		}
	}
}

// End draws the conclusions from the answers, of which there are no more.
func (s *Opened) End(readOnly bool) {
	s.ReadOnly = readOnly
	if !s.permanentKnown {
		// RFC 3501 §6.3.1: without PERMANENTFLAGS all flags can be changed.
		s.permanent, s.permanentAny = s.flags, true
	}
	if s.Cursor.HighestModSeq == 0 {
		s.NoModSeq = true // servers forget to say NOMODSEQ
	}
}
