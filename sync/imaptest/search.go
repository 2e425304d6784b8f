package imaptest

import (
	"fmt"
	"slices"
	"strings"
)

// searching is a SEARCH command.
type searching struct {
	extended bool // RETURN was given, RFC 4731
	results  []string
	match    matcher
	modSeq   bool // a MODSEQ criterion was given: report the highest, RFC 7162 §3.1.5
}

func (c *Conn) parseSearch(p *parser) searching {
	var s searching
	caps := c.srv.opts.Caps
	p.sp()
	word := p.lookWord()
	if word == "RETURN" && caps.Has(CapESearch) {
		p.pos += len(word)
		s.extended = true
		p.sp()
		p.list(true, func() {
			opt := p.keyword()
			if !slices.Contains([]string{"MIN", "MAX", "COUNT", "ALL"}, opt) {
				p.fail("Unknown result option %s", opt)
			}
			s.results = append(s.results, opt)
		})
		if len(s.results) == 0 {
			s.results = []string{"ALL"}
		}
		p.sp()
		word = p.lookWord()
	}
	if word == "CHARSET" {
		p.pos += len(word)
		p.sp()
		if cs := upper(p.astring()); cs != "US-ASCII" && cs != "UTF-8" {
			p.no = "NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset"
		}
		p.sp()
	}
	s.match = c.searchKeys(p, &s)
	return s
}

// lookWord returns the next word in capitals without consuming it.
func (p *parser) lookWord() string {
	start := p.pos
	w := upper(p.while(isAtomChar))
	p.pos = start
	return w
}

// searchKeys reads keys that must all match.
func (c *Conn) searchKeys(p *parser, s *searching) matcher {
	var keys []matcher
	for p.err == nil {
		keys = append(keys, c.searchKey(p, s))
		if !p.take(' ') {
			break
		}
	}
	return func(seq int, m *message) bool {
		for _, k := range keys {
			if !k(seq, m) {
				return false
			}
		}
		return true
	}
}

func searchHandler(byUID bool) func(*Conn, string, *parser) string {
	return func(c *Conn, tag string, p *parser) string {
		s := c.parseSearch(p)
		if !p.end() {
			return ""
		}
		if s.modSeq {
			c.enableCondstore()
		}
		var found []*message
		for i, uid := range c.sel.view {
			if m := c.sel.box.get(uid); m != nil && s.match(i+1, m) {
				found = append(found, m)
			}
		}
		if s.extended {
			c.esearch(tag, s, found, byUID)
		} else {
			c.searchLine(s, found, byUID)
		}
		return "OK Search completed"
	}
}

func highest(msgs []*message) uint64 {
	high := uint64(0)
	for _, m := range msgs {
		high = max(high, m.modSeq)
	}
	return high
}

func (c *Conn) searchLine(s searching, found []*message, byUID bool) {
	c.out.text("* SEARCH")
	for _, m := range found {
		n := int(m.uid)
		if !byUID {
			n = c.sel.seq(m.uid)
		}
		c.out.text(" " + itoa(n))
	}
	if s.modSeq && len(found) > 0 {
		c.out.text(" (MODSEQ " + utoa(highest(found)) + ")")
	}
	c.out.end()
}

func (c *Conn) esearch(tag string, s searching, found []*message, byUID bool) {
	var b strings.Builder
	fmt.Fprintf(&b, "* ESEARCH (TAG %s)", quote(tag))
	if byUID {
		b.WriteString(" UID")
	}
	set := c.numbers(found, byUID)
	var told []*message // those that MIN and MAX name: without ALL and COUNT the mod-sequence is theirs, RFC 7162 §3.1.10
	for _, opt := range s.results {
		switch {
		case opt == "COUNT":
			fmt.Fprintf(&b, " COUNT %d", len(found))
			told = found
		case len(found) == 0: // RFC 4731 §3.1: the others are left out
		case opt == "MIN":
			fmt.Fprintf(&b, " MIN %d", set[0].lo)
			told = append(slices.Clip(told), found[0])
		case opt == "MAX":
			fmt.Fprintf(&b, " MAX %d", set.max())
			told = append(slices.Clip(told), found[len(found)-1])
		case opt == "ALL":
			fmt.Fprintf(&b, " ALL %s", set)
			told = found
		}
	}
	if s.modSeq && len(told) > 0 {
		fmt.Fprintf(&b, " MODSEQ %d", highest(told))
	}
	c.out.printf("%s", b.String())
}
