package wire

import (
	"bytes"
	"strconv"

	"satchel/sync/mail"
)

// ParseSet reads a UID set such as "1:3,7,12:*". Ranges are kept as ranges,
// in the order in which they came; "*" is the largest UID.
func ParseSet(b []byte) ([]mail.UIDRange, bool) {
	var set []mail.UIDRange
	for more := len(b) > 0; more; {
		var part []byte
		part, b, more = bytes.Cut(b, []byte(","))
		from, to, isRange := bytes.Cut(part, []byte(":"))
		if !isRange {
			to = from
		}
		a, okA := setNumber(from)
		z, okZ := setNumber(to)
		if !okA || !okZ {
			return nil, false
		}
		if a > z {
			a, z = z, a
		}
		set = append(set, mail.UIDRange{Start: a, Stop: z})
	}
	return set, len(set) > 0
}

func setNumber(b []byte) (mail.UID, bool) {
	if len(b) == 1 && b[0] == '*' {
		return mail.MaxUID, true
	}
	n, ok := number32(b)
	return mail.UID(n), ok && n > 0
}

// FormatSets writes the set in pieces of at most limit bytes. Ranges end in the
// largest UID and never in "*", which names an existing message and so hides
// expunges at the top of a mailbox. Servers limit
// the length of a command line; Dovecot's limit is 64 KB, others take 8,192
// (RFC 7162 §4 recommends that much).
func FormatSets(set mail.UIDSet, limit int) []string {
	var (
		pieces []string
		b      []byte
		part   []byte
	)
	for _, r := range set {
		part = strconv.AppendUint(part[:0], uint64(r.Start), 10)
		if r.Stop > r.Start {
			part = append(part, ':')
			part = strconv.AppendUint(part, uint64(r.Stop), 10)
		}
		if len(b) > 0 && len(b)+1+len(part) > limit {
			pieces = append(pieces, string(b))
			b = b[:0]
		}
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = append(b, part...)
	}
	if len(b) > 0 {
		pieces = append(pieces, string(b))
	}
	return pieces
}

// ParseVanished reads the rest of a VANISHED response (RFC 7162 §3.2.10).
func ParseVanished(b []byte) (set []mail.UIDRange, earlier, ok bool) {
	s := scanner{b: b}
	s.space()
	if s.peek() == '(' {
		tag, listed := s.list()
		if !listed || !bytes.EqualFold(bytes.TrimSpace(tag), []byte("EARLIER")) {
			return nil, false, false
		}
		earlier = true
		s.space()
	}
	set, ok = ParseSet(s.word())
	return set, earlier, ok
}

// ParseSearch reads the rest of a SEARCH response as a merged set; the
// "(MODSEQ n)" of RFC 7162 §3.1.5 is passed over.
func ParseSearch(b []byte) (mail.UIDSet, bool) {
	s := scanner{b: b}
	var set mail.UIDSet
	for {
		s.space()
		if s.done() || s.peek() == '(' {
			return mail.MergeUIDs(set), true
		}
		n, ok := number32(s.word())
		if !ok || n == 0 {
			return nil, false
		}
		set = mail.AppendUID(set, mail.UID(n))
	}
}

// ParseESearch reads the rest of an ESEARCH response (RFC 4731 §3.1). An
// answer without ALL means that nothing was found.
func ParseESearch(b []byte) (set mail.UIDSet, ok bool) {
	s := scanner{b: b}
	s.space()
	if s.peek() == '(' {
		if _, ok := s.list(); !ok {
			return nil, false
		}
	}
	for {
		s.space()
		if s.done() {
			return mail.MergeUIDs(set), true
		}
		name := s.word()
		switch {
		case len(name) == 0:
			return nil, false
		case bytes.EqualFold(name, []byte("UID")):
			continue
		case bytes.EqualFold(name, []byte("ALL")):
			s.space()
			if set, ok = ParseSet(s.word()); !ok {
				return nil, false
			}
			continue
		}
		s.space()
		if !s.skip() {
			return nil, false
		}
	}
}

// ParseCopyUID reads the arguments of COPYUID (RFC 4315 §3).
func ParseCopyUID(b []byte) (v mail.UIDValidity, from, to []mail.UIDRange, ok bool) {
	s := scanner{b: b}
	s.space()
	n, ok := number32(s.word())
	if !ok || n == 0 {
		return 0, nil, nil, false
	}
	s.space()
	from, ok = ParseSet(s.word())
	if !ok {
		return 0, nil, nil, false
	}
	s.space()
	to, ok = ParseSet(s.word())
	return mail.UIDValidity(n), from, to, ok && mail.UIDSet(from).Count() == mail.UIDSet(to).Count()
}

// ParseAppendUID reads the arguments of APPENDUID for n messages (RFC 4315 §3),
// whose UIDs stand there in the order in which they were sent, and ascend. A UID
// of 0, which servers send, is no UID.
func ParseAppendUID(b []byte, n int) (v mail.UIDValidity, uids []mail.UID, ok bool) {
	s := scanner{b: b}
	s.space()
	number, okV := number32(s.word())
	s.space()
	set, okU := ParseSet(s.word())
	if !okV || number == 0 || !okU || mail.UIDSet(set).Count() != uint64(n) {
		return 0, nil, false
	}
	uids = make([]mail.UID, 0, n)
	for _, r := range set {
		if len(uids) > 0 && r.Start <= uids[len(uids)-1] {
			return 0, nil, false
		}
		for u := uint64(r.Start); u <= uint64(r.Stop); u++ {
			uids = append(uids, mail.UID(u))
		}
	}
	return mail.UIDValidity(number), uids, true
}

// ParseESearchCount reads COUNT from the rest of an ESEARCH response.
func ParseESearchCount(b []byte) (n uint64, ok bool) {
	words := ParseWords(b)
	for i, w := range words {
		if w == "COUNT" && i+1 < len(words) {
			return number([]byte(words[i+1]))
		}
	}
	return 0, false
}

// ESearchTag reads the tag of the command that an ESEARCH response answers, ""
// when there is none.
func ESearchTag(b []byte) string {
	s := scanner{b: b}
	s.space()
	if s.peek() != '(' {
		return ""
	}
	list, ok := s.list()
	if !ok {
		return ""
	}
	in := scanner{b: list}
	in.space()
	if !bytes.EqualFold(in.word(), []byte("TAG")) {
		return ""
	}
	in.space()
	v, _, ok := in.str()
	if !ok {
		v = in.word()
	}
	return string(v)
}
