package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Side is one half of the account.
type Side int

// The sides.
const (
	Server Side = iota
	Disk
)

func (s Side) String() string { return [...]string{"server", "disk"}[s] }

func (s Side) other() Side { return 1 - s }

// token is what the oracle knows of one message, in all its copies. The
// content of each message holds the number of its token.
type token struct {
	n       int
	content []byte // server form, as it was made
	date    time.Time
	// most is how many there may be. A message that was removed may come
	// back, so removals do not lower it; they lower what there must be.
	most, removals int
	// least is how many there were when nobody had removed any.
	least   int
	resent  int       // how often it may have gone up again since the last agreement, because a replica did not show it
	came    string    // the mailbox of the server that it came to while the present run went on
	deleted bool      // that run deleted the mailbox
	copied  bool      // dates of copies are the copying program's
	saved   bool      // a program wrote it into another file since the last agreement
	took    [2]bool   // by side: one of it was removed there since then
	half    int       // how much of content was written first; 0: all
	halfAt  time.Time // when that was
	halved  bool      // that half may stay, beside the whole or without it
	excused string    // why its place and flags are nobody's law until the next agreement; empty: they are
	// voided: its UIDs became void since the last agreement. What was removed
	// then may come back, and a flag that was cleared be set again, since
	// nothing proves that they are changes.
	voided bool
	// unread: its letters stand for keywords of which no run can know. undone are the
	// flags that a side had set before it removed the message, or cleared while a run moved it.
	unread bool
	undone map[string]bool

	base   []string        // mailboxes at the last agreement, sorted
	flags  map[string]bool // at the last agreement, of a message that is there once
	known  bool            // it took part in an agreement
	touch  [2]bool         // since then, by side
	places [2][]string     // where a side that touched it wants it
	left   [2][]string     // mailboxes that a side took it out of since then
	homes  []string        // mailboxes that the disk took it out of since then, also those that a run had brought it to
	unseen [2]bool         // a side moved it out of a mailbox that was left out, where no run saw it go
	hidden bool            // the server moved it into such a mailbox
	away   bool            // the disk did
	when   [2][2]int       // by side, before which run it touched it first and last
	set    [2]map[string]bool
}

// model is everything that people did.
type model struct {
	tokens map[int]*token
	last   int
	// unstable are mailboxes that a side renamed, removed or made anew since
	// the last agreement.
	unstable [2]map[string]bool
	// renames are those of each side since then, in their order.
	renames [2][]renamed
	trash   bool // removals on disk become moves
	runs    int  // how many there were
	during  bool // one is at work
}

func newModel() *model {
	return &model{tokens: map[int]*token{}, unstable: [2]map[string]bool{{}, {}}}
}

func (m *model) sorted() []*token {
	all := slices.Collect(maps.Values(m.tokens))
	slices.SortFunc(all, func(a, b *token) int { return a.n - b.n })
	return all
}

// begin returns the token with what a side wants of it, for a change.
func (m *model) begin(s Side, n int) *token {
	t := m.tokens[n]
	if t == nil { // a foreign message; laws.go complains about it
		t = &token{n: n, set: [2]map[string]bool{{}, {}}, flags: map[string]bool{}}
		m.tokens[n] = t
	}
	if !t.touch[s] {
		t.touch[s] = true
		t.places[s] = slices.Clone(t.base)
		t.when[s][0] = m.runs
	}
	t.when[s][1] = m.runs
	if m.during {
		t.when[s][1] = -1 // before and behind it
	}
	return t
}

// made notes a message that a side has got.
func (m *model) made(s Side, n int, box string, flags []string) {
	t := m.begin(s, n)
	t.most++
	if t.most == 1 || s == Server && !t.touch[Disk] || s == Disk && !t.touch[Server] {
		t.least++
	}
	t.places[s] = append(t.places[s], box)
	if len(t.places[s]) == 1 {
		for _, f := range flags {
			t.set[s][f] = true
		}
	}
}

func (m *model) copiedTo(s Side, n int, box string) {
	t := m.begin(s, n)
	t.most++
	t.copied = true
	t.places[s] = append(t.places[s], box)
}

func (m *model) removed(s Side, n int, box string) {
	t := m.begin(s, n)
	t.removals++
	t.took[s] = true
	t.leave(s, box)
	// What was set there went with it, unless a run saw it before.
	if t.unseen == [2]bool{} {
		t.undone = map[string]bool{}
	}
	maps.Copy(t.undone, t.set[s])
	t.set[s] = map[string]bool{}
	if s == Disk && m.trash {
		t.excused = "went to the trash"
	}
}

func (m *model) moved(s Side, n int, from, to string) {
	t := m.begin(s, n)
	t.leave(s, from)
	t.places[s] = append(t.places[s], to)
}

// unreadable notes that the letters of a message lost their meaning before any run
// could read them.
func (m *model) unreadable(s Side, n int) { m.begin(s, n).unread = true }

// meaningless reports whether no run can know what the letter of a flag means. None
// does of what was moved here to where no run looks, and removed there: that is gone from
// both sides, and the letters of a file that comes to a folder say nothing there.
func (t *token) meaningless(flag string) bool {
	return keyword(flag) && (t.unread || t.away && (t.took[Server] || t.hidden))
}

// undo notes that a flag may be as it was or as a side set it.
func (t *token) undo(flag string) {
	if t.undone == nil {
		t.undone = map[string]bool{}
	}
	t.undone[flag] = true
}

func (t *token) leave(s Side, box string) {
	if i := slices.Index(t.places[s], box); i >= 0 {
		t.places[s] = slices.Delete(t.places[s], i, i+1)
		t.left[s] = append(t.left[s], box)
	}
	if s == Disk {
		t.homes = append(t.homes, box)
	}
}

