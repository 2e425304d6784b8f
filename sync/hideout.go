package sync

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// A message whose file is not where it was is removed from the server only when
// its file is nowhere else. It may be in a place that could not be looked at, or
// in one that is not synced. Each such place holds back what may be in it, and no
// more; the report says what, and exclude ends it.

// hideout is a place on disk that could not be looked at: a directory, or a file
// of which only its name and its size are known.
type hideout struct {
	name string // for people
	why  string
	base string
	size int64
}

// hideouts are those of a cycle.
type hideouts struct {
	dir    *hideout            // the first of the directories: anything may be in it
	byBase map[string]*hideout // files
	bySize []*hideout          // the same, sorted when it is asked for
	sorted bool
}

// sizeSlack is by how many bytes a file may differ from what the base says and
// still be that message: programs add lines of their own to what they save.
const sizeSlack = 1 << 10

// find returns a place where the file of a message may be; size is that on disk.
func (h *hideouts) find(base string, size int64) *hideout {
	if h.dir != nil {
		return h.dir
	}
	if f := h.byBase[base]; f != nil {
		return f
	}
	if !h.sorted {
		slices.SortFunc(h.bySize, func(a, b *hideout) int { return cmp.Or(cmp.Compare(a.size, b.size), cmp.Compare(a.name, b.name)) })
		h.sorted = true
	}
	i, _ := slices.BinarySearchFunc(h.bySize, size-sizeSlack, func(f *hideout, size int64) int { return cmp.Compare(f.size, size) })
	if i < len(h.bySize) && h.bySize[i].size <= size+sizeSlack {
		return h.bySize[i]
	}
	return nil
}

// hidesIn notes a directory that could not be looked at, and why.
func (s *session) hidesIn(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := &s.hideouts; h.dir == nil || name < h.dir.name {
		h.dir = &hideout{name: name, why: cause(err)}
	}
}

// hidesAs notes a file that could not be read, and why.
func (s *session) hidesAs(f maildir.File, size int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, o := &s.hideouts, &hideout{name: f.String(), why: cause(err), base: f.Base(), size: size}
	if h.byBase == nil {
		h.byBase = map[string]*hideout{}
	}
	if old := h.byBase[o.base]; old == nil || o.name < old.name {
		h.byBase[o.base] = o
	}
	h.bySize, h.sorted = append(h.bySize, o), false
}

// cause is what went wrong, without what was attempted.
func cause(err error) string {
	var e *mail.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	return err.Error()
}

// hiddenFile returns why the file of a message may be somewhere on disk although it
// was not seen; "" when there is no such place.
func (s *session) hiddenFile(base string, size int64) string {
	if h := s.hideouts.find(base, size); h != nil {
		return fmt.Sprintf("its file may be in %s: %s", h.name, h.why)
	}
	return ""
}

// hidesUpload reports whether the file that an interrupted upload sent may be
// somewhere on disk although it was not seen. The journal has the size of what was
// sent.
func (s *session) hidesUpload(i *state.Intent) bool {
	return s.hiddenFile(i.Base, i.Size) != "" ||
		slices.ContainsFunc(s.hideouts.bySize, func(f *hideout) bool { return mayBe(f.size, i.Size) })
}

// freezeSkipped says which directories were left out, and keeps the mailboxes as
// they are that these were: nothing is known of them or of those below.
func (s *session) freezeSkipped(skipped []maildir.Skipped) {
	skipped = slices.DeleteFunc(slices.Clone(skipped), s.leavesAlone)
	// In Maildir++ all folders are in the root, which is INBOX's: unchanged
	// since, it would not be listed again, and nothing more be said.
	s.sayAgain = len(skipped) > 0
	for _, sk := range skipped {
		was := s.freezeWithin(sk.Name)
		switch {
		case sk.Odd == maildir.Unnamed:
			s.elsewhere = appendPlace(s.elsewhere, place{dir: sk.Path, name: sk.Rel})
		case sk.Odd == maildir.Unseen, sk.Odd == maildir.Nowhere && was, sk.Odd == maildir.Closed && was:
			s.hidesIn(sk.Rel, sk.Err)
		}
		if was || sk.Odd == maildir.Unseen || sk.Odd == maildir.Nowhere || sk.Odd == maildir.Unnamed {
			s.rep.problem(sk.Name, sk.Path, sk.Err)
		} else {
			s.rep.notice("%v", sk.Err)
		}
	}
}

// leavesAlone reports whether the configuration says of a directory that it is no
// matter of ours, by the name of its mailbox or by its own.
func (s *session) leavesAlone(sk maildir.Skipped) bool {
	return sk.Name != "" && !s.wanted(sk.Name) ||
		s.excludes(sk.Rel)
}

// freezeWithin keeps a mailbox and those below it as they are, and reports
// whether the base has any of them.
func (s *session) freezeWithin(name string) (was bool) {
	if name == "" {
		return false
	}
	for _, n := range s.names {
		if mb := s.mailboxes[n]; mail.Within(n, name) {
			mb.blindLocal = true
			was = was || mb.row != nil
		}
	}
	return was
}

// halfFolder leaves out a directory with only one of cur and new that was never a
// mailbox: a project may have a directory called new.
func (s *session) halfFolder(f *maildir.Folder, known bool) bool {
	if known || f.Cur == f.New {
		return false
	}
	has, lacks := "cur", "new"
	if f.New {
		has, lacks = lacks, has
	}
	s.halves = append(s.halves, f.Name)
	s.rep.notice("the directory %s has %s and no %s, so it is no mailbox and is left alone", f.Name, has, lacks)
	return true
}

// notHeld reports whether nothing holds the message back yet.
func (m *message) notHeld() bool { return m.item.Held == "" }

// holdAll holds back those of the messages that are not yet.
func holdAll(list []*message, why string) {
	for _, m := range list {
		if m.notHeld() {
			m.item.Held = why
		}
	}
}

// someMailboxes is how many mailboxes a sentence names.
const someMailboxes = 4

// sayHeld says what was held back: how many messages of which mailboxes, by
// reason.
func (s *session) sayHeld(p *plan.Plan) {
	if len(p.Held) == 0 {
		return
	}
	counts := map[string]map[string]int{}
	for _, h := range p.Held {
		why := h.Item.Held
		if counts[why] == nil {
			counts[why] = map[string]int{}
		}
		counts[why][h.Mailbox]++
		if s.req.DryRun {
			s.rep.Held = append(s.rep.Held, HeldBack{operation(&h).Group(), why, h.String() + ": " + why})
		}
	}
	for _, why := range slices.Sorted(maps.Keys(counts)) {
		var where []string
		names, total := slices.Sorted(maps.Keys(counts[why])), 0
		for i, name := range names {
			if total += counts[why][name]; i < someMailboxes {
				where = append(where, fmt.Sprintf("%s (%d)", name, counts[why][name]))
			}
		}
		switch n := len(names) - len(where); {
		case n == 1:
			where = append(where, "and 1 more mailbox")
		case n > 1:
			where = append(where, fmt.Sprintf("and %d more mailboxes", n))
		}
		s.rep.problem(names[0], "", &mail.Error{Op: "remove from the server what is missing of " + strings.Join(where, ", "), Kind: mail.KindMessage,
			Err:  fmt.Errorf("messages stay there: %d; %s", total, why),
			Hint: "move the files back, or let the place where they are be synced; make readable what cannot be read, or exclude it where it is a directory; to remove the messages, remove them on the server"})
	}
}
