package sync

import (
	"slices"

	"satchel/sync/mail"
)

// Sets of UIDs are ranges that are sorted and do not touch.

// addUID adds a UID above all those in the set.
func addUID(set []mail.UIDRange, uid mail.UID) []mail.UIDRange {
	if n := len(set); n > 0 && set[n-1].Stop+1 == uid {
		set[n-1].Stop = uid
		return set
	}
	return append(set, mail.UIDRange{Start: uid, Stop: uid})
}

// without returns what is in set and not in less.
func without(set, less []mail.UIDRange) []mail.UIDRange {
	var out []mail.UIDRange
	i := 0
	for _, r := range set {
		for i > 0 && less[i-1].Stop >= r.Start {
			i--
		}
		start := uint64(r.Start)
		for ; i < len(less) && less[i].Start <= r.Stop; i++ {
			if less[i].Stop < r.Start {
				continue
			}
			if uint64(less[i].Start) > start {
				out = append(out, mail.UIDRange{Start: mail.UID(start), Stop: less[i].Start - 1})
			}
			start = max(start, uint64(less[i].Stop)+1)
		}
		if start <= uint64(r.Stop) {
			out = append(out, mail.UIDRange{Start: mail.UID(start), Stop: r.Stop})
		}
	}
	return out
}

// union returns what is in either set.
func union(a, b []mail.UIDRange) []mail.UIDRange {
	// What b adds to a, put in order.
	out := slices.Concat(a, without(b, a))
	slices.SortFunc(out, func(x, y mail.UIDRange) int { return int(int64(x.Start) - int64(y.Start)) })
	joined := out[:0]
	for _, r := range out {
		if n := len(joined); n > 0 && uint64(joined[n-1].Stop)+1 == uint64(r.Start) {
			joined[n-1].Stop = r.Stop
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

func count(set []mail.UIDRange) (n uint64) {
	for _, r := range set {
		n += uint64(r.Stop-r.Start) + 1
	}
	return n
}
