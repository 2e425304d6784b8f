package imaptest

import (
	"cmp"
	"slices"
	"time"
)

// mailbox holds messages by ascending UID. All of it is guarded by the lock of the server.
type mailbox struct {
	name        string // decoded
	id          string // MAILBOXID
	uidValidity uint32
	uidNext     uint32
	firstRecent uint32 // messages from this UID on were not yet announced to a session that selected the mailbox
	modSeq      uint64 // the highest of the mailbox
	msgs        []*message
	keywords    []string
	readOnly    bool
	permanent   []string // what PERMANENTFLAGS says here, as by an ACL; nil: as everywhere
	drops       []string // flags that are dropped without a word, whatever PERMANENTFLAGS says
	noModSeq    bool
	specialUse  string

	expunged []expunge // ascending mod-sequences
	forgot   uint64    // expunges up to this mod-sequence are forgotten; 0 means none are

	selections map[*selection]struct{}
	gmail      *gmail // nil: an ordinary mailbox
}

type message struct {
	uid     uint32
	flags   flagSet
	modSeq  uint64
	date    time.Time
	content *content
}

// content never changes and is shared by all copies of a message.
type content struct {
	data []byte
	id   string // EMAILID
}

type expunge struct {
	uid    uint32
	modSeq uint64
}

// find returns the index of a UID, or that of the next higher one.
func (b *mailbox) find(uid uint32) (int, bool) {
	return slices.BinarySearchFunc(b.msgs, uid, func(m *message, uid uint32) int { return cmp.Compare(m.uid, uid) })
}

func (b *mailbox) get(uid uint32) *message {
	if i, ok := b.find(uid); ok {
		return b.msgs[i]
	}
	return nil
}

// in returns the messages whose UID is in the set.
func (b *mailbox) in(set numSet) []*message {
	var found []*message
	for _, r := range set {
		i, _ := b.find(r.lo)
		for ; i < len(b.msgs) && b.msgs[i].uid <= r.hi; i++ {
			found = append(found, b.msgs[i])
		}
	}
	return found
}

// add appends a message. Each gets its own mod-sequence, higher than any before it.
func (b *mailbox) add(flags flagSet, date time.Time, body *content) *message {
	b.modSeq++
	m := &message{uid: b.uidNext, flags: flags, modSeq: b.modSeq, date: date.Truncate(time.Second), content: body}
	b.uidNext++
	b.msgs = append(b.msgs, m)
	for sel := range b.selections {
		sel.arrived = append(sel.arrived, m.uid)
		sel.wake()
	}
	return m
}

// setFlags changes the flags of messages, all with one new mod-sequence. What changes nothing leaves the
// mod-sequence alone. by is the session that tells its own client itself; nil tells all of them.
func (b *mailbox) setFlags(msgs []*message, change func(flagSet) flagSet, by *selection) {
	bumped := false
	var changed []*message
	for _, m := range msgs {
		flags := change(m.flags)
		if flags == m.flags {
			continue
		}
		if b.gmail != nil {
			changed = append(changed, m)
		}
		if !bumped {
			b.modSeq++
			bumped = true
		}
		m.flags, m.modSeq = flags, b.modSeq
		for sel := range b.selections {
			if sel != by {
				sel.changed[m.uid] = struct{}{}
				sel.wake()
			}
		}
	}
	if b.gmail != nil {
		b.gmail.flagsChanged(b, changed)
	}
}

// remove expunges messages, given by ascending UID, with one new mod-sequence for all.
func (b *mailbox) remove(uids []uint32) (removed []uint32) {
	for _, uid := range uids {
		if b.get(uid) != nil && (len(removed) == 0 || removed[len(removed)-1] != uid) {
			removed = append(removed, uid)
		}
	}
	if len(removed) == 0 {
		return nil
	}
	b.modSeq++
	for _, uid := range removed {
		b.expunged = append(b.expunged, expunge{uid, b.modSeq})
	}
	next := 0
	first, _ := b.find(removed[0])
	kept := b.msgs[:first]
	for _, m := range b.msgs[first:] {
		if next < len(removed) && removed[next] == m.uid {
			next++
			continue
		}
		kept = append(kept, m)
	}
	clear(b.msgs[len(kept):])
	b.msgs = kept
	for sel := range b.selections {
		sel.removed = append(sel.removed, removed...)
		sel.wake()
	}
	return removed
}

// vanishedSince lists the UIDs of a set that were expunged after a mod-sequence. When the mailbox has forgotten expunges
// of that time, all UIDs without a message count, RFC 7162 §3.2.6.
func (b *mailbox) vanishedSince(modSeq uint64, set numSet) []uint32 {
	var gone []uint32
	if modSeq < b.forgot {
		for _, r := range set {
			i, _ := b.find(r.lo)
			for uid := uint64(r.lo); uid <= uint64(r.hi) && uid < uint64(b.uidNext); uid++ {
				if i < len(b.msgs) && uint64(b.msgs[i].uid) == uid {
					i++
					continue
				}
				gone = append(gone, uint32(uid))
			}
		}
		return gone
	}
	i, _ := slices.BinarySearchFunc(b.expunged, modSeq+1, func(e expunge, m uint64) int { return cmp.Compare(e.modSeq, m) })
	for _, e := range b.expunged[i:] {
		if set.contains(e.uid) {
			gone = append(gone, e.uid)
		}
	}
	slices.Sort(gone)
	return gone
}

// renumber gives the mailbox a new UIDVALIDITY. Its sessions cannot go on, RFC 3501 §2.3.1.1.
func (b *mailbox) renumber(validity, firstUID uint32) {
	b.uidValidity = validity
	b.modSeq++
	uid := firstUID
	for _, m := range b.msgs {
		m.uid, m.modSeq = uid, b.modSeq
		uid++
	}
	b.uidNext, b.firstRecent = uid, uid
	b.expunged, b.forgot = nil, 0
	b.end()
}

// end tells all sessions that the mailbox they know is no more.
func (b *mailbox) end() {
	for sel := range b.selections {
		sel.ended = true
		sel.wake()
	}
}
