package remote

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// names maps between the names of mailboxes on the wire and their canonical
// form: levels separated by "/", without the prefix of the personal
// namespace, INBOX in upper case.
//
// A level may hold any character. "/" within a level is written "%2F"; a
// "%" is written "%25" only where "2F" or "25" follows, so that "100%" stays
// as it is and every name has exactly one canonical form and back.
//
// Below a prefix such as "INBOX." there may be a mailbox "INBOX.INBOX". It
// keeps its prefix, as "INBOX/INBOX": a canonical name of several levels that
// starts with INBOX never has its prefix removed.
type names struct {
	prefix string // of the personal namespace, decoded; "INBOX."
	delim  byte   // 0: the server has no hierarchy
	// others are the prefixes of other users' and shared mailboxes, whose
	// names stay whole. A personal mailbox that would look like one of them
	// keeps its prefix, as below INBOX.
	others []string

	mu   sync.Mutex // guards wire
	wire map[string]string
}

func newNames(prefix string, delim byte) *names {
	return &names{prefix: prefix, delim: delim, wire: map[string]string{"INBOX": "INBOX"}}
}

// add learns a name as LIST sent it. ok is false for names that cannot be
// told from another one or that have an empty level.
func (n *names) add(wireName string) (canonical string, ok bool) {
	canonical, ok = n.canonical(decodeName(wireName))
	if !ok {
		return "", false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, known := n.wire[canonical]; known && old != wireName && canonical != "INBOX" {
		return "", false
	}
	n.wire[canonical] = wireName
	return canonical, true
}

// decodeName reads a name as a person would.
func decodeName(wireName string) string {
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

func (n *names) canonical(text string) (string, bool) {
	if strings.EqualFold(text, "INBOX") {
		return "INBOX", true
	}
	if n.delim != 0 {
		text = strings.TrimSuffix(text, string(rune(n.delim))) // "foo/" is foo
	}
	if rest, ok := strings.CutPrefix(text, n.prefix); ok && n.prefix != "" && !n.reserved(rest) {
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
		levels[i] = escapeLevel(l)
	}
	if strings.EqualFold(levels[0], "INBOX") {
		levels[0] = "INBOX"
	}
	return strings.Join(levels, "/"), true
}

// reserved reports whether a full name never has the personal prefix.
func (n *names) reserved(text string) bool {
	first := text
	if n.delim != 0 {
		first, _, _ = strings.Cut(text, string(rune(n.delim)))
	}
	return strings.EqualFold(first, "INBOX") || slices.ContainsFunc(n.others, func(p string) bool {
		return strings.HasPrefix(text, p)
	})
}

// toWire returns the name as the server spells it, or would spell it if it
// has it not yet.
func (n *names) toWire(canonical string) (string, error) {
	n.mu.Lock()
	known, ok := n.wire[canonical]
	n.mu.Unlock()
	if ok {
		return known, nil
	}
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
	return wire.EncodeName(text), nil
}

func unusableName(canonical string, delim byte) error {
	what := "the server has no mailboxes within mailboxes"
	if delim != 0 {
		what = fmt.Sprintf("the server separates levels by %q", delim)
	}
	return &mail.Error{Op: "name mailbox", Mailbox: canonical, Kind: mail.KindMailbox,
		Hint: "rename the mailbox, or exclude it", Err: fmt.Errorf("name cannot be used: %s", what)}
}

func (n *names) forget(canonical string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.wire, canonical)
}

// rename moves a name and those below it.
func (n *names) rename(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.wire {
		if name != "INBOX" && mail.Within(name, from) {
			delete(n.wire, name)
		}
	}
	delete(n.wire, to)
}

// pretend lets a name lead to the mailbox that has another one on the server,
// and likewise for those below.
func (n *names) pretend(from, to string) {
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
