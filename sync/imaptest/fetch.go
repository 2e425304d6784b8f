package imaptest

import (
	"slices"
)

// fetchItem is one data item of FETCH. name is what the response calls it.
type fetchItem struct {
	name    string
	section *section // for all that returns content
	seen    bool     // sets \Seen
}

// fetching is a FETCH command.
type fetching struct {
	set      spans
	items    []fetchItem
	since    uint64
	changed  bool // CHANGEDSINCE is given
	vanished bool
}

func (f *fetching) has(name string) bool {
	return slices.ContainsFunc(f.items, func(i fetchItem) bool { return i.name == name })
}

func (f *fetching) add(names ...string) {
	for _, n := range names {
		if !f.has(n) {
			f.items = append(f.items, fetchItem{name: n})
		}
	}
}

func (c *Conn) parseFetch(p *parser, byUID bool) fetching {
	var f fetching
	p.sp()
	f.set = p.numSet()
	p.sp()
	if p.peek() == '(' {
		p.list(false, func() { c.parseItem(p, &f, false) })
	} else {
		c.parseItem(p, &f, true)
	}
	if p.take(' ') {
		p.list(false, func() {
			switch word := p.keyword(); {
			case word == "CHANGEDSINCE" && c.modSeqUsable():
				p.sp()
				f.since, f.changed = p.modSeq(), true
				f.add("MODSEQ") // RFC 7162 §3.1.4.1
			case word == "VANISHED" && byUID && c.qresync:
				f.vanished = true
			default:
				p.fail("Modifier %s cannot be used here", word)
			}
		})
	}
	if f.vanished && !f.changed {
		p.fail("VANISHED without CHANGEDSINCE") // RFC 7162 §3.2.6
	}
	return f
}

// modSeqUsable is false for mailboxes that answered NOMODSEQ, RFC 7162 §3.1.2.2.
func (c *Conn) modSeqUsable() bool {
	return c.srv.opts.Caps.Has(CapCondstore) && !c.sel.box.noModSeq
}

// parseItem reads one data item, or a macro if it stands alone.
func (c *Conn) parseItem(p *parser, f *fetching, alone bool) {
	word := p.word("a data item", func(b byte) bool { return isAtomChar(b) && b != '[' && b != ']' && b != '<' })
	switch word = upper(word); word {
	case "ALL", "FAST", "FULL":
		if !alone {
			p.fail("Macro %s within a list", word)
			return
		}
		f.add("FLAGS", "INTERNALDATE", "RFC822.SIZE")
		if word != "FAST" {
			f.add("ENVELOPE")
		}
		if word == "FULL" {
			f.add("BODY")
		}
	case "FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODYSTRUCTURE":
		f.add(word)
	case "MODSEQ":
		if !c.modSeqUsable() {
			p.fail("MODSEQ is not supported here")
		}
		f.add(word)
	case "EMAILID", "THREADID":
		if !c.srv.opts.Caps.Has(CapObjectID) || c.srv.opts.RefusesIdentity && asksIdentity(word) {
			p.fail("%s is not supported", word)
		}
		f.add(word)
	case "X-GM-MSGID", "X-GM-LABELS":
		if c.srv.opts.Gmail == nil {
			p.fail("%s is not supported", word)
		}
		f.add(word)
	case "RFC822":
		f.items = append(f.items, fetchItem{name: word, section: &section{}, seen: true})
	case "RFC822.HEADER":
		f.items = append(f.items, fetchItem{name: word, section: &section{part: "HEADER"}})
	case "RFC822.TEXT":
		f.items = append(f.items, fetchItem{name: word, section: &section{part: "TEXT"}, seen: true})
	case "BODY", "BODY.PEEK":
		if word == "BODY" && p.peek() != '[' {
			f.add(word)
			return
		}
		s := p.section()
		f.items = append(f.items, fetchItem{name: s.label(), section: s, seen: word == "BODY"})
	default:
		p.fail("Unknown data item %s", word)
	}
}

