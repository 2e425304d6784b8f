package resync

import (
	"cmp"
	"math"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// maxSet bounds a set of UIDs within a command, in bytes.
const maxSet = 4000

// knownParam is the third parameter of QRESYNC, with a space in front: the UIDs
// about which changes and expunges are to be told (RFC 7162 §3.2.5.2). It is
// empty when nothing is known, or too much to be named.
func (in *Inquiry) knownParam() string {
	set := slices.Clone(in.Req.Held)
	if first := in.firstNew(); first > 1 {
		set = append(set, mail.UIDRange{Start: 1, Stop: first - 1})
	}
	if len(set) == 0 {
		return ""
	}
	sets := wire.FormatSets(mail.MergeUIDs(set), maxSet)
	if len(sets) != 1 {
		return ""
	}
	return " " + sets[0]
}

// newUIDs is the set of UIDs to be listed as new: all from the first one on
// but ours.
func (in *Inquiry) newUIDs() string {
	var set mail.UIDSet
	first, last := in.firstNew(), cmp.Or(in.Req.Last, math.MaxUint32)
	next := uint64(first)
	for _, r := range in.Req.Ours {
		if r.Start > last {
			break
		}
		if uint64(r.Start) > next {
			set = append(set, mail.UIDRange{Start: mail.UID(next), Stop: r.Start - 1})
		}
		next = max(next, uint64(r.Stop)+1)
	}
	if next <= uint64(last) {
		set = append(set, mail.UIDRange{Start: mail.UID(next), Stop: last})
	}
	sets := wire.FormatSets(set, maxSet)
	if len(sets) != 1 { // too many gaps, or none: then all of them
		sets = wire.FormatSets(mail.UIDSet{{Start: first, Stop: last}}, maxSet)
	}
	return sets[0]
}
