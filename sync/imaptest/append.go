package imaptest

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

type appending struct {
	flags []string
	date  time.Time
	data  []byte
}

// appendMessage reads one message of APPEND: flags, date, and a literal or literal8.
func (p *parser) appendMessage() appending {
	var a appending
	if p.peek() == '(' {
		a.flags = p.flagList()
		p.sp()
	}
	if p.peek() == '"' {
		a.date = p.dateTime()
		p.sp()
	}
	binary := p.take('~')
	a.data = p.literal()
	if p.err == nil && !binary && bytes.IndexByte(a.data, 0) >= 0 {
		p.fail("NUL byte in literal") // RFC 3501 §9, CHAR8
	}
	return a
}

// runAppend stores all messages of the command or none, RFC 3502 §6.3.11.
func runAppend(c *Conn, _ string, p *parser) string {
	p.sp()
	name := p.mailbox()
	var all []appending
	for p.err == nil {
		p.sp()
		all = append(all, p.appendMessage())
		if p.pos == len(p.buf) || !c.srv.opts.Caps.Has(CapMultiAppend) {
			break
		}
	}
	if !p.end() {
		return ""
	}
	st := &c.srv.store
	box, err := st.get(name)
	if err != nil {
		return errTryCreate.Error()
	}
	if box.readOnly {
		return errReadOnly.Error()
	}
	for i, a := range all {
		if limit := c.srv.opts.appendLimit(box.name); limit > 0 && int64(len(a.data)) > limit {
			return "NO [TOOBIG] Message is too big"
		}
		if c.srv.refusesKeyword(box, a.flags) {
			return refusedKeyword
		}
		if len(a.data) == 0 {
			return "NO Message is empty"
		}
		all[i].flags = c.srv.permitted(box, a.flags)
		if _, ok := box.set(all[i].flags); !ok {
			return errKeywords.Error()
		}
	}
	if c.srv.opts.AppendsBackwards {
		slices.Reverse(all)
	}
	var uids []uint32
	for _, a := range all {
		if a.date.IsZero() {
			a.date = c.srv.opts.Now()
		}
		if c.srv.opts.Stores != nil {
			a.data = c.srv.opts.Stores(a.data)
		}
		m, err := st.append(box, a.flags, a.date, a.data)
		if err != nil {
			return err.Error()
		}
		uids = append(uids, m.uid)
	}
	if !c.srv.opts.Caps.Has(CapUIDPlus) {
		return "OK Append completed"
	}
	return fmt.Sprintf("OK [APPENDUID %d %s] Append completed", box.uidValidity, inOrder(uids))
}
