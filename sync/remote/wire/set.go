package wire

import (
	"bytes"
	"slices"
	"strconv"

	"satchel/sync/mail"
)

// MaxUID is the largest UID. Ranges end in it and never in "*", which names
// an existing message and so hides expunges at the top of a mailbox.
const MaxUID mail.UID = 1<<32 - 1

// ParseSet reads a UID set such as "1:3,7,12:*". Ranges are kept as ranges,
// in the order in which they came.
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
		return MaxUID, true
	}
	n, ok := number32(b)
	return mail.UID(n), ok && n > 0
}

// Merge sorts the ranges and joins those that touch; it reuses the slice.
func Merge(set []mail.UIDRange) []mail.UIDRange {
	if len(set) < 2 {
		return set
	}
	byStart := func(a, b mail.UIDRange) int {
		if a.Start < b.Start {
			return -1
		}
		if a.Start > b.Start {
			return 1
		}
		return 0
	}
	if !slices.IsSortedFunc(set, byStart) {
		slices.SortFunc(set, byStart)
	}
	out := set[:1]
	for _, r := range set[1:] {
		last := &out[len(out)-1]
		if last.Stop == MaxUID || r.Start <= last.Stop+1 {
			last.Stop = max(last.Stop, r.Stop)
			continue
		}
		out = append(out, r)
	}
	return out
}

// Add appends uid to the set, extending its last range when it can.
func Add(set []mail.UIDRange, uid mail.UID) []mail.UIDRange {
	if n := len(set); n > 0 {
		last := &set[n-1]
		switch {
		case last.Contains(uid):
			return set
		case last.Stop < MaxUID && uid == last.Stop+1:
			last.Stop = uid
			return set
		}
	}
	return append(set, mail.UIDRange{Start: uid, Stop: uid})
}

// Count returns how many UIDs a merged set holds.
func Count(set []mail.UIDRange) uint64 {
	var n uint64
	for _, r := range set {
		n += uint64(r.Stop-r.Start) + 1
	}
	return n
}

// Contains reports whether a merged set holds uid.
func Contains(set []mail.UIDRange, uid mail.UID) bool {
	i, found := slices.BinarySearchFunc(set, uid, func(r mail.UIDRange, u mail.UID) int {
		switch {
		case r.Stop < u:
			return -1
		case r.Start > u:
			return 1
		}
		return 0
	})
	return found && i < len(set)
}

// Ranges returns the set of uids, which need not be sorted.
func Ranges(uids []mail.UID) []mail.UIDRange {
	var set []mail.UIDRange
	for _, u := range uids {
		if u != 0 {
			set = Add(set, u)
		}
	}
	return Merge(set)
}

// FormatSets writes the set in pieces of at most limit bytes. Servers limit
// the length of a command line; Dovecot's limit is 64 KB, others take 8,192
// (RFC 7162 §4 recommends that much).
func FormatSets(set []mail.UIDRange, limit int) []string {
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
func ParseSearch(b []byte) ([]mail.UIDRange, bool) {
	s := scanner{b: b}
	var set []mail.UIDRange
	for {
		s.space()
		if s.done() || s.peek() == '(' {
			return Merge(set), true
		}
		n, ok := number32(s.word())
		if !ok || n == 0 {
			return nil, false
		}
		set = Add(set, mail.UID(n))
	}
}

// ParseESearch reads the rest of an ESEARCH response (RFC 4731 §3.1). An
// answer without ALL means that nothing was found.
func ParseESearch(b []byte) (set []mail.UIDRange, ok bool) {
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
			return Merge(set), true
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
	return mail.UIDValidity(n), from, to, ok && Count(from) == Count(to)
}

// ParseAppendUID reads the arguments of APPENDUID for one message
// (RFC 4315 §3). A UID of 0, which servers send, is no UID.
func ParseAppendUID(b []byte) (v mail.UIDValidity, uid mail.UID, ok bool) {
	s := scanner{b: b}
	s.space()
	n, okV := number32(s.word())
	s.space()
	set, okU := ParseSet(s.word())
	if !okV || n == 0 || !okU || len(set) != 1 || set[0].Start != set[0].Stop {
		return 0, 0, false
	}
	return mail.UIDValidity(n), set[0].Start, true
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
