package remote

import (
	"slices"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// maxInterned bounds the cache of flag lists of one mailbox.
const maxInterned = 1024

// collector gathers FETCH responses. A later response about the same message
// replaces what it says again.
type collector struct {
	firstNew mail.UID
	last     mail.UID    // what is beyond is left for later; 0: nothing is
	ours     mail.UIDSet // from firstNew on, and not new
	highest  mail.UID
	flags    []MessageFlags
	fresh    []NewMessage
	named    []MessageName
	unsorted bool // flags or fresh hold a UID twice, or out of order

	// base is what the caller knows, and same those whose flags are as known.
	base *FlagRuns
	same mail.UIDSet
	seen mail.UID // the highest one compared so far

	// interned spares work and memory: a mailbox has thousands of messages
	// and a handful of different flag lists.
	interned map[string]mail.Flags
}

func (co *collector) reset() {
	co.flags, co.fresh, co.named, co.highest, co.unsorted = nil, nil, nil, 0, false
	co.same, co.seen = nil, 0
}

func (co *collector) take(f *wire.Fetch) {
	if f.UID >= co.firstNew {
		if co.last != 0 && f.UID > co.last {
			return
		}
		if id, told := messageIDOf(f); told {
			co.takeID(f.UID, id)
			if !f.HasFlags {
				return
			}
		}
		co.highest = max(co.highest, f.UID)
		ours := co.ours.Contains(f.UID)
		if !ours || f.HasSize && f.HasFlags {
			co.takeNew(f)
			return
		}
		if len(f.EmailID) > 0 || f.HasSize {
			co.named = append(co.named, MessageName{UID: f.UID, EmailID: string(f.EmailID), Size: f.Size, HasSize: f.HasSize})
		}
	}
	if !f.HasFlags {
		return
	}
	flags := co.parse(f.Flags)
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
	co.flags = append(co.flags, MessageFlags{UID: f.UID, Flags: flags, ModSeq: f.ModSeq})
}

// takeID notes the Message-ID of a message that was listed before.
func (co *collector) takeID(uid mail.UID, id string) {
	if i, found := co.find(uid); found {
		co.fresh[i].MessageID, co.fresh[i].HasMessageID = id, true
	}
}

func (co *collector) takeNew(f *wire.Fetch) {
	m := NewMessage{UID: f.UID, ModSeq: f.ModSeq, EmailID: string(f.EmailID)}
	if f.HasFlags {
		m.Flags = co.parse(f.Flags)
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
	if n > 0 && co.fresh[n-1].UID > f.UID {
		i, _ := co.find(f.UID)
		co.fresh = slices.Insert(co.fresh, i, m)
		return
	}
	co.fresh = append(co.fresh, m)
}

// find searches the new messages, which are kept sorted.
func (co *collector) find(uid mail.UID) (int, bool) {
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

func (co *collector) parse(list []byte) mail.Flags {
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

// result moves what was gathered into ch: sorted, each message once, as it
// was told last.
func (co *collector) result(ch *Changes) {
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
		co.flags = last
	}
	ch.Flags, ch.New, ch.Named = co.flags, co.fresh, co.named
}
