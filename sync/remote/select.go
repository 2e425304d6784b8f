package remote

import (
	"github.com/emersion/go-imap/v2"

	"satchel/sync/remote/names"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/resync"
)

// unknownMailbox stands for whatever is selected; no mailbox has that name,
// since no name has an empty level.
const unknownMailbox = "/"

// selecting is a SELECT or EXAMINE in flight and what it said.
type selecting struct {
	resync.Opened
	mailbox string
	examine bool
	cmd     *command
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
	s.Previous = c.selected.mailbox != ""
	s.cmd = &command{line: line, untagged: s.Take}
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

// settle draws the conclusions once the tagged answer is there.
func (c *Conn) settle(s *selecting) error {
	last := c.selecting == s // otherwise another one is on its way already
	if err := s.cmd.err(); err != nil {
		if last {
			c.deselect("")
		}
		return refusal.ForMailbox(s.op(), s.mailbox, err)
	}
	s.End(s.examine || s.cmd.text.Code == "READ-ONLY")
	if last {
		c.selected = selection{
			mailbox: s.mailbox, uidValidity: s.Cursor.UIDValidity, readOnly: s.ReadOnly,
			examined: s.examine, noModSeq: s.NoModSeq, nth: c.selected.nth,
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
