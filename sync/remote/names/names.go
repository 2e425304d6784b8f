package names

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// Naming maps between the names of mailboxes on the wire and their canonical
// form: levels separated by "/", without the prefix of the personal
// namespace, INBOX in upper case, letters composed (Unicode NFC).
//
// A level may hold any character. "/" within a level is written "%2F"; a
// "%" is written "%25" only where "2F" or "25" follows, so that "100%" stays
// as it is and every name has exactly one canonical form and back.
//
// Below a prefix such as "INBOX." there may be a mailbox "INBOX.INBOX". It
// keeps its prefix, as "INBOX/INBOX": a canonical name of several levels that
// starts with INBOX never has its prefix removed.
//
// Several names on the wire may have one canonical form: "Work" of a shared
// namespace beside "INBOX.Work", or one mailbox spelled in two ways. Only one
// of them has the name; see [Naming.List].
type Naming struct {
	prefix string // of the personal namespace, decoded; "INBOX."
	delim  byte   // 0: the server has no hierarchy
	// others are the prefixes of other users' and shared mailboxes, whose
	// names stay whole. A personal mailbox that would look like one of them
	// keeps its prefix, as below INBOX.
	others []string
	// rootForeign: what has none of these prefixes is another namespace's, as
	// with Cyrus by default.
	rootForeign bool
	// bound are the spellings of mailboxes that the caller knows already,
	// by canonical name, where they are not those that spell gives.
	bound map[string]string
	// strangers are mailboxes, by their names on the wire, that are not those
	// which their names stand for.
	strangers map[string]bool

	mu      sync.Mutex // guards wire and spelled
	wire    map[string]string
	spelled map[string]string // what spell gave, which does not change
}

// NewNaming makes the names of a server with a prefix and a delimiter; 0: it has
// no hierarchy.
func NewNaming(prefix string, delim byte) *Naming {
	return &Naming{prefix: prefix, delim: delim, wire: map[string]string{Inbox: Inbox}}
}

// Inbox is the mailbox that every account has (RFC 3501 §5.1).
const Inbox = "INBOX"

// Learn notes how the server spells a name.
func (n *Naming) Learn(canonical, wireName string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if canonical != Inbox { // INBOX is the same in any case (RFC 3501 §5.1)
		n.wire[canonical] = wireName
	}
}

// DecodeName reads a name as a person would.
func DecodeName(wireName string) string {
	if text, ok := wire.DecodeName(wireName); ok {
		return text
	}
	return asText(wireName)
}

// asText makes a name readable that is not modified UTF-7: it is taken as
// UTF-8, or else as Latin-1, which fits any bytes.
func asText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

func (n *Naming) canonical(text string) (string, bool) {
	if strings.EqualFold(text, Inbox) {
		return Inbox, true
	}
	if n.delim != 0 {
		text = strings.TrimSuffix(text, string(rune(n.delim))) // "foo/" is foo
	}
	if rest, ok := n.cutPrefix(text); ok && !n.reserved(rest) {
		text = rest
	}
	levels := []string{text}
	if n.delim != 0 {
		levels = strings.Split(text, string(rune(n.delim)))
	}
	for i, l := range levels {
		if l == "" {
			return "", false
		}
		// Level by level: what is composed is never a delimiter.
		levels[i] = escapeLevel(norm.NFC.String(l))
	}
	if strings.EqualFold(levels[0], Inbox) {
		levels[0] = Inbox
	}
	return strings.Join(levels, "/"), true
}

// cutPrefix removes the prefix of the personal namespace. Where that is INBOX,
// it is the same in any case.
func (n *Naming) cutPrefix(text string) (rest string, ok bool) {
	p := n.prefix
	if p == "" || len(text) <= len(p) {
		return text, false
	}
	at := 0
	if len(p) > len(Inbox) && strings.EqualFold(p[:len(Inbox)], Inbox) && strings.EqualFold(text[:len(Inbox)], Inbox) {
		at = len(Inbox)
	}
	return text[len(p):], text[at:len(p)] == p[at:]
}

// Foreign reports whether a mailbox is in a namespace that is not personal.
func (n *Naming) Foreign(wireName string) bool {
	text := DecodeName(wireName)
	if slices.ContainsFunc(n.others, func(p string) bool { return strings.HasPrefix(text, p) }) {
		return true
	}
	_, personal := n.cutPrefix(text)
	return n.rootForeign && !personal && !strings.EqualFold(text, Inbox)
}

// reserved reports whether a full name never has the personal prefix.
func (n *Naming) reserved(text string) bool {
	first := text
	if n.delim != 0 {
		first, _, _ = strings.Cut(text, string(rune(n.delim)))
	}
	return strings.EqualFold(first, "INBOX") || slices.ContainsFunc(n.others, func(p string) bool {
		return strings.HasPrefix(text, p)
	})
}

