package main

import (
	"maps"
	"slices"
	"sync"
	"testing"
)

// census is the ledger of a test: where each message must be in the end, and
// with which flags. Each thing about a message (its place, each flag) is changed
// by one side only, so there is never a doubt about what must come of it.
// There is one exception: Dovecot's MOVE takes the flags that its session
// knows along, and drops what others changed since. So the flags of a message
// that one side moves and the other one flags are not foretold.
type census struct {
	mu    sync.Mutex
	boxes map[string]bool
	all   map[string]*resident // by subject, and number of a copy
	loose map[string]bool      // subjects whose flags are not foretold
}

type resident struct {
	subject, mailbox string
	flags            map[string]bool
}

func newCensus() *census {
	return &census{boxes: map[string]bool{}, all: map[string]*resident{}, loose: map[string]bool{}}
}

func (c *census) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *census) born(subject, mailbox string, flags ...string) {
	c.change(func() {
		c.boxes[mailbox] = true
		n := &resident{subject: subject, mailbox: mailbox, flags: map[string]bool{}}
		for _, f := range flags {
			n.flags[f] = true
		}
		c.all[subject] = n
	})
}

func (c *census) moved(subject, mailbox string) {
	c.change(func() { c.all[subject].mailbox = mailbox })
}

func (c *census) removed(subject string) { c.change(func() { delete(c.all, subject) }) }

func (c *census) flag(subject, flag string, on bool) {
	c.change(func() { c.all[subject].flags[flag] = on })
}

func (c *census) copied(subject, mailbox string) {
	c.change(func() {
		c.all[subject+" copy"] = &resident{subject, mailbox, maps.Clone(c.all[subject].flags)}
	})
}

// judge compares what there is with what must be.
func (c *census) judge(t *testing.T, s letters) {
	t.Helper()
	want := slices.Collect(maps.Keys(c.boxes))
	for _, n := range c.all {
		l := letter{content: []byte("Subject: " + n.subject + "\n")}
		for f, on := range n.flags {
			if on {
				l.flags = append(l.flags, f)
			}
		}
		slices.Sort(l.flags)
		want = append(want, n.mailbox+": "+c.brief(l))
	}
	slices.Sort(want)
	if got := s.lines(c.brief); !slices.Equal(got, want) {
		t.Errorf("not what it should be:\n%s", differ(want, got, "wanted", "present"))
	}
}

func (c *census) brief(l letter) string {
	if c.loose[l.subject()] {
		l.flags = nil
	}
	return brief(l)
}
