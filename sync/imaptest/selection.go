package imaptest

import (
	"slices"
	"strings"
)

// selection is a mailbox as one client knows it: the sequence numbers it may use are those that it was told. Changes
// by others wait here until the client may be told of them. Guarded by the lock of the server.
type selection struct {
	conn     *Conn
	box      *mailbox
	readOnly bool
	view     []uint32 // UIDs by sequence number, from 0
	recent   []uint32 // ascending UIDs of messages that are \Recent in this session
	keywords int      // how many of the keywords of the mailbox the client was told

	arrived []uint32
	removed []uint32
	changed map[uint32]struct{}
	ended   bool // deleted, or another UIDVALIDITY
}

// wake lets IDLE look.
func (s *selection) wake() {
	select {
	case s.conn.notify <- struct{}{}:
	default:
	}
}

// tells says which changes a client may be told of at the end of a command.
type tells int

const (
	tellAll         tells = iota
	tellNoExpunges        // sequence numbers must hold during FETCH, STORE and SEARCH, RFC 3501 §7.4.1
	tellNothing           // the command ended the selection or started it
	tellNothingEver       // the connection is ending
)

// seq returns the sequence number of a UID, 0 if the client does not know it.
func (s *selection) seq(uid uint32) int {
	if i, ok := slices.BinarySearch(s.view, uid); ok {
		return i + 1
	}
	return 0
}

func (s *selection) isRecent(uid uint32) bool {
	_, ok := slices.BinarySearch(s.recent, uid)
	return ok
}

// claimRecent makes new messages \Recent in this session alone, RFC 3501 §2.3.2. An EXAMINE does not claim them.
func (s *selection) claimRecent(uids []uint32) {
	for _, uid := range uids {
		if uid >= s.box.firstRecent {
			s.recent = append(s.recent, uid)
		}
	}
	if !s.readOnly && len(uids) > 0 {
		s.box.firstRecent = max(s.box.firstRecent, uids[len(uids)-1]+1)
	}
}

// tell sends what has happened in the selected mailbox.
func (c *Conn) tell(what tells) {
	s := c.sel
	if s == nil || what >= tellNothing {
		return
	}
	if s.ended {
		c.out.printf("* BYE Selected mailbox is no longer there, reconnect")
		c.ending = true
		return
	}
	if what == tellAll {
		c.tellRemoved()
	}
	c.tellArrived()
	c.tellChanged()
}

func (c *Conn) tellRemoved() {
	s := c.sel
	slices.Sort(s.removed)
	var known []uint32
	var seqs []int
	for i, uid := range s.removed {
		if seq := s.seq(uid); seq > 0 && (i == 0 || s.removed[i-1] != uid) {
			known = append(known, uid)
			seqs = append(seqs, seq)
		}
	}
	s.removed = nil
	if len(known) == 0 {
		return
	}
	// RFC 7162 §3.2.10: with QRESYNC it is always VANISHED, but for mailboxes without mod-sequences.
	if c.qresync && !s.box.noModSeq {
		c.out.printf("* VANISHED %s", setOf(known))
	} else {
		for i, seq := range seqs {
			c.out.printf("* %d EXPUNGE", seq-i)
		}
	}
	gone := func(uid uint32) bool {
		_, found := slices.BinarySearch(known, uid)
		return found
	}
	s.view = slices.DeleteFunc(s.view, gone)
	s.recent = slices.DeleteFunc(s.recent, gone)
}

func (c *Conn) tellArrived() {
	s := c.sel
	var uids []uint32
	for _, uid := range s.arrived {
		if s.box.get(uid) != nil {
			uids = append(uids, uid)
		}
	}
	s.arrived = nil
	if len(uids) == 0 {
		return
	}
	s.view = append(s.view, uids...)
	s.claimRecent(uids)
	c.tellKeywords()
	c.out.printf("* %d EXISTS", len(s.view))
	c.out.printf("* %d RECENT", len(s.recent))
}

// tellKeywords announces keywords that came up since.
func (c *Conn) tellKeywords() {
	if c.sel.keywords != len(c.sel.box.keywords) {
		c.sel.keywords = len(c.sel.box.keywords)
		c.flagsLines(c.sel.box, c.sel.readOnly)
	}
}

func (c *Conn) tellChanged() {
	s := c.sel
	if len(s.changed) == 0 {
		return
	}
	c.tellKeywords()
	uids := make([]uint32, 0, len(s.changed))
	for uid := range s.changed {
		uids = append(uids, uid)
	}
	slices.Sort(uids)
	clear(s.changed)
	for _, uid := range uids {
		if m := s.box.get(uid); m != nil && s.seq(uid) > 0 {
			c.tellFlags(m, c.withUID())
		}
	}
}

// withUID says whether unsolicited FETCH responses carry UIDs, RFC 7162 §3.2.4: on servers with QRESYNC once the client
// has enabled CONDSTORE.
func (c *Conn) withUID() bool { return c.condstore && c.srv.opts.Caps.Has(CapQResync) }

// withModSeq says whether they carry mod-sequences, RFC 7162 §3.1.
func (c *Conn) withModSeq() bool { return c.condstore && !c.sel.box.noModSeq }

// tellFlags sends the FETCH response that reports flags.
func (c *Conn) tellFlags(m *message, uid bool) {
	c.out.text("* " + itoa(c.sel.seq(m.uid)) + " FETCH (")
	if uid {
		c.out.text("UID " + itoa(int(m.uid)) + " ")
	}
	c.out.text("FLAGS (" + c.flagText(m) + ")")
	if c.withModSeq() {
		c.out.text(" MODSEQ (" + utoa(m.modSeq) + ")")
	}
	c.out.text(")")
	c.out.end()
}

func (c *Conn) flagText(m *message) string {
	names := c.sel.box.names(m.flags)
	if c.sel.isRecent(m.uid) {
		names = append(names, `\Recent`)
	}
	return strings.Join(names, " ")
}

// unselect forgets the selected mailbox, if any.
func (c *Conn) unselect() {
	if c.sel != nil {
		delete(c.sel.box.selections, c.sel)
		c.sel = nil
	}
}

// enableCondstore notes that the client knows of mod-sequences. If that happens with a mailbox open, the client
// is told where it stands, RFC 7162 §3.1.
func (c *Conn) enableCondstore() {
	if c.condstore || !c.srv.opts.Caps.Has(CapCondstore) {
		return
	}
	c.condstore = true
	if c.sel != nil {
		c.modSeqLine(c.sel.box)
	}
}

func (c *Conn) modSeqLine(box *mailbox) {
	if box.noModSeq {
		c.out.printf("* OK [NOMODSEQ] No mod-sequences here")
	} else if box.gmail != nil {
		c.out.printf("* OK [HIGHESTMODSEQ %d]", box.modSeq)
	} else {
		c.out.printf("* OK [HIGHESTMODSEQ %d] Highest", box.modSeq)
	}
}
