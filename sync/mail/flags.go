package mail

import (
	"slices"
	"strings"
)

// System is a set of the flags that Maildir and IMAP both name.
type System uint8

// The six flags with a Maildir letter (SPEC §5). $Forwarded is a keyword in
// IMAP, but has a letter on disk, so it counts as one of these.
const (
	Draft     System = 1 << iota // D, \Draft
	Flagged                      // F, \Flagged
	Forwarded                    // P, $Forwarded
	Answered                     // R, \Answered
	Seen                         // S, \Seen
	Deleted                      // T, \Deleted
)

// systemLetters holds the Maildir letters in the order of the bits, which is
// also ASCII order.
const systemLetters = "DFPRST"

// name returns the IMAP name of the one flag in s.
func (s System) name() string {
	switch s {
	case Draft:
		return `\Draft`
	case Flagged:
		return `\Flagged`
	case Forwarded:
		return `$Forwarded`
	case Answered:
		return `\Answered`
	case Seen:
		return `\Seen`
	case Deleted:
		return `\Deleted`
	}
	return ""
}

// Flags is a set of flags and keywords. The zero value is the empty set.
// Keywords compare without regard to case, as servers compare them
// (RFC 3501 §2.3.2), but keep the case in which they were first seen.
//
// \Recent is never a member: it says something about a session, not about
// a message.
type Flags struct {
	System System
	// keywords is sorted by lower case, unique, joined by single spaces.
	// A string, so that Flags can be copied freely and costs no pointer
	// chase for the usual message without keywords.
	keywords string
}

// NewFlags returns the set of the given IMAP flag names.
func NewFlags(names ...string) Flags {
	var f Flags
	var kw []string
	for _, n := range names {
		if bit, ok := systemByName(n); ok {
			f.System |= bit
			continue
		}
		if strings.HasPrefix(n, `\`) || !validKeyword(n) {
			continue // \Recent, \*, and flags that no side could name
		}
		kw = append(kw, n)
	}
	f.keywords = joinKeywords(kw)
	return f
}

// FromLetter returns the flag that a Maildir letter stands for; ok is false
// for a letter that is none of DFPRST.
func FromLetter(c byte) (flag System, ok bool) {
	if i := strings.IndexByte(systemLetters, c); i >= 0 {
		return 1 << i, true
	}
	return 0, false
}

// Letters returns the Maildir letters of s in ASCII order, as the Maildir
// specification asks.
func (s System) Letters() string {
	var b [len(systemLetters)]byte
	n := 0
	for i := range systemLetters {
		if s&(1<<i) != 0 {
			b[n] = systemLetters[i]
			n++
		}
	}
	return string(b[:n])
}

func systemByName(name string) (System, bool) {
	for i := range systemLetters {
		if bit := System(1) << i; equalFold(bit.name(), name) {
			return bit, true
		}
	}
	return 0, false
}

// validKeyword reports whether name can be stored on both sides and in a
// list separated by spaces.
func validKeyword(name string) bool {
	if name == "" {
		return false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// foldCompare compares without regard to ASCII case. Keywords are atoms, so
// ASCII (RFC 3501 §9); should a server name other bytes, they stand for
// themselves: Unicode folding would take different ones for the same.
func foldCompare(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if x, y := lower(a[i]), lower(b[i]); x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

func equalFold(a, b string) bool { return len(a) == len(b) && foldCompare(a, b) == 0 }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func joinKeywords(kw []string) string {
	if len(kw) == 0 {
		return ""
	}
	slices.SortStableFunc(kw, foldCompare)
	kw = slices.CompactFunc(kw, equalFold)
	return strings.Join(kw, " ")
}

// Keywords returns the keywords without the six system flags, sorted.
func (f Flags) Keywords() []string {
	if f.keywords == "" {
		return nil
	}
	return strings.Split(f.keywords, " ")
}

// OnlyKeywords returns f without the six system flags.
func (f Flags) OnlyKeywords() Flags { return Flags{keywords: f.keywords} }

// Names returns all members as IMAP flag names, system flags first.
func (f Flags) Names() []string {
	var names []string
	for i := range systemLetters {
		if bit := System(1) << i; f.System&bit != 0 {
			names = append(names, bit.name())
		}
	}
	return append(names, f.Keywords()...)
}

// String returns the names separated by spaces.
func (f Flags) String() string { return strings.Join(f.Names(), " ") }

// IsEmpty reports whether f has no member.
func (f Flags) IsEmpty() bool { return f.System == 0 && f.keywords == "" }

// Equal reports whether f and g have the same members.
func (f Flags) Equal(g Flags) bool {
	return f.System == g.System && (f.keywords == g.keywords || equalFold(f.keywords, g.keywords))
}

// Has reports whether f contains every member of g.
func (f Flags) Has(g Flags) bool { return g.Minus(f).IsEmpty() }

// Union returns the members of f or g.
func (f Flags) Union(g Flags) Flags {
	u := Flags{System: f.System | g.System, keywords: f.keywords}
	switch {
	case g.keywords == "":
	case f.keywords == "":
		u.keywords = g.keywords
	default:
		u.keywords = joinKeywords(append(f.Keywords(), g.Keywords()...))
	}
	return u
}

// Minus returns the members of f that are not in g.
func (f Flags) Minus(g Flags) Flags {
	m := Flags{System: f.System &^ g.System, keywords: f.keywords}
	if f.keywords == "" || g.keywords == "" {
		return m
	}
	other := g.Keywords()
	m.keywords = strings.Join(slices.DeleteFunc(f.Keywords(), func(k string) bool {
		return slices.ContainsFunc(other, func(o string) bool { return equalFold(k, o) })
	}), " ")
	return m
}

// Intersect returns the members that f and g share.
func (f Flags) Intersect(g Flags) Flags { return f.Minus(f.Minus(g)) }

// Delta is a change of flags: members set and members cleared, disjoint.
type Delta struct{ Add, Remove Flags }

// Diff returns the change that leads from base to f.
func (f Flags) Diff(base Flags) Delta {
	return Delta{Add: f.Minus(base), Remove: base.Minus(f)}
}

// Apply returns f after d.
func (f Flags) Apply(d Delta) Flags { return f.Union(d.Add).Minus(d.Remove) }

// IsEmpty reports whether d changes nothing.
func (d Delta) IsEmpty() bool { return d.Add.IsEmpty() && d.Remove.IsEmpty() }

// String returns d as "+\Seen -\Flagged".
func (d Delta) String() string {
	var parts []string
	for _, n := range d.Add.Names() {
		parts = append(parts, "+"+n)
	}
	for _, n := range d.Remove.Names() {
		parts = append(parts, "-"+n)
	}
	return strings.Join(parts, " ")
}