func fetchHandler(byUID bool) func(*Conn, string, *parser) string {
	return func(c *Conn, _ string, p *parser) string {
		f := c.parseFetch(p, byUID)
		msgs, lost := c.target(p, f.set, byUID)
		if !p.end() {
			return ""
		}
		if byUID {
			f.add("UID")
		}
		if f.has("MODSEQ") {
			c.enableCondstore()
		}
		if f.vanished {
			c.fetchVanished(f)
		}
		if f.changed {
			msgs = slices.DeleteFunc(msgs, func(m *message) bool { return m.modSeq <= f.since })
		}
		turned := c.markSeen(f, msgs)
		if c.srv.opts.UIDLast {
			f = uidLast(f)
		}
		if reply := c.fetchAll(f, msgs, turned); reply != "" {
			return reply
		}
		if lost {
			return expungeIssued
		}
		return "OK Fetch completed"
	}
}

// fetchVanished reports expunges of before; it does not change sequence numbers, RFC 7162 §3.2.10.1.
func (c *Conn) fetchVanished(f fetching) {
	star := c.sel.box.uidNext - 1
	if n := len(c.sel.view); n > 0 {
		star = c.sel.view[n-1]
	}
	if gone := c.sel.box.vanishedSince(f.since, f.set.resolve(star)); len(gone) > 0 {
		c.out.printf("* VANISHED (EARLIER) %s", setOf(gone))
	}
}

// markSeen sets \Seen where the items imply it, and returns the messages that changed.
func (c *Conn) markSeen(f fetching, msgs []*message) map[uint32]bool {
	if c.sel.readOnly || c.sel.box.readOnly || !slices.ContainsFunc(f.items, func(i fetchItem) bool { return i.seen }) {
		return nil
	}
	turned := make(map[uint32]bool)
	for _, m := range msgs {
		if m.flags&flagSeen == 0 {
			turned[m.uid] = true
		}
	}
	c.sel.box.setFlags(msgs, func(fl flagSet) flagSet { return fl | flagSeen }, c.sel)
	return turned
}

// fetchOne sends the response for one message. Flags that changed on the way are part of it, RFC 3501 §6.4.5.
func (c *Conn) fetchOne(f fetching, m *message, turned bool) {
	if turned {
		f.items = slices.Clone(f.items)
		f.add("FLAGS")
		if c.withUID() {
			f.add("UID")
		}
	}
	// A client that knows of mod-sequences must never see flags without theirs.
	if f.has("FLAGS") && c.withModSeq() {
		f.items = slices.Clone(f.items)
		f.add("MODSEQ")
	}
	o := &c.out
	o.text("* " + itoa(c.sel.seq(m.uid)) + " FETCH (")
	for i, item := range f.items {
		if i > 0 {
			o.text(" ")
		}
		o.text(item.name + " ")
		switch item.name {
		case "UID":
			o.text(itoa(int(m.uid)))
		case "FLAGS":
			o.text("(" + c.flagText(m) + ")")
		case "MODSEQ":
			o.text("(" + utoa(m.modSeq) + ")")
		case "INTERNALDATE":
			o.text(quote(m.date.Format(dateTimeLayout)))
		case "RFC822.SIZE":
			o.text(itoa(c.srv.size(m)))
		case "EMAILID":
			o.text("(" + m.content.id + ")")
		case "X-GM-MSGID":
			o.text(m.content.id)
		case "X-GM-LABELS":
			o.text(c.srv.store.gmail.labels(m.content))
		case "THREADID":
			o.text("NIL")
		case "ENVELOPE":
			o.text(envelope(m.content.data))
		case "BODY", "BODYSTRUCTURE":
			o.text(bodyStructure(m.content.data))
		default:
			c.fetchContent(item.section, m)
		}
	}
	o.text(")")
	o.end()
}

func (c *Conn) fetchContent(s *section, m *message) {
	data := m.content.data
	if c.srv.opts.Words != nil {
		c.srv.worded++
		data = c.srv.opts.Words(c.srv.worded, data)
	}
	if data, ok := s.of(data); ok {
		c.out.literal(data)
	} else {
		c.out.text("NIL")
	}
}
