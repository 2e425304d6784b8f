package sync_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// The sides in a ledger.
const (
	local = iota
	onServer
)

// ledger remembers what was done to each message since the sides last agreed,
// and by whom. What must hold of the outcome whatever the engine does follows
// from it: where only one side touched something, that side has its way.
type ledger struct {
	start   map[string][]string // content ID -> mailboxes
	by      map[string]*deeds
	names   map[string]string // mailbox -> what it was called at the start
	renamed map[string]bool   // by what they were called at the start
	text    []string          // for people
	out     map[string]bool
}

// deeds are what the sides did to one message.
type deeds struct {
	delivered int
	copied    bool
	removed   [2]bool
	touched   [2]bool
	movedBy   [2]bool
	place     string                  // where the last move led
	flags     map[string]map[int]bool // flag -> side -> last value
}

func newLedger(s snapshot) *ledger {
	return &ledger{start: where(s), by: map[string]*deeds{}, names: map[string]string{}, renamed: map[string]bool{}}
}

// rename gives one mailbox of a side another name, with those below it. Where
// nothing proves what it was, each message in it was moved, out of a mailbox
// that is gone: one that was removed as well may come back.
func (l *ledger) rename(w *world, k int, rng *rand.Rand) {
	boxes, mv, sd := w.folders(), w.mv, side(diskSide{w, rng})
	if k == onServer {
		boxes, mv, sd = w.mailboxes(), func(from, to string) { w.mvServer(w.wire(from), w.wire(to)) }, serverSide{w}
	}
	from := boxes[rng.IntN(len(boxes))]
	w.n++
	to := fmt.Sprintf("Renamed %d", w.n)
	if from == "INBOX" {
		return
	}
	for _, name := range boxes {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/') {
			again := l.renamed[l.origin(name)] // by the other side: which of the names stays is the server's choice
			l.renamed[l.origin(name)] = true
			l.names[to+rest] = l.origin(name)
			if w.proves && !again {
				continue
			}
			for _, list := range [][]handle{sd.list(name), l.others(w, k, name, rng)} {
				for _, h := range list {
					d := l.of(h.id)
					d.touched, d.movedBy = [2]bool{true, true}, [2]bool{true, true}
				}
			}
		}
	}
	l.note("%s: rename %s to %s", [2]string{"local", "remote"}[k], from, to)
	mv(from, to)
}

// others lists what the other side has in the same mailbox.
func (l *ledger) others(w *world, k int, name string, rng *rand.Rand) (list []handle) {
	boxes, sd := w.mailboxes(), side(serverSide{w})
	if k == onServer {
		boxes, sd = w.folders(), diskSide{w, rng}
	}
	for _, b := range boxes {
		if l.same(b, name) {
			list = append(list, sd.list(b)...)
		}
	}
	return list
}

// origin returns what a mailbox was called at the start.
func (l *ledger) origin(name string) string { return cmp.Or(l.names[name], name) }

// same reports whether two names are, or were, those of one mailbox.
func (l *ledger) same(a, b string) bool { return l.origin(a) == l.origin(b) }

func (l *ledger) of(id string) *deeds {
	d := l.by[id]
	if d == nil {
		d = &deeds{flags: map[string]map[int]bool{}}
		l.by[id] = d
	}
	return d
}

func (l *ledger) note(format string, args ...any) {
	l.text = append(l.text, fmt.Sprintf(format, args...))
}

// edit changes one side n times at random. It depends on nothing but rng and
// what that side holds, so that worlds that hold the same become the same.
func (l *ledger) edit(w *world, k int, sd side, boxes []string, rng *rand.Rand, n int) {
	who := [2]string{"local", "remote"}[k]
	for range n {
		box := boxes[rng.IntN(len(boxes))]
		if rng.IntN(4) == 0 {
			c := w.message()
			id := contentID(string(c))
			flags := [][]string{nil, {`\Seen`}, {`\Flagged`, `\Seen`}}[rng.IntN(3)]
			l.of(id).delivered++
			l.note("%s: deliver %s to %s %v", who, id, box, flags)
			sd.deliver(box, c, flags)
			continue
		}
		list := sd.list(box)
		slices.SortStableFunc(list, func(a, b handle) int { return strings.Compare(a.id, b.id) })
		pick, to := rng.IntN(1<<20), boxes[rng.IntN(len(boxes))]
		op, f := rng.IntN(5), flagNames()[rng.IntN(len(flagNames()))]
		if len(list) == 0 {
			continue
		}
		h := list[pick%len(list)]
		if slices.ContainsFunc(list, func(x handle) bool { return x.id == h.id && x.key != h.key }) {
			continue // which of two equal ones is meant, nobody could tell
		}
		d := l.of(h.id)
		d.touched[k] = true
		switch op {
		case 0, 1:
			on := op == 0
			if slices.Contains(h.flags, f) == on {
				continue
			}
			l.note("%s: %s of %s in %s becomes %v", who, f, h.id, box, on)
			if on {
				sd.flag(h, []string{f}, nil)
			} else {
				sd.flag(h, nil, []string{f})
			}
			if d.flags[f] == nil {
				d.flags[f] = map[int]bool{}
			}
			d.flags[f][k] = on
		case 2:
			if to != box {
				l.note("%s: move %s from %s to %s", who, h.id, box, to)
				d.movedBy[k], d.place = true, to
				sd.move(h, to)
			}
		case 3:
			if to != box {
				l.note("%s: copy %s from %s to %s", who, h.id, box, to)
				d.copied = true
				sd.copy(h, to)
			}
		case 4:
			l.note("%s: remove %s from %s", who, h.id, box)
			d.removed[k] = true
			sd.remove(h)
		}
	}
}