// ToWire returns the name as the server spells it, or would spell it if it
// has it not yet.
func (n *Naming) ToWire(canonical string) (string, error) {
	n.mu.Lock()
	known, ok := n.wire[canonical]
	n.mu.Unlock()
	if ok {
		return known, nil
	}
	return n.Expected(canonical)
}

// Expected returns the spelling under which the caller knows a mailbox, or
// would make it, whatever the last list says.
func (n *Naming) Expected(canonical string) (string, error) {
	if known, ok := n.bound[canonical]; ok {
		return known, nil
	}
	return n.Spell(canonical)
}

// Spell writes a canonical name as a new mailbox would be called. It fails
// where that name would be read back as another one: what is written there
// would be in the mailbox of that name, again in each run.
func (n *Naming) Spell(canonical string) (string, error) {
	if canonical == Inbox || n.plain(canonical) {
		return canonical, nil
	}
	n.mu.Lock()
	known, ok := n.spelled[canonical]
	n.mu.Unlock()
	if ok {
		return known, nil
	}
	wireName, err := n.write(canonical)
	if err == nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.spelled == nil {
			n.spelled = map[string]string{}
		}
		n.spelled[canonical] = wireName
	}
	return wireName, err
}

// plain reports whether nothing in a name is written otherwise, as in most: it
// spares the way there and back.
func (n *Naming) plain(canonical string) bool {
	if n.prefix != "" || len(n.others) > 0 || n.delim != '/' {
		return false
	}
	level := 0 // where it begins
	for i := range len(canonical) + 1 {
		if i < len(canonical) && canonical[i] != '/' {
			c := canonical[i] | 0x20
			if (c < 'a' || c > 'z') && (canonical[i] < '0' || canonical[i] > '9') && canonical[i] != '-' && canonical[i] != '_' {
				return false
			}
			continue
		}
		if i == level || level == 0 && strings.EqualFold(canonical[:i], Inbox) {
			return false
		}
		level = i + 1
	}
	return true
}

func (n *Naming) write(canonical string) (string, error) {
	levels := strings.Split(canonical, "/")
	for i, l := range levels {
		levels[i] = unescapeLevel(l)
		if levels[i] == "" || n.delim != 0 && strings.IndexByte(levels[i], n.delim) >= 0 {
			return "", unusableName(canonical, n.delim)
		}
	}
	if n.delim == 0 && len(levels) > 1 {
		return "", unusableName(canonical, 0)
	}
	text := strings.Join(levels, string(rune(n.delim)))
	if !n.reserved(text) {
		text = n.prefix + text
	}
	wireName := wire.EncodeName(text)
	if back, ok := n.canonical(DecodeName(wireName)); !ok || back != canonical {
		return "", n.ambiguous(canonical, wireName, back)
	}
	return wireName, nil
}

func (n *Naming) ambiguous(canonical, wireName, back string) error {
	why := fmt.Errorf("name cannot be used: the server would take it for %q, which is the mailbox %s", asText(wireName), back)
	if back == "" {
		why = errors.New("name cannot be used: a mailbox of the server cannot have it")
	}
	return &mail.Error{Op: "name mailbox", Mailbox: canonical, Kind: mail.KindMailbox,
		Hint: "rename the folder, or exclude it", Err: why}
}

func unusableName(canonical string, delim byte) error {
	what := "the server has no mailboxes within mailboxes"
	if delim != 0 {
		what = fmt.Sprintf("the server separates levels by %q", delim)
	}
	return &mail.Error{Op: "name mailbox", Mailbox: canonical, Kind: mail.KindMailbox,
		Hint: "rename the mailbox, or exclude it", Err: fmt.Errorf("name cannot be used: %s", what)}
}

// Forget drops the spelling of a mailbox that has gone.
func (n *Naming) Forget(canonical string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.wire, canonical)
}

// Rename moves a name and those below it.
func (n *Naming) Rename(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.wire {
		if name != "INBOX" && mail.Within(name, from) {
			delete(n.wire, name)
		}
	}
	delete(n.wire, to)
}

// Pretend lets a name lead to the mailbox that has another one on the server,
// and likewise for those below.
func (n *Naming) Pretend(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	moved := map[string]string{}
	for name, wireName := range n.wire {
		if there, ok := mail.Renamed(name, from, to); ok {
			moved[there] = wireName
			delete(n.wire, name)
		}
	}
	maps.Copy(n.wire, moved)
}

func escapeLevel(l string) string {
	if !strings.ContainsAny(l, "/%") {
		return l
	}
	var b strings.Builder
	for i := 0; i < len(l); i++ {
		switch {
		case l[i] == '/':
			b.WriteString("%2F")
		case l[i] == '%' && (strings.HasPrefix(l[i+1:], "2F") || strings.HasPrefix(l[i+1:], "25")):
			b.WriteString("%25")
		default:
			b.WriteByte(l[i])
		}
	}
	return b.String()
}

func unescapeLevel(l string) string {
	if !strings.Contains(l, "%") {
		return l
	}
	return strings.NewReplacer("%2F", "/", "%25", "%").Replace(l)
}
