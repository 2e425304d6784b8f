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

func flagKey(bit flagSet) matcher {
	return func(_ int, m *message) bool { return m.flags&bit != 0 }
}

// searchKey reads one key of RFC 3501 §6.4.4.
func (c *Conn) searchKey(p *parser, s *searching) matcher {
	sel := c.sel
	if p.peek() == '(' {
		p.pos++
		k := c.searchKeys(p, s)
		p.expect(')')
		return k
	}
	if b := p.peek(); isDigit(b) || b == '*' {
		set := p.numSet().resolve(uint32(len(sel.view)))
		if p.err == nil && (len(sel.view) == 0 || set.max() > uint32(len(sel.view))) {
			p.fail("Sequence number beyond the %d messages", len(sel.view))
		}
		return func(seq int, _ *message) bool { return set.contains(uint32(seq)) }
	}
	word := p.keyword()
	recent := func(_ int, m *message) bool { return sel.isRecent(m.uid) }
	switch word {
	case "ALL":
		return all
	case "ANSWERED":
		return flagKey(flagAnswered)
	case "DELETED":
		return flagKey(flagDeleted)
	case "DRAFT":
		return flagKey(flagDraft)
	case "FLAGGED":
		return flagKey(flagFlagged)
	case "SEEN":
		return flagKey(flagSeen)
	case "UNANSWERED":
		return not(flagKey(flagAnswered))
	case "UNDELETED":
		return not(flagKey(flagDeleted))
	case "UNDRAFT":
		return not(flagKey(flagDraft))
	case "UNFLAGGED":
		return not(flagKey(flagFlagged))
	case "UNSEEN":
		return not(flagKey(flagSeen))
	case "RECENT":
		return recent
	case "OLD":
		return not(recent)
	case "NEW":
		return func(seq int, m *message) bool { return recent(seq, m) && m.flags&flagSeen == 0 }
	}
	p.sp()
	switch word {
	case "NOT":
		return not(c.searchKey(p, s))
	case "OR":
		a := c.searchKey(p, s)
		p.sp()
		b := c.searchKey(p, s)
		return func(seq int, m *message) bool { return a(seq, m) || b(seq, m) }
	case "UID":
		star := uint32(0)
		if n := len(sel.view); n > 0 {
			star = sel.view[n-1]
		}
		set := p.numSet().resolve(star)
		return func(_ int, m *message) bool { return set.contains(m.uid) }
	case "KEYWORD", "UNKEYWORD":
		bit, _ := sel.box.bit(p.atom())
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
	if k := p.dateKey(word); k != nil {
		return k
	}
	return p.textKey(word)
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
