package imaptest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// store is the tree of mailboxes. A level without a mailbox of its own, above one that has, exists only in LIST.
type store struct {
	delim        string
	boxes        map[string]*mailbox
	subscribed   map[string]bool
	lastValidity uint32 // a mailbox created again under its old name must get a higher one, RFC 3501 §2.3.1.1
	lastBox      int
	lastMail     int
	voidUIDs     bool   // RENAME gives a new UIDVALIDITY
	gmail        *gmail // nil: an ordinary server
}

// storeError is a refusal, in the words of the tagged reply.
type storeError string

func (e storeError) Error() string { return string(e) }

const (
	errNonexistent = storeError("NO [NONEXISTENT] Mailbox does not exist")
	errTryCreate   = storeError("NO [TRYCREATE] Mailbox does not exist")
	errExists      = storeError("NO [ALREADYEXISTS] Mailbox already exists")
	errInbox       = storeError("NO [CANNOT] INBOX cannot be deleted")
	errBadName     = storeError("NO [CANNOT] Invalid mailbox name")
	errReadOnly    = storeError("NO [NOPERM] Mailbox is read-only")
	errKeywords    = storeError("NO [LIMIT] Too many keywords in mailbox")
	errHasChildren = storeError("NO [CANNOT] Name has inferior names and no mailbox of its own")
)

func newStore(delim string) store {
	st := store{delim: delim, boxes: make(map[string]*mailbox), subscribed: make(map[string]bool)}
	_, _ = st.create("INBOX")
	return st
}

// canonical gives INBOX, and a prefix made of it, the one spelling under which they are stored.
func (s *Server) canonical(name string) string {
	if s.opts.Spell != nil {
		name = s.opts.Spell(name)
	}
	if strings.EqualFold(name, "INBOX") {
		return "INBOX"
	}
	if p := s.opts.Prefix; p != "" && len(name) >= len(p) && strings.EqualFold(name[:len(p)], p) {
		return p + name[len(p):]
	}
	return name
}

// names lists the mailboxes in order.
func (st *store) names() []string { return slices.Sorted(maps.Keys(st.boxes)) }

func (st *store) validName(name string) bool {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return false
	}
	return !slices.Contains(strings.Split(name, st.delim), "")
}

func (st *store) create(name string) (*mailbox, error) {
	if !st.validName(name) {
		return nil, errBadName
	}
	if st.boxes[name] != nil {
		return nil, errExists
	}
	st.lastValidity++
	st.lastBox++
	box := &mailbox{
		name: name, id: fmt.Sprintf("F%06d", st.lastBox), uidValidity: st.lastValidity, uidNext: 1, firstRecent: 1, modSeq: 1,
		selections: make(map[*selection]struct{}), gmail: st.gmail,
	}
	st.boxes[name] = box
	return box, nil
}

func (st *store) get(name string) (*mailbox, error) {
	if box := st.boxes[name]; box != nil {
		return box, nil
	}
	return nil, errNonexistent
}

// hasChildren reports whether there is a mailbox below a name.
func (st *store) hasChildren(name string) bool {
	for other := range st.boxes {
		if strings.HasPrefix(other, name+st.delim) {
			return true
		}
	}
	return false
}

// remove deletes a mailbox but not those below it, whose level stays in LIST as RFC 3501 §6.3.4 wants.
func (st *store) remove(name string) error {
	box := st.boxes[name]
	switch {
	case name == "INBOX":
		return errInbox
	case box == nil && st.hasChildren(name):
		return errHasChildren
	case box == nil:
		return errNonexistent
	}
	delete(st.boxes, name)
	box.end()
	return nil
}

// rename moves a mailbox and all below it; UIDVALIDITY, UIDs and MAILBOXID stay. INBOX stays too: its messages move
// to a new mailbox, RFC 3501 §6.3.5.
func (st *store) rename(from, to string) error {
	if !st.validName(to) || strings.HasPrefix(to, from+st.delim) && from != "INBOX" {
		return errBadName
	}
	if st.boxes[to] != nil || to == from {
		return errExists
	}
	if from == "INBOX" {
		return st.renameInbox(to)
	}
	moved := make(map[string]*mailbox)
	for name, box := range st.boxes {
		if name == from || strings.HasPrefix(name, from+st.delim) {
			moved[name] = box
		}
	}
	if len(moved) == 0 {
		return errNonexistent
	}
	for name := range moved {
		if target := to + name[len(from):]; st.boxes[target] != nil {
			return errExists
		}
	}
	for name, box := range moved {
		delete(st.boxes, name)
		box.name = to + name[len(from):]
	}
	for _, box := range moved {
		st.boxes[box.name] = box
		if st.voidUIDs {
			st.lastValidity++
			box.renumber(st.lastValidity, 1)
		}
	}
	return nil
}

func (st *store) renameInbox(to string) error {
	dst, err := st.create(to)
	if err != nil {
		return err
	}
	inbox := st.boxes["INBOX"]
	msgs := slices.Clone(inbox.msgs)
	if _, err := st.copy(inbox, msgs, dst); err != nil {
		return err
	}
	inbox.remove(uidsOf(msgs))
	return nil
}

// newMail wraps content that enters the store for the first time.
func (st *store) newMail(data []byte) *content {
	st.lastMail++
	return &content{data: data, id: fmt.Sprintf("M%08d", st.lastMail)}
}

// append stores a new message. The content is not copied.
func (st *store) append(box *mailbox, flags []string, date time.Time, data []byte) (*message, error) {
	set, ok := box.set(flags)
	if !ok {
		return nil, errKeywords
	}
	if st.gmail != nil {
		return st.gmail.append(box, set, date, data), nil
	}
	return box.add(set, date, st.newMail(data)), nil
}

// copy adds messages of one mailbox to another, with flags, date and content.
func (st *store) copy(from *mailbox, msgs []*message, to *mailbox) ([]uint32, error) {
	sets := make(map[flagSet]flagSet) // there are few different sets of flags, so each is translated once
	for _, m := range msgs {
		if _, done := sets[m.flags]; done {
			continue
		}
		names := from.names(m.flags)
		if to.permanent != nil || to.drops != nil {
			perm := to.permanent
			if perm == nil {
				perm = names
			}
			names = to.kept(names, perm)
		}
		set, ok := to.set(names)
		if !ok {
			return nil, errKeywords
		}
		sets[m.flags] = set
	}
	uids := make([]uint32, 0, len(msgs))
	for _, m := range msgs {
		if st.gmail != nil {
			uids = append(uids, st.gmail.label(to, nil, m.date, m.content).uid)
			continue
		}
		uids = append(uids, to.add(sets[m.flags], m.date, m.content).uid)
	}
	return uids, nil
}

func uidsOf(msgs []*message) []uint32 {
	uids := make([]uint32, len(msgs))
	for i, m := range msgs {
		uids[i] = m.uid
	}
	return uids
}
