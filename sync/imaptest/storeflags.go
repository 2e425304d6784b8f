package imaptest

import (
	"fmt"
	"strings"
)

// target resolves the set of a command against what the client knows of the mailbox. Messages that others have
// expunged meanwhile are missing from the result; lost says that a sequence number meant one of them.
func (c *Conn) target(p *parser, set spans, byUID bool) (msgs []*message, lost bool) {
	s := c.sel
	if p.err != nil {
		return nil, false
	}
	if byUID {
		star := uint32(0)
		if n := len(s.view); n > 0 {
			star = s.view[n-1]
		}
		for _, m := range s.box.in(set.resolve(star)) {
			if s.seq(m.uid) > 0 {
				msgs = append(msgs, m)
			}
		}
		return msgs, false
	}
	resolved := set.resolve(uint32(len(s.view)))
	if len(s.view) == 0 || resolved.max() > uint32(len(s.view)) {
		p.fail("Sequence number beyond the %d messages", len(s.view)) // RFC 3501 §9, seq-number
		return nil, false
	}
	for _, r := range resolved {
		for seq := r.lo; seq <= r.hi; seq++ {
			if m := s.box.get(s.view[seq-1]); m != nil {
				msgs = append(msgs, m)
			} else {
				lost = true
			}
		}
	}
	return msgs, lost
}

// expungeIssued is the answer when messages had been expunged that the command named, RFC 5530 §3.
const expungeIssued = "NO [EXPUNGEISSUED] Some of the messages no longer exist"

// storing is a STORE command.
type storing struct {
	set       spans
	limit     uint64
	limited   bool
	op        byte // '+', '-' or 0
	silent    bool
	flags     []string
	untouched []*message // failed UNCHANGEDSINCE
}

func (c *Conn) parseStore(p *parser) storing {
	var st storing
	p.sp()
	st.set = p.numSet()
	p.sp()
	if p.take('(') {
		if p.keyword() != "UNCHANGEDSINCE" || !c.srv.opts.Caps.Has(CapCondstore) || c.sel.box.noModSeq {
			p.fail("Unknown modifier") // also for a NOMODSEQ mailbox, RFC 7162 §3.1.2.2
		}
		p.sp()
		st.limit, st.limited = p.modSeq(), true
		p.expect(')')
		p.sp()
	}
	if b := p.peek(); b == '+' || b == '-' {
		st.op = b
		p.pos++
	}
	item, silent := strings.CutSuffix(p.keyword(), ".SILENT")
	if st.silent = silent; item != "FLAGS" {
		p.fail("Unknown data item %s", item)
	}
	p.sp()
	if p.peek() == '(' {
		st.flags = p.flagList()
	} else {
		for p.err == nil {
			st.flags = append(st.flags, p.flag())
			if !p.take(' ') {
				break
			}
		}
	}
	return st
}

func storeHandler(byUID bool) func(*Conn, string, *parser) string {
	return func(c *Conn, _ string, p *parser) string {
		st := c.parseStore(p)
		msgs, lost := c.target(p, st.set, byUID)
		if !p.end() {
			return ""
		}
		if c.sel.readOnly || c.sel.box.readOnly {
			return "NO [NOPERM] Mailbox is read-only"
		}
		if c.srv.refusesKeyword(c.sel.box, st.flags) {
			return refusedKeyword
		}
		if st.limited {
			c.enableCondstore()
			msgs = st.filter(msgs)
		}
		box := c.sel.box
		arg, ok := box.set(c.srv.permitted(box, st.flags))
		if !ok {
			return errKeywords.Error()
		}
		before := make([]flagSet, len(msgs))
		for i, m := range msgs {
			before[i] = m.flags
		}
		box.setFlags(msgs, func(f flagSet) flagSet {
			switch st.op {
			case '+':
				return f | arg
			case '-':
				return f &^ arg
			}
			return arg
		}, c.sel)
		c.tellKeywords()
		for i, m := range msgs {
			c.tellStored(st, m, byUID, before[i] != m.flags)
		}
		for _, m := range st.untouched {
			c.tellFlags(m, byUID || c.withUID()) // spares the client a question, RFC 7162 §3.1.3
		}
		switch failed := c.numbers(st.untouched, byUID); {
		case len(failed) > 0 && lost:
			return fmt.Sprintf("NO [MODIFIED %s] Some of the messages no longer exist", failed)
		case len(failed) > 0:
			return fmt.Sprintf("OK [MODIFIED %s] Conditional store failed", failed)
		case lost:
			return expungeIssued
		}
		return "OK Store completed"
	}
}

// filter keeps the messages that have not changed since, and remembers the others.
func (st *storing) filter(msgs []*message) []*message {
	var kept []*message
	for _, m := range msgs {
		if m.modSeq > st.limit {
			st.untouched = append(st.untouched, m)
		} else {
			kept = append(kept, m)
		}
	}
	return kept
}

// tellStored reports the result for one message. Silence leaves out the flags, but a client that knows of
// mod-sequences must learn the new one, RFC 7162 §3.1.3.
func (c *Conn) tellStored(st storing, m *message, byUID, changed bool) {
	if !st.silent {
		c.tellFlags(m, byUID || c.withUID())
		return
	}
	if !c.withModSeq() || !changed && !st.limited {
		return
	}
	c.out.text("* " + itoa(c.sel.seq(m.uid)) + " FETCH (")
	if byUID || c.withUID() {
		c.out.text("UID " + itoa(int(m.uid)) + " ")
	}
	c.out.text("MODSEQ (" + utoa(m.modSeq) + "))")
	c.out.end()
}

// numbers makes a set of messages, by UID or sequence number.
func (c *Conn) numbers(msgs []*message, byUID bool) numSet {
	nums := uidsOf(msgs)
	if !byUID {
		for i, uid := range nums {
			nums[i] = uint32(c.sel.seq(uid))
		}
	}
	return setOf(nums)
}
