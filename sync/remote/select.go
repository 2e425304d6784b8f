package remote

import (
	"strings"

	"github.com/emersion/go-imap/v2"

	"satchel/sync/mail"
	"satchel/sync/remote/names"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// unknownMailbox stands for whatever is selected; no mailbox has that name,
// since no name has an empty level.
const unknownMailbox = "/"

// selecting is a SELECT or EXAMINE in flight and what it said.
type selecting struct {
	mailbox  string
	examine  bool
	previous bool // another mailbox was selected before

	cmd            *command
	cursor         mail.Cursor
	closed         bool // [CLOSED]: what came before was of the previous mailbox
	noModSeq       bool
	notSticky      bool // UIDs mean nothing in the next session
	permanent      mail.Flags
	permanentAny   bool
	permanentKnown bool
	flags          mail.Flags
	mailboxID      string
	readOnly       bool

	// With QRESYNC (RFC 7162 §3.2.5.2).
	vanished []mail.UIDRange
	garbled  bool // a VANISHED that cannot be read
	fetched  func(*wire.Fetch)
	reset    func() // forget what fetched took
}

// startSelect sends a SELECT or EXAMINE. params stands in parentheses:
// "CONDSTORE", "QRESYNC (1 2)", or is empty. go-imap learns of the selection;
// its line is rewritten.
func (c *Conn) startSelect(s *selecting, params string) error {
	name, err := c.cl.mailboxNames().ToWire(s.mailbox)
	if err != nil {
		return err
	}
	quoted, err := names.Quote(s.mailbox, name)
	if err != nil {
		return err
	}
	line := "SELECT " + quoted
	if s.examine {
		line = "EXAMINE " + quoted
	}
	if params != "" {
		line += " (" + params + ")"
	}
	if err := c.startEnable(); err != nil {
		return err
	}
	s.previous = c.selected.mailbox != ""
	s.cmd = &command{line: line, untagged: s.take}
	// Until the answer is there, nothing is known to be selected; a SELECT
	// that fails leaves nothing selected (RFC 3501 §6.3.1).
	c.deselect(unknownMailbox)
	c.selecting = s
	if err := c.link.through(s.cmd, func() {
		c.imap.Select(s.mailbox, &imap.SelectOptions{ReadOnly: s.examine})
	}); err != nil {
		return c.dead(s.op(), s.mailbox, err)
	}
	return nil
}

// deselect notes that what was selected is not any more.
func (c *Conn) deselect(now string) { c.selected = selection{mailbox: now, nth: c.selected.nth + 1} }

func (s *selecting) op() string {
	if s.examine {
		return "examine"
	}
	return "select"
}

func (s *selecting) take(r wire.Response) {
	switch r.Kind {
	case "OK":
		s.takeCode(wire.ParseText(r.Rest))
	case "EXISTS":
		s.cursor.Messages = uint32(min(r.Number, 1<<32-1))
	case "FLAGS":
		s.flags = mail.NewFlags(wire.ParseFlagList(r.Rest)...)
	case "VANISHED":
		set, earlier, ok := wire.ParseVanished(r.Rest)
		s.garbled = s.garbled || !ok
		// Without EARLIER it may concern the previous mailbox, unless that
		// is known to be closed.
		if ok && (earlier || s.closed || !s.previous) {
			s.vanished = gather(s.vanished, set)
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

func (s *selecting) takeCode(t wire.Text) {
	switch t.Code {
	case "CLOSED":
		// RFC 7162 §3.2.11: responses before this one were about the mailbox
		// that was selected until now.
		s.closed = true
		s.vanished, s.garbled = nil, false
		s.cursor = mail.Cursor{}
		if s.reset != nil {
			s.reset()
		}
	case "UIDVALIDITY":
		n, _ := wire.ParseNumber(t.Args)
		s.cursor.UIDValidity = mail.UIDValidity(min(n, 1<<32-1))
	case "UIDNEXT":
		n, _ := wire.ParseNumber(t.Args)
		s.cursor.UIDNext = mail.UID(min(n, 1<<32-1))
	case "HIGHESTMODSEQ":
		n, _ := wire.ParseNumber(t.Args)
		s.cursor.HighestModSeq = mail.ModSeq(n)
	case "UIDNOTSTICKY": // RFC 4315 §3
		s.notSticky = true
	case "NOMODSEQ":
		s.noModSeq = true
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

// settle draws the conclusions once the tagged answer is there.
func (c *Conn) settle(s *selecting) error {
	last := c.selecting == s // otherwise another one is on its way already
	if err := s.cmd.err(); err != nil {
		if last {
			c.deselect("")
		}
		return refusal.ForMailbox(s.op(), s.mailbox, err)
	}
	s.readOnly = s.examine || s.cmd.text.Code == "READ-ONLY"
	if !s.permanentKnown {
		// RFC 3501 §6.3.1: without PERMANENTFLAGS all flags can be changed.
		s.permanent, s.permanentAny = s.flags, true
	}
	if s.cursor.HighestModSeq == 0 {
		s.noModSeq = true // servers forget to say NOMODSEQ
	}
	if last {
		c.selected = selection{
			mailbox: s.mailbox, uidValidity: s.cursor.UIDValidity, readOnly: s.readOnly,
			examined: s.examine, noModSeq: s.noModSeq, nth: c.selected.nth,
		}
	}
	return nil
}

// quotedName returns a canonical name as it goes out in a command.
func (c *Conn) quotedName(mailbox string) (string, error) {
	name, err := c.cl.mailboxNames().ToWire(mailbox)
	if err != nil {
		return "", err
	}
	return names.Quote(mailbox, name)
}

// flagList writes flags for STORE and APPEND and returns those that cannot be
// written: a quote or parenthesis would end the command early, and one that is
// too long would make it too long.
func flagList(f mail.Flags) (list string, refused mail.Flags) {
	var good, bad []string
	for _, n := range f.Names() {
		if len(n) > maxKeyword || strings.ContainsAny(strings.TrimPrefix(n, `\`), "(){\"\\%*") || !isASCII(n) {
			bad = append(bad, n)
			continue
		}
		good = append(good, n)
	}
	return "(" + strings.Join(good, " ") + ")", mail.NewFlags(bad...)
}
