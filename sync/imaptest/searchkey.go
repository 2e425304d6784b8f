package imaptest

import (
	"bytes"
	"net/mail"
	"strings"
	"time"
)

// matcher decides on a message with its sequence number.
type matcher func(seq int, m *message) bool

func all(int, *message) bool { return true }

func not(k matcher) matcher { return func(seq int, m *message) bool { return !k(seq, m) } }

func either(a, b matcher) matcher {
	return func(seq int, m *message) bool { return a(seq, m) || b(seq, m) }
}

func flagKey(bit flagSet) matcher {
	return func(_ int, m *message) bool { return m.flags&bit != 0 }
}

// searchKey reads one key of RFC 3501 §6.4.4.
func (c *Conn) searchKey(p *parser, s *searching) matcher {
	if p.peek() == '(' {
		p.pos++
		k := c.searchKeys(p, s)
		p.expect(')')
		return k
	}
	if b := p.peek(); isDigit(b) || b == '*' {
		return c.sel.numberKey(p)
	}
	word := p.keyword()
	if k := c.sel.plainKey(word); k != nil {
		return k
	}
	p.sp()
	if k := c.keyOf(word, p, s); k != nil {
		return k
	}
	if k := p.dateKey(word); k != nil {
		return k
	}
	return p.textKey(word)
}

// numberKey reads a set of sequence numbers.
func (s *selection) numberKey(p *parser) matcher {
	set := p.numSet().resolve(uint32(len(s.view)))
	if p.err == nil && (len(s.view) == 0 || set.max() > uint32(len(s.view))) {
		p.fail("Sequence number beyond the %d messages", len(s.view))
	}
	return func(seq int, _ *message) bool { return set.contains(uint32(seq)) }
}

// plainKey is a key without an argument; nil when the word is none.
func (s *selection) plainKey(word string) matcher {
	recent := func(_ int, m *message) bool { return s.isRecent(m.uid) }
	switch word {
	case "ALL":
		return all
	case "RECENT":
		return recent
	case "OLD":
		return not(recent)
	case "NEW":
		return func(seq int, m *message) bool { return recent(seq, m) && m.flags&flagSeen == 0 }
	}
	flag, without := strings.CutPrefix(word, "UN")
	bit := map[string]flagSet{
		"ANSWERED": flagAnswered, "DELETED": flagDeleted, "DRAFT": flagDraft, "FLAGGED": flagFlagged, "SEEN": flagSeen,
	}[flag]
	switch {
	case bit == 0:
		return nil
	case without:
		return not(flagKey(bit))
	}
	return flagKey(bit)
}

// keyOf reads the argument of a key that is neither about a date nor about text; nil when the word is none.
func (c *Conn) keyOf(word string, p *parser, s *searching) matcher {
	switch word {
	case "NOT":
		return not(c.searchKey(p, s))
	case "OR":
		a := c.searchKey(p, s)
		p.sp()
		return either(a, c.searchKey(p, s))
	case "UID":
		return c.sel.uidKey(p)
	case "KEYWORD", "UNKEYWORD":
		bit, _ := c.sel.box.bit(p.atom())
		if word == "KEYWORD" {
			return flagKey(bit)
		}
		return not(flagKey(bit))
	case "LARGER":
		n := p.number()
		return func(_ int, m *message) bool { return int64(len(m.content.data)) > int64(n) }
	case "SMALLER":
		n := p.number()
		return func(_ int, m *message) bool { return int64(len(m.content.data)) < int64(n) }
	case "MODSEQ":
		return c.modSeqKey(p, s)
	case "EMAILID":
		id := p.astring()
		if !c.srv.opts.Caps.Has(CapObjectID) {
			p.fail("EMAILID is not supported")
		}
		return func(_ int, m *message) bool { return m.content.id == id }
	}
	return nil
}

// uidKey reads a set of UIDs.
func (s *selection) uidKey(p *parser) matcher {
	star := uint32(0)
	if n := len(s.view); n > 0 {
		star = s.view[n-1]
	}
	set := p.numSet().resolve(star)
	return func(_ int, m *message) bool { return set.contains(m.uid) }
}

// modSeqKey takes and ignores the name of a metadata item: there is one mod-sequence for each message.
func (c *Conn) modSeqKey(p *parser, s *searching) matcher {
	if !c.modSeqUsable() {
		p.fail("MODSEQ is not supported here")
	}
	if p.peek() == '"' {
		entry := p.str()
		p.sp()
		kind := p.keyword()
		if !strings.HasPrefix(entry, "/flags/") || kind != "ALL" && kind != "PRIV" && kind != "SHARED" {
			p.fail("Invalid metadata item in MODSEQ")
		}
		p.sp()
	}
	n := p.modSeq()
	s.modSeq = true
	return func(_ int, m *message) bool { return m.modSeq >= n }
}

// dateKey compares days, disregarding time and zone, RFC 3501 §6.4.4.
func (p *parser) dateKey(word string) matcher {
	kind, sent := strings.CutPrefix(word, "SENT")
	var ok func(day, limit time.Time) bool
	switch kind {
	case "BEFORE":
		ok = func(day, limit time.Time) bool { return day.Before(limit) }
	case "ON":
		ok = func(day, limit time.Time) bool { return day.Equal(limit) }
	case "SINCE":
		ok = func(day, limit time.Time) bool { return !day.Before(limit) }
	default:
		return nil
	}
	limit, err := time.Parse("2-Jan-2006", p.astring())
	if err != nil {
		p.fail("Invalid date")
	}
	return func(_ int, m *message) bool {
		date := m.date
		if sent {
			v, _ := headerValue(m.content.data, "Date")
			d, err := mail.ParseDate(v)
			if err != nil {
				return false
			}
			date = d
		}
		y, month, d := date.Date()
		return ok(time.Date(y, month, d, 0, 0, 0, 0, time.UTC), limit)
	}
}

// textKey searches content for a substring, without regard to case and without decoding.
func (p *parser) textKey(word string) matcher {
	header := ""
	switch word {
	case "HEADER":
		header = p.astring()
		p.sp()
	case "FROM", "TO", "CC", "BCC", "SUBJECT":
		header = word
	case "BODY", "TEXT":
	default:
		p.fail("Unknown search key %s", word)
		return all
	}
	want := bytes.ToLower([]byte(p.astring()))
	return func(_ int, m *message) bool {
		data := m.content.data
		switch {
		case word == "BODY":
			_, data = splitHeader(data)
		case header != "":
			v, ok := headerValue(data, header)
			if !ok {
				return false
			}
			data = []byte(v)
		}
		return bytes.Contains(bytes.ToLower(data), want)
	}
}
