package imaptest

import "slices"

// resync is the QRESYNC parameter of SELECT, RFC 7162 §3.2.5.
type resync struct {
	given       bool
	uidValidity uint32
	modSeq      uint64
	known       spans
	seqs, uids  []uint32 // pairs
}

func (p *parser) resync() resync {
	r := resync{given: true}
	p.sp()
	p.expect('(')
	r.uidValidity = p.number()
	p.sp()
	r.modSeq = p.modSeq()
	if r.uidValidity == 0 || r.modSeq == 0 {
		p.fail("UIDVALIDITY and mod-sequence must not be 0")
	}
	more := p.take(' ')
	if more && p.peek() != '(' {
		r.known = p.plainSet()
		more = p.take(' ')
	}
	if more {
		p.expect('(')
		seqs := p.plainSet()
		p.sp()
		uids := p.plainSet()
		p.expect(')')
		const limit = 1 << 20
		var ok1, ok2 bool
		r.seqs, ok1 = seqs.ascending(limit)
		r.uids, ok2 = uids.ascending(limit)
		if p.err == nil && (!ok1 || !ok2 || len(r.seqs) != len(r.uids)) {
			p.fail("Sequence match data must be two ascending sets of the same size")
		}
	}
	p.expect(')')
	return r
}

func selectHandler(examine bool) func(*Conn, string, *parser) string {
	return func(c *Conn, _ string, p *parser) string {
		p.sp()
		name := p.mailbox()
		var r resync
		condstore := false
		if p.take(' ') {
			p.list(false, func() {
				switch word := p.keyword(); {
				case word == "CONDSTORE" && c.srv.opts.Caps.Has(CapCondstore):
					condstore = true
				case word == "QRESYNC" && c.qresync:
					r = p.resync()
				case word == "QRESYNC" && c.srv.opts.Caps.Has(CapQResync):
					p.fail("QRESYNC is not enabled")
				default:
					p.fail("Unknown parameter %s", word)
				}
			})
		}
		if !p.end() {
			return ""
		}
		// Even a SELECT that fails closes the mailbox before, RFC 3501 §6.3.1.
		if c.sel != nil {
			c.unselect()
			if c.srv.opts.Caps.Has(CapQResync) {
				c.out.printf("* OK [CLOSED] Previous mailbox closed") // RFC 7162 §3.2.11
			}
		}
		box, err := c.seen().get(name)
		if err != nil {
			return err.Error()
		}
		if reply := c.suffer(c.srv.opts.Damaged.ofMailbox(box.name)); reply != "" {
			return reply
		}
		c.condstore = c.condstore || condstore
		c.open(box, examine)
		if r.given && r.uidValidity == box.uidValidity && !box.noModSeq {
			c.resync(r)
		}
		if c.sel.readOnly {
			return "OK [READ-ONLY] Selected"
		}
		return "OK [READ-WRITE] Selected"
	}
}

// open selects a mailbox and describes it.
func (c *Conn) open(box *mailbox, examine bool) {
	s := &selection{
		conn: c, box: box, readOnly: examine || box.readOnly, view: uidsOf(box.msgs),
		keywords: len(box.keywords), changed: make(map[uint32]struct{}),
	}
	fresh, _ := box.find(box.firstRecent)
	s.claimRecent(s.view[fresh:])
	c.sel = s
	box.selections[s] = struct{}{}
	caps := c.srv.opts.Caps

	c.flagsLines(box, s.readOnly)
	c.out.printf("* %d EXISTS", len(s.view))
	c.out.printf("* %d RECENT", len(s.recent))
	if i := slices.IndexFunc(box.msgs, func(m *message) bool { return m.flags&flagSeen == 0 }); i >= 0 {
		c.out.printf("* OK [UNSEEN %d] First unseen", i+1)
	}
	c.out.printf("* OK [UIDVALIDITY %d] UIDs valid", box.uidValidity)
	c.out.printf("* OK [UIDNEXT %d] Predicted next UID", box.uidNext)
	if caps.Has(CapCondstore) {
		c.modSeqLine(box)
	}
	if caps.Has(CapObjectID) {
		c.out.printf("* OK [MAILBOXID (%s)] Ok", box.id) // RFC 8474 §4.2
	}
}

// resync sends what has changed since the state the client describes.
func (c *Conn) resync(r resync) {
	box := c.sel.box
	known := r.known.resolve(0)
	if r.known == nil && box.uidNext > 1 {
		known = numSet{{1, box.uidNext - 1}}
	}
	vanished := box.vanishedSince(r.modSeq, known)
	if low := c.sel.matched(r); low > 0 {
		vanished = slices.DeleteFunc(vanished, func(uid uint32) bool { return uid <= low })
	}
	if len(vanished) > 0 {
		c.out.printf("* VANISHED (EARLIER) %s", setOf(vanished))
	}
	for _, m := range box.in(known) {
		if m.modSeq > r.modSeq {
			c.tellFlags(m, true)
		}
	}
}

// matched returns the highest UID up to which the client's sequence match data prove that it knows of all expunges,
// RFC 7162 §3.2.5.2.
func (s *selection) matched(r resync) uint32 {
	low := uint32(0)
	for i, seq := range r.seqs {
		if int64(seq) > int64(len(s.view)) || s.view[seq-1] != r.uids[i] {
			break
		}
		low = r.uids[i]
	}
	return low
}

// runClose expunges silently, RFC 3501 §6.4.2.
func runClose(c *Conn, _ string, p *parser) string {
	if !p.end() {
		return ""
	}
	s := c.sel
	c.unselect()
	if !s.readOnly {
		s.box.expunge(s.deleted(nil))
	}
	return "OK Close completed"
}

func runUnselect(c *Conn, _ string, p *parser) string {
	if !p.end() {
		return ""
	}
	c.unselect()
	return "OK Unselect completed"
}
