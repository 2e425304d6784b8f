package resync

import (
	"cmp"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// maxInterned bounds the cache of flag lists of one mailbox.
const maxInterned = 1024

// Collector gathers FETCH responses. A later response about the same message
// replaces what it says again.
type Collector struct {
	FirstNew mail.UID
	last     mail.UID    // what is beyond is left for later; 0: nothing is
	ours     mail.UIDSet // from FirstNew on, and not new
	highest  mail.UID
	flags    []MessageFlags
	fresh    []NewMessage
	named    []MessageName
	unsorted bool // flags hold a UID twice, or out of order
	// at are the places of the new messages in fresh, once they came out of order.
	at map[mail.UID]int
	// most is how many messages may be kept; nil: any number. excess: more came.
	most   func() int
	excess bool

	// base is what the caller knows, and same those whose flags are as known.
	base *FlagRuns
	same mail.UIDSet
	seen mail.UID // the highest one compared so far

	// interned spares work and memory: a mailbox has thousands of messages
	// and a handful of different flag lists.
	interned map[string]mail.Flags
}

func (co *Collector) reset() {
	co.flags, co.fresh, co.named, co.highest, co.unsorted = nil, nil, nil, 0, false
	co.at, co.excess = nil, false
	co.same, co.seen = nil, 0
}

// Take reads a FETCH response.
func (co *Collector) Take(f *wire.Fetch) {
	if len(f.Flags) > maxFlagList || len(f.EmailID) > maxID {
		return // no message has that; what it has is not known
	}
	if f.UID >= co.FirstNew {
		ours := co.ours.Contains(f.UID)
		if co.last != 0 && f.UID > co.last {
			if ours {
				co.takeName(f) // it was asked for by its UID, which no window bounds
			}
			return
		}
		if id, told := wire.MessageIDOf(f); told {
			co.takeID(f.UID, id)
			if !f.HasFlags {
				return
			}
		}
		co.highest = max(co.highest, f.UID)
		if !ours || f.HasSize && f.HasFlags {
			co.takeNew(f)
			return
		}
		co.takeName(f)
	}
	if !f.HasFlags {
		return
	}
	flags := co.Parse(f.Flags)
	if co.base != nil && f.UID > co.seen {
		// One that is told twice is kept, since the last answer counts.
		co.seen = f.UID
		if was, known := co.base.find(f.UID); known && was == flags {
			co.same = mail.AppendUID(co.same, f.UID)
			return
		}
	}
	if n := len(co.flags); n > 0 && co.flags[n-1].UID >= f.UID {
		co.unsorted = true
	}
	if !co.roomForFlags() {
		return
	}
	co.flags = append(co.flags, MessageFlags{UID: f.UID, Flags: flags, ModSeq: f.ModSeq})
}

// takeName notes what was asked for about a message of ours.
func (co *Collector) takeName(f *wire.Fetch) {
	if (len(f.EmailID) > 0 || f.HasSize) && co.hasRoom(len(co.named)) {
		co.named = append(co.named, MessageName{UID: f.UID, EmailID: string(f.EmailID), Size: f.Size, HasSize: f.HasSize})
	}
}

// takeID notes the Message-ID of a message that was listed before.
func (co *Collector) takeID(uid mail.UID, id string) {
	if i, found := co.find(uid); found {
		co.fresh[i].MessageID, co.fresh[i].HasMessageID = id, true
	}
}

func (co *Collector) takeNew(f *wire.Fetch) {
	m := NewMessage{UID: f.UID, ModSeq: f.ModSeq, EmailID: string(f.EmailID)}
	if f.HasFlags {
		m.Flags = co.Parse(f.Flags)
	}
	if f.HasSize {
		m.Size, m.Date, m.HasMeta = f.Size, f.Date, true
	}
	n := len(co.fresh)
	if n > 0 && co.fresh[n-1].UID == f.UID {
		merge(&co.fresh[n-1], m, f.HasFlags)
		return
	}
	if i, found := co.find(f.UID); found {
		merge(&co.fresh[i], m, f.HasFlags)
		return
	}
	if !co.hasRoom(n) {
		return
	}
	if n > 0 && co.fresh[n-1].UID > f.UID && co.at == nil {
		co.at = make(map[mail.UID]int, n+1)
		for i, m := range co.fresh {
			co.at[m.UID] = i
		}
	}
	if co.at != nil {
		co.at[f.UID] = n
	}
	co.fresh = append(co.fresh, m)
}

// hasRoom reports whether one more may be kept beside n others.
func (co *Collector) hasRoom(n int) bool {
	if co.most != nil && n >= co.most() {
		co.excess = true
		return false
	}
	return true
}

// roomForFlags is hasRoom for flags, which some servers tell several times.
func (co *Collector) roomForFlags() bool {
	if co.most == nil || len(co.flags) < 2*co.most() {
		return true
	}
	co.settleFlags()
	return co.hasRoom(len(co.flags))
}

// find searches the new messages, which are sorted unless there is an index.
func (co *Collector) find(uid mail.UID) (int, bool) {
	if co.at != nil {
		i, found := co.at[uid]
		return i, found
	}
	if n := len(co.fresh); n == 0 || co.fresh[n-1].UID < uid {
		return n, false // the usual case: servers answer in ascending order
	}
	return slices.BinarySearchFunc(co.fresh, uid, func(m NewMessage, u mail.UID) int {
		switch {
		case m.UID < u:
			return -1
		case m.UID > u:
			return 1
		}
		return 0
	})
}

func merge(old *NewMessage, m NewMessage, hasFlags bool) {
	if hasFlags {
		old.Flags = m.Flags
	}
	old.ModSeq = max(old.ModSeq, m.ModSeq)
	if m.HasMeta {
		old.Size, old.Date, old.HasMeta = m.Size, m.Date, true
	}
	if m.EmailID != "" {
		old.EmailID = m.EmailID
	}
}

// Parse reads a list of flags.
func (co *Collector) Parse(list []byte) mail.Flags {
	if len(list) == 0 {
		return mail.Flags{}
	}
	if f, ok := co.interned[string(list)]; ok {
		return f
	}
	f := mail.NewFlags(wire.ParseWords(list)...)
	if co.interned == nil {
		co.interned = map[string]mail.Flags{}
	}
	if len(co.interned) < maxInterned {
		co.interned[string(list)] = f
	}
	return f
}

// Listed returns the new messages, sorted.
func (co *Collector) Listed() []NewMessage {
	if co.at != nil {
		slices.SortFunc(co.fresh, func(a, b NewMessage) int { return cmp.Compare(a.UID, b.UID) })
		co.at = nil
	}
	return co.fresh
}

// result moves what was gathered into ch: sorted, each message once, as it
// was told last.
func (co *Collector) result(ch *Changes) {
	co.settleFlags()
	ch.Flags, ch.New, ch.Named = co.flags, co.Listed(), co.named
}

// settleFlags sorts the flags and keeps those that were told last.
func (co *Collector) settleFlags() {
	if co.unsorted {
		slices.SortStableFunc(co.flags, func(a, b MessageFlags) int {
			switch {
			case a.UID < b.UID:
				return -1
			case a.UID > b.UID:
				return 1
			}
			return 0
		})
		last := co.flags[:0]
		for i, f := range co.flags {
			if i+1 < len(co.flags) && co.flags[i+1].UID == f.UID {
				continue
			}
			last = append(last, f)
		}
		co.flags, co.unsorted = last, false
	}
}
