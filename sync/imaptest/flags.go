package imaptest

import (
	"math/bits"
	"slices"
	"strings"
)

// flagSet holds the flags of a message: the system flags in the lowest bits, above them the keywords of the mailbox in the
// order in which they came up. That is eight bytes a message, and a limit on keywords such as many servers have.
type flagSet uint64

const (
	flagAnswered flagSet = 1 << iota
	flagFlagged
	flagDeleted
	flagSeen
	flagDraft
	systemFlagCount = iota
	maxKeywords     = 64 - systemFlagCount
)

func systemFlags() [systemFlagCount]string {
	return [...]string{`\Answered`, `\Flagged`, `\Deleted`, `\Seen`, `\Draft`}
}

// bit finds a flag, in any case of letters.
func (b *mailbox) bit(name string) (flagSet, bool) {
	for i, sys := range systemFlags() {
		if strings.EqualFold(sys, name) {
			return 1 << i, true
		}
	}
	i := slices.IndexFunc(b.keywords, func(k string) bool { return strings.EqualFold(k, name) })
	if i < 0 {
		return 0, false
	}
	return 1 << (systemFlagCount + i), true
}

// set finds all flags and makes keywords known that are new to the mailbox. It fails when there are too many.
func (b *mailbox) set(names []string) (flagSet, bool) {
	var set flagSet
	for _, name := range names {
		bit, ok := b.bit(name)
		if !ok {
			if len(b.keywords) == maxKeywords {
				return 0, false
			}
			b.keywords = append(b.keywords, name)
			bit, _ = b.bit(name)
		}
		set |= bit
	}
	return set, true
}

// names lists the flags of a set, the system flags first.
func (b *mailbox) names(set flagSet) []string {
	names := make([]string, 0, bits.OnesCount64(uint64(set)))
	for i, sys := range systemFlags() {
		if set&(1<<i) != 0 {
			names = append(names, sys)
		}
	}
	for i, k := range b.keywords {
		if set&(1<<(systemFlagCount+i)) != 0 {
			names = append(names, k)
		}
	}
	return names
}

// permitted drops the flags that the mailbox does not store.
func (s *Server) permitted(box *mailbox, names []string) []string {
	perm := s.opts.PermanentFlags
	if box.permanent != nil {
		perm = box.permanent
	}
	return box.kept(names, perm)
}

// kept returns those of the flags that are among perm and are not dropped.
func (b *mailbox) kept(names, perm []string) []string {
	allowed := func(name string) bool {
		return slices.ContainsFunc(perm, func(p string) bool {
			return strings.EqualFold(p, name) || p == `\*` && !strings.HasPrefix(name, `\`)
		})
	}
	var kept []string
	for _, n := range names {
		if allowed(n) && !slices.ContainsFunc(b.drops, func(d string) bool { return strings.EqualFold(d, n) }) {
			kept = append(kept, n)
		}
	}
	return kept
}

// flagsLines are the FLAGS and PERMANENTFLAGS responses.
func (c *Conn) flagsLines(box *mailbox, readOnly bool) {
	sys := systemFlags()
	c.out.printf("* FLAGS (%s)", strings.Join(append(sys[:], box.keywords...), " "))
	if readOnly {
		c.out.printf("* OK [PERMANENTFLAGS ()] Read-only mailbox")
		return
	}
	perm := slices.Clone(c.srv.opts.PermanentFlags)
	if box.permanent != nil {
		perm = slices.Clone(box.permanent)
	}
	star := slices.Contains(perm, `\*`)
	for _, k := range box.keywords {
		if star && !slices.ContainsFunc(perm, func(p string) bool { return strings.EqualFold(p, k) }) {
			perm = append(perm, k)
		}
	}
	c.out.printf("* OK [PERMANENTFLAGS (%s)] Flags permitted", strings.Join(perm, " "))
}
