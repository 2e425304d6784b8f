package remote

import (
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
func (in *inquiry) knownParam() string {
	set := slices.Clone(in.req.Held)
	if first := in.firstNew(); first > 1 {
		set = append(set, mail.UIDRange{Start: 1, Stop: first - 1})
	}
	if len(set) == 0 {
		return ""
	}
	sets := wire.FormatSets(wire.Merge(set), maxSet)
	if len(sets) != 1 {
		return ""
	}
	return " " + sets[0]
}

// newUIDs is the set of UIDs to be listed as new: all from the first one on
// but ours.
func (in *inquiry) newUIDs() string {
	var set []mail.UIDRange
	next := in.firstNew()
	for _, r := range in.req.Ours {
		if r.Start > next {
			set = append(set, mail.UIDRange{Start: next, Stop: r.Start - 1})
		}
		if r.Stop == math.MaxUint32 {
			next = 0
			break
		}
		next = max(next, r.Stop+1)
	}
	if next != 0 {
		set = append(set, mail.UIDRange{Start: next, Stop: math.MaxUint32})
	}
	sets := wire.FormatSets(set, maxSet)
	if len(sets) != 1 { // too many gaps: then all of them
		return wire.FormatSets([]mail.UIDRange{{Start: in.firstNew(), Stop: math.MaxUint32}}, maxSet)[0]
	}
	return sets[0]
}
