package imaptest

import (
	"slices"
	"strings"
)

// listing is a LIST command, in the terms of RFC 5258.
type listing struct {
	extended                          bool
	subscribed, specialUse, recursive bool // selection options
	retSubscribed, retChildren        bool // return options
	patterns                          []string
	status                            []string
}

func (c *Conn) parseList(p *parser) listing {
	var l listing
	caps := c.srv.opts.Caps
	extended, special := caps.Has(CapListExtended), caps.Has(CapSpecialUse)
	p.sp()
	if p.peek() == '(' && extended {
		l.extended = true
		p.list(true, func() {
			switch word := p.keyword(); {
			case word == "SUBSCRIBED":
				l.subscribed = true
			case word == "REMOTE":
			case word == "RECURSIVEMATCH":
				l.recursive = true
			case word == "SPECIAL-USE" && special:
				l.specialUse = true
			default:
				p.fail("Unknown selection option %s", word)
			}
		})
		p.sp()
	}
	if l.recursive && !l.subscribed && !l.specialUse {
		p.fail("RECURSIVEMATCH alone") // RFC 5258 §3.1
	}
	ref := p.mailbox()
	p.sp()
	pattern := func() { l.patterns = append(l.patterns, ref+p.pattern()) }
	if p.peek() == '(' && extended {
		l.extended = true
		p.list(false, pattern)
	} else {
		pattern()
	}
	if !p.take(' ') {
		return l
	}
	if p.keyword() != "RETURN" || !extended && !special && !caps.Has(CapListStatus) {
		p.fail("Unexpected text after pattern")
	}
	p.sp()
	l.extended = l.extended || extended
	p.list(true, func() {
		switch word := p.keyword(); {
		case word == "SUBSCRIBED" && extended:
			l.retSubscribed = true
		case word == "CHILDREN" && extended:
			l.retChildren = true
		case word == "SPECIAL-USE" && special:
		case word == "STATUS" && caps.Has(CapListStatus):
			p.sp()
			l.status = c.statusItems(p)
		default:
			p.fail("Unknown return option %s", word)
		}
	})
	return l
}

// pattern is a list-mailbox, decoded.
func (p *parser) pattern() string {
	var raw string
	if b := p.peek(); b == '"' || b == '{' {
		raw = p.str()
	} else {
		raw = p.word("a pattern", func(b byte) bool { return isAStringChar(b) || b == '*' || b == '%' })
	}
	name, err := p.decode(raw)
	if err != nil {
		p.no = "NO [CANNOT] Pattern is not valid modified UTF-7"
	}
	return name
}

// matches compares a name with a pattern, RFC 3501 §6.3.8: "*" is anything, "%" anything on one level. It keeps the set of
// places in the pattern that the name so far leads to, so that no pattern takes long.
func matches(pattern, name, delim string) bool {
	at := make([]bool, len(pattern)+1)
	skip := func() { // wildcards may match nothing
		for i := range len(pattern) {
			if at[i] && (pattern[i] == '*' || pattern[i] == '%') {
				at[i+1] = true
			}
		}
	}
	at[0] = true
	skip()
	for i := range len(name) {
		next := make([]bool, len(pattern)+1)
		for j := range len(pattern) {
			switch {
			case !at[j]:
			case pattern[j] == '*', pattern[j] == '%' && !strings.HasPrefix(name[i:], delim):
				next[j] = true
			case pattern[j] == name[i] && pattern[j] != '%':
				next[j+1] = true
			}
		}
		at = next
		skip()
	}
	return at[len(pattern)]
}

func (l listing) match(name, delim string) bool {
	return slices.ContainsFunc(l.patterns, func(pattern string) bool {
		if name == "INBOX" {
			pattern = strings.ToUpper(pattern)
		}
		return matches(pattern, name, delim)
	})
}

// parents lists the levels above a name.
func (st *store) parents(name string) []string {
	var up []string
	for i := strings.LastIndex(name, st.delim); i > 0; i = strings.LastIndex(name[:i], st.delim) {
		up = append(up, name[:i])
	}
	return up
}

