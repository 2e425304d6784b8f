package report

import (
	"fmt"
	"hash/maphash"
	"strings"
	"unicode/utf8"

	"satchel/sync/mail"
)

// What a report says has an end, whatever a server claims: of many problems some
// are listed, at least one of each kind, and the rest is counted; long names and
// answers are cut.

const (
	// MostListed is how many problems, or notices, a report has at most.
	MostListed = 200
	mostText   = 2 << 10 // bytes of one text
)

// tally counts the problems of a report.
type tally struct {
	seed   maphash.Seed
	seen   map[uint64]bool
	kinds  map[string]bool
	listed int
	more   int // that are not listed
}

// lists reports whether a problem is new and one to be listed. What ended the run
// always is.
func (t *tally) lists(p Problem, ended bool) bool {
	if t.seen == nil {
		t.seed, t.seen, t.kinds = maphash.MakeSeed(), map[uint64]bool{}, map[string]bool{}
	}
	id := maphash.Comparable(t.seed, [3]string{p.Mailbox, p.Message, p.Error})
	if t.seen[id] {
		return false
	}
	t.seen[id] = true
	if t.listed >= MostListed && t.kinds[p.Kind] && !ended {
		t.more++
		return false
	}
	t.listed++
	t.kinds[p.Kind] = true
	return true
}

// rest is a problem that stands for those that are not listed.
func (t *tally) rest() (Problem, bool) {
	if t.more == 0 {
		return Problem{}, false
	}
	err := &mail.Error{Op: "sync", Kind: mail.KindMessage, Err: fmt.Errorf("%d more problems are not listed", t.more)}
	return Problem{Kind: err.Kind.String(), Error: err.Error(), err: err}, true
}

func (p *Problem) clip() {
	for _, s := range []*string{&p.Mailbox, &p.Message, &p.Error, &p.Hint} {
		*s = clipped(*s)
	}
}

// clipped cuts a text that is too long within it.
func clipped(s string) string {
	if len(s) <= mostText {
		return s
	}
	head, tail := mostText*3/4, len(s)-mostText/4
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return strings.Join([]string{s[:head], s[tail:]}, fmt.Sprintf(" [%d bytes] ", tail-head))
}