func (m *model) flagged(s Side, n int, flag string, on bool) {
	m.begin(s, n).set[s][flag] = on
}

// renamed is a mailbox that got another name, with those below it.
type renamed struct{ from, to string }

// calledBefore returns what a mailbox was called at the last agreement, as far as a side
// gave it other names since. One that was made where another one was is no older.
func (m *model) calledBefore(s Side, box string) string {
	for _, r := range slices.Backward(m.renames[s]) {
		if box == r.from || strings.HasPrefix(box, r.from+"/") {
			return box
		}
		if box == r.to || strings.HasPrefix(box, r.to+"/") {
			box = r.from + box[len(r.to):]
		}
	}
	return box
}

// disturbed notes mailboxes of which a side changed the identity.
func (m *model) disturbed(s Side, boxes ...string) {
	for _, b := range boxes {
		m.unstable[s][b] = true
	}
}

// voids notes that the UIDs of a mailbox, whatever it was called at the last agreement,
// and of those below it, are void.
func (m *model) voids(box string) {
	in := func(name string) bool { return name == box || strings.HasPrefix(name, box+"/") }
	before := m.calledBefore(Server, box)
	for _, t := range m.tokens {
		boxes := slices.Concat(t.base, t.places[Server], t.places[Disk], t.left[Server], t.left[Disk])
		if slices.Contains(t.base, before) || slices.ContainsFunc(boxes, in) {
			t.voided = true
		}
		// What a run may have seen where it is no more may come back from there.
		t.left[Server] = slices.DeleteFunc(t.left[Server], func(box string) bool {
			if in(box) {
				t.most++
			}
			return in(box)
		})
	}
}

// dropped notes that a side removed a mailbox, with what was in it. Whether
// that removes its messages on the other side is a matter of policy. What left it
// earlier without being seen elsewhere went with it, for what a run sees.
func (m *model) dropped(s Side, box string) {
	m.disturbed(s, box)
	names := []string{box, m.calledBefore(s, box)}
	in := func(list []string) bool {
		return slices.ContainsFunc(list, func(b string) bool { return slices.Contains(names, b) })
	}
	for _, t := range m.tokens {
		if in(t.base) || slices.Contains(t.places[s], box) || (t.took[s] || t.unseen[s]) && in(t.left[s]) {
			t.excused = "its mailbox was removed"
		}
	}
}

// stable reports whether no side but s changed what the mailboxes are.
func (m *model) stable(s Side, boxes []string) bool {
	for _, b := range boxes {
		for name := range m.unstable[s.other()] {
			if b == name || strings.HasPrefix(b, name+"/") || strings.HasPrefix(name, b+"/") {
				return false
			}
		}
	}
	return true
}

// excuseAll drops the laws of place and flags until the next agreement; those
// of number stay.
func (m *model) excuseAll(why string) {
	for _, t := range m.tokens {
		t.excused = why
	}
}

// allow raises what may be there of some messages to what both sides hold together,
// where the past was lost: a move that no run had seen may become a copy. only nil: of all.
func (m *model) allow(server, disk snapshot, only map[int]bool) {
	union := map[int]int{}
	boxes := map[string]bool{}
	for b := range server {
		boxes[b] = true
	}
	for b := range disk {
		boxes[b] = true
	}
	for b := range boxes {
		count := map[int][2]int{}
		for _, msg := range server[b] {
			c := count[msg.token]
			c[0]++
			count[msg.token] = c
		}
		for _, msg := range disk[b] {
			c := count[msg.token]
			c[1]++
			count[msg.token] = c
		}
		for n, c := range count {
			union[n] += max(c[0], c[1])
		}
	}
	for n, most := range union {
		if t := m.tokens[n]; t != nil && most > t.most && (only == nil || only[n]) {
			t.most = most
		}
	}
}

// agreed makes what both sides hold the base of what follows.
func (m *model) agreed(s snapshot) {
	where, flags := s.where(), map[int][]string{}
	for _, list := range s {
		for _, msg := range list {
			flags[msg.token] = msg.flags
		}
	}
	for n, t := range m.tokens {
		t.base, t.known = where[n], true
		t.flags = map[string]bool{}
		for _, f := range flags[n] {
			t.flags[f] = true
		}
		t.touch, t.took, t.places, t.left, t.when, t.set = [2]bool{}, [2]bool{}, [2][]string{}, [2][]string{}, [2][2]int{}, [2]map[string]bool{{}, {}}
		t.excused, t.voided, t.saved, t.unread, t.undone, t.homes = "", false, false, false, nil, nil
		t.unseen, t.hidden, t.away = [2]bool{}, false, false
		// A removal was carried out or overruled; what is there is what must stay.
		t.most, t.least, t.removals, t.resent = len(where[n]), len(where[n]), 0, 0
	}
	m.unstable = [2]map[string]bool{{}, {}}
	m.renames = [2][]renamed{}
}

// seen is one message on one side.
type seen struct {
	token int
	flags []string // sorted, without \Recent
}

// snapshot is what a side holds, by mailbox.
type snapshot map[string][]seen

// where is the mailboxes of each token, sorted.
func (s snapshot) where() map[int][]string {
	m := map[int][]string{}
	for _, box := range slices.Sorted(maps.Keys(s)) {
		for _, msg := range s[box] {
			m[msg.token] = append(m[msg.token], box)
		}
	}
	return m
}

func (s snapshot) lines(box string) []string {
	var all []string
	for _, msg := range s[box] {
		all = append(all, fmt.Sprintf("%d %s", msg.token, strings.Join(msg.flags, " ")))
	}
	slices.Sort(all)
	return all
}