// withParents adds the levels above names, each once, and sorts them all.
func (st *store) withParents(names []string) []string {
	all := slices.Clone(names)
	for _, n := range names {
		all = append(all, st.parents(n)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// childrenOf tells which names have mailboxes below them.
func (st *store) childrenOf() map[string]bool {
	has := make(map[string]bool)
	for name := range st.boxes {
		for _, up := range st.parents(name) {
			has[up] = true
		}
	}
	return has
}

func runList(c *Conn, _ string, p *parser) string {
	l := c.parseList(p)
	if !p.end() {
		return ""
	}
	st := c.seen()
	if len(l.patterns) == 1 && l.patterns[0] == "" && !l.extended {
		c.out.printf(`* LIST (\Noselect) %s ""`, quote(st.delim)) // a question for the delimiter, RFC 3501 §6.3.8
		return "OK List completed"
	}
	if name, echoes := c.srv.echoes(l); echoes {
		c.listLine(l, name, false, false)
		return "OK List completed"
	}
	names := st.names()
	if l.subscribed {
		names = nil
		for n := range st.subscribed {
			names = append(names, n)
		}
	}
	chosen := make(map[string]bool)
	below := make(map[string]bool) // names above a chosen one
	for _, n := range names {
		if l.specialUse && (st.boxes[n] == nil || st.boxes[n].specialUse == "") {
			continue
		}
		chosen[n] = true
		for _, up := range st.parents(n) {
			below[up] = true
		}
	}
	children := st.childrenOf()
	for _, n := range st.withParents(names) {
		filtered := l.subscribed || l.specialUse
		if !l.match(n, st.delim) || filtered && !chosen[n] && (!l.recursive || !below[n]) {
			continue
		}
		c.listLine(l, n, children[n], l.recursive && below[n])
	}
	return "OK List completed"
}

// echoes tells whether LIST answers with the name that it was asked for, though the mailbox is stored under another one.
func (s *Server) echoes(l listing) (name string, ok bool) {
	if !s.opts.EchoNames || len(l.patterns) != 1 || strings.ContainsAny(l.patterns[0], "*%") {
		return "", false
	}
	name = l.patterns[0]
	return name, s.store.boxes[name] == nil && s.store.boxes[s.canonical(name)] != nil
}

func (c *Conn) listLine(l listing, name string, children, childInfo bool) {
	st, caps := c.seen(), c.srv.opts.Caps
	box := st.boxes[c.srv.canonical(name)]
	var attrs []string
	if box == nil && !c.srv.opts.BareParents {
		if caps.Has(CapListExtended) {
			attrs = append(attrs, `\NonExistent`)
		}
		attrs = append(attrs, `\Noselect`)
	}
	if caps.Has(CapChildren) || l.retChildren {
		if children {
			attrs = append(attrs, `\HasChildren`)
		} else {
			attrs = append(attrs, `\HasNoChildren`)
		}
	}
	if (l.subscribed || l.retSubscribed) && st.subscribed[name] {
		attrs = append(attrs, `\Subscribed`)
	}
	if box != nil && box.specialUse != "" && (caps.Has(CapSpecialUse) || c.srv.opts.Exchange != nil) {
		attrs = append(attrs, box.specialUse)
	}
	info := ""
	if childInfo && l.subscribed {
		info = ` ("CHILDINFO" ("SUBSCRIBED"))`
	}
	first, second := c.srv.spell(name)
	c.out.printf("* LIST (%s) %s %s%s", strings.Join(attrs, " "), quote(st.delim), quote(first), info)
	if second != "" {
		c.out.printf("* LIST (%s) %s %s%s", strings.Join(attrs, " "), quote(st.delim), quote(second), info)
	}
	if box != nil && len(l.status) > 0 {
		c.status(box, l.status) // one that is refused is left out
	}
}

// runLsub lists subscriptions. A level above one is listed in its place when "%" hides it, RFC 3501 §6.3.9.
func runLsub(c *Conn, _ string, p *parser) string {
	p.sp()
	ref := p.mailbox()
	p.sp()
	l := listing{patterns: []string{ref + p.pattern()}}
	if !p.end() {
		return ""
	}
	st := c.seen()
	var names []string
	for n := range st.subscribed {
		names = append(names, n)
	}
	for _, n := range st.withParents(names) {
		if !l.match(n, st.delim) || !st.subscribed[n] && !strings.HasSuffix(l.patterns[0], "%") {
			continue
		}
		attrs := ""
		if !st.subscribed[n] {
			attrs = `\Noselect`
		}
		c.out.printf("* LSUB (%s) %s %s", attrs, quote(st.delim), quote(EncodeName(n)))
	}
	return "OK Lsub completed"
}
