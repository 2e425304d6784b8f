package imaptest

import "fmt"

// copyHandler is COPY and MOVE. A MOVE says COPYUID before its messages vanish, RFC 6851 §4.3.
func copyHandler(byUID, move bool) func(*Conn, string, *parser) string {
	return func(c *Conn, _ string, p *parser) string {
		p.sp()
		set := p.numSet()
		p.sp()
		name := p.mailbox()
		msgs, lost := c.target(p, set, byUID)
		if !p.end() {
			return ""
		}
		st, src := &c.srv.store, c.sel.box
		dst, err := st.get(name)
		switch {
		case err != nil:
			return errTryCreate.Error()
		case dst.readOnly || move && (c.sel.readOnly || src.readOnly):
			return errReadOnly.Error()
		case lost && !move:
			return expungeIssued // COPY does all or nothing, RFC 3501 §6.4.7
		case len(msgs) == 0:
			return "OK No messages found"
		}
		sources := uidsOf(msgs)
		copies, err := st.copy(src, msgs, dst)
		if err != nil {
			return err.Error()
		}
		code := ""
		if c.srv.opts.Caps.Has(CapUIDPlus) {
			code = fmt.Sprintf("[COPYUID %d %s %s] ", dst.uidValidity, setOf(sources), inOrder(copies))
		}
		if !move {
			return "OK " + code + "Copy completed"
		}
		if code != "" {
			c.out.printf("* OK %sMoved", code)
		}
		src.takeOut(sources)
		if lost {
			return expungeIssued
		}
		return "OK " + c.highestModSeq(true) + "Move completed"
	}
}

// highestModSeq is the code after expunges, RFC 7162 §3.2.7. It is true because the rest of what happened in the
// mailbox is told before the tagged reply.
func (c *Conn) highestModSeq(expunged bool) string {
	if !expunged || !c.qresync || c.sel.box.noModSeq {
		return ""
	}
	return fmt.Sprintf("[HIGHESTMODSEQ %d] ", c.sel.box.modSeq)
}

// deleted lists the UIDs of messages with \Deleted, among those of a set unless it is nil. Like any server it does not ask
// who set the flag, or whether this client has seen the message: that is the danger of EXPUNGE.
func (s *selection) deleted(only numSet) []uint32 {
	var uids []uint32
	for _, m := range s.box.msgs {
		if m.flags&flagDeleted != 0 && (only == nil || only.contains(m.uid)) {
			uids = append(uids, m.uid)
		}
	}
	return uids
}

func (c *Conn) expunge(only numSet) string {
	if c.sel.readOnly || c.sel.box.readOnly {
		return errReadOnly.Error()
	}
	removed := c.sel.box.expunge(c.sel.deleted(only))
	return "OK " + c.highestModSeq(len(removed) > 0) + "Expunge completed"
}

func runExpunge(c *Conn, _ string, p *parser) string {
	if !p.end() {
		return ""
	}
	return c.expunge(nil)
}

func runUIDExpunge(c *Conn, _ string, p *parser) string {
	p.sp()
	set := p.numSet()
	if !p.end() {
		return ""
	}
	star := uint32(0)
	if n := len(c.sel.view); n > 0 {
		star = c.sel.view[n-1]
	}
	only := set.resolve(star)
	if only == nil {
		only = numSet{}
	}
	return c.expunge(only)
}