func flagNames() []string {
	return []string{`\Seen`, `\Flagged`, `\Answered`, `$Forwarded`, `\Deleted`}
}

// leaveOut excludes messages of which nothing is expected.
func (l *ledger) leaveOut(ids map[string]bool) { l.out = ids }

// check returns what is wrong with an outcome.
func (l *ledger) check(end snapshot) (wrong []string) {
	now := where(end)
	flagsOf := map[string]string{}
	for _, list := range end {
		for _, c := range list {
			flagsOf[contentID(c)] = c[strings.LastIndex(c, " | ")+3:]
		}
	}
	ids := map[string]bool{}
	for id := range l.start {
		ids[id] = true
	}
	for id := range l.by {
		ids[id] = true
	}
	for id := range ids {
		if l.out[id] {
			continue
		}
		d := l.by[id]
		if d == nil {
			d = &deeds{}
		}
		said, one := d.count(id, l.start[id], now[id])
		wrong = append(wrong, said...)
		if one {
			wrong = append(wrong, l.place(id, d, now[id][0])...)
			wrong = append(wrong, d.flagged(id, flagsOf[id])...)
		}
	}
	slices.Sort(wrong)
	return wrong
}

// count checks how often a message is there; one: it was and is there once.
func (d *deeds) count(id string, before, after []string) (wrong []string, one bool) {
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	gone := d.removed[local] || d.removed[onServer]
	switch want := len(before) + d.delivered; {
	case d.copied:
		if !gone && len(after) < want {
			bad("lost: %s was in %v, is in %v", id, before, after)
		}
	case gone:
		if len(after) > want {
			bad("doubled: %s was in %v, is in %v", id, before, after)
		}
		for k := range 2 {
			// What was delivered may be on its way when it is removed,
			// and a run that died may not know that it got there.
			if want == 1 && d.delivered == 0 && d.removed[k] && !d.touched[1-k] && len(after) > 0 {
				bad("came back: %s is in %v", id, after)
			}
		}
	case len(after) < want:
		bad("lost: %s was in %v, is in %v", id, before, after)
	case len(after) > want && d.delivered > 0 && d.touched != [2]bool{}:
		// the same, moved
	case len(after) > want:
		bad("doubled: %s was in %v, is in %v", id, before, after)
	default:
		return nil, want == 1
	}
	return wrong, false
}

// place checks where a message is that is there once.
func (l *ledger) place(id string, d *deeds, is string) (wrong []string) {
	switch before := l.start[id]; {
	case d.movedBy[local] && d.movedBy[onServer]:
	case d.movedBy[local] || d.movedBy[onServer]:
		if !l.same(is, d.place) {
			wrong = append(wrong, fmt.Sprintf("misplaced: %s was moved to %s and is in %s", id, d.place, is))
		}
	case len(before) == 1 && !l.same(is, before[0]):
		wrong = append(wrong, fmt.Sprintf("misplaced: %s went from %s to %s", id, before[0], is))
	}
	return wrong
}

// flagged checks the flags that one side only changed.
func (d *deeds) flagged(id, flags string) (wrong []string) {
	for f, sides := range d.flags {
		if len(sides) != 1 {
			continue
		}
		for _, on := range sides {
			if slices.Contains(strings.Fields(flags), f) != on {
				wrong = append(wrong, fmt.Sprintf("flags: %s of %s is not %v: %s", f, id, on, flags))
			}
		}
	}
	return wrong
}
