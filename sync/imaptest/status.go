package imaptest

import (
	"fmt"
	"strings"
)

// statusItems reads the list of data items of STATUS.
func (c *Conn) statusItems(p *parser) []string {
	var items []string
	p.list(false, func() {
		item := p.keyword()
		caps := c.srv.opts.Caps
		known := false
		switch item {
		case "MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED":
			known = item != "DELETED" || caps.Has(CapStatusSize)
		case "SIZE":
			known = caps.Has(CapStatusSize)
		case "HIGHESTMODSEQ":
			known = caps.Has(CapCondstore)
		case "MAILBOXID":
			known = caps.Has(CapObjectID)
		case "APPENDLIMIT":
			known = c.srv.opts.AppendLimit > 0 || len(c.srv.opts.AppendLimits) > 0
		}
		if p.err == nil && !known {
			p.fail("Unknown status item %s", item)
		}
		items = append(items, item)
	})
	return items
}

func runStatus(c *Conn, _ string, p *parser) string {
	p.sp()
	name := p.mailbox()
	p.sp()
	items := c.statusItems(p)
	if !p.end() {
		return ""
	}
	box, err := c.seen().get(name)
	if err != nil {
		return err.Error()
	}
	if reply := c.status(box, items); reply != "" {
		return reply
	}
	return "OK Status completed"
}

// status sends one STATUS response, or returns why it does not. Asking for HIGHESTMODSEQ enables CONDSTORE, RFC 7162 §3.1.
func (c *Conn) status(box *mailbox, items []string) (reply string) {
	if reply := c.suffer(c.srv.opts.Damaged.ofMailbox(box.name)); reply != "" {
		return reply
	}
	var seen, deleted, recent int
	var size int64
	for _, m := range box.msgs {
		if m.flags&flagSeen != 0 {
			seen++
		}
		if m.flags&flagDeleted != 0 {
			deleted++
		}
		if m.uid >= box.firstRecent {
			recent++
		}
		size += int64(len(m.content.data))
	}
	var out []string
	for _, item := range items {
		var value any
		switch item {
		case "MESSAGES":
			value = len(box.msgs)
		case "RECENT":
			value = recent
		case "UIDNEXT":
			value = box.uidNext
		case "UIDVALIDITY":
			value = box.uidValidity
		case "UNSEEN":
			value = len(box.msgs) - seen
		case "DELETED":
			value = deleted
		case "SIZE":
			value = size
		case "HIGHESTMODSEQ":
			c.enableCondstore()
			if value = box.modSeq; box.noModSeq {
				value = 0
			}
		case "MAILBOXID":
			value = "(" + box.id + ")"
		case "APPENDLIMIT":
			if value = "NIL"; c.srv.opts.appendLimit(box.name) > 0 { // RFC 7889 §4
				value = c.srv.opts.appendLimit(box.name)
			}
		}
		out = append(out, fmt.Sprintf("%s %v", item, value))
	}
	first, _ := c.srv.spell(box.name)
	c.out.printf("* STATUS %s (%s)", quote(first), strings.Join(out, " "))
	return ""
}
