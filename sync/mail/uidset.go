package mail

import (
	"cmp"
	"slices"
)

// MaxUID is the largest UID.
const MaxUID UID = 1<<32 - 1

// AllUIDs holds every UID that there can be, and 0 for what has none.
func AllUIDs() UIDRange { return UIDRange{Start: 0, Stop: MaxUID} }

// UIDSet is a set of UIDs: ranges that ascend and do not touch. Nil is the
// empty set. Like its ranges it is never expanded.
type UIDSet []UIDRange

// UIDSetOf returns the set of uids, in whatever order they are. 0 is no UID.
func UIDSetOf(uids []UID) UIDSet {
	var set UIDSet
	for _, u := range uids {
		if u != 0 {
			set = AppendUID(set, u)
		}
	}
	return MergeUIDs(set)
}

// MergeUIDs makes a set of ranges in any order; it reuses the slice.
func MergeUIDs(ranges []UIDRange) UIDSet {
	if len(ranges) < 2 {
		return ranges
	}
	byStart := func(a, b UIDRange) int { return cmp.Compare(a.Start, b.Start) }
	if !slices.IsSortedFunc(ranges, byStart) {
		slices.SortFunc(ranges, byStart)
	}
	out := ranges[:1]
	for _, r := range ranges[1:] {
		last := &out[len(out)-1]
		if last.Stop == MaxUID || r.Start <= last.Stop+1 {
			last.Stop = max(last.Stop, r.Stop)
			continue
		}
		out = append(out, r)
	}
	return out
}

// AppendUID adds uid behind ranges, or to the last of them where it can. UIDs
// that ascend make a set; of others [MergeUIDs] makes one.
func AppendUID(ranges []UIDRange, uid UID) []UIDRange {
	if n := len(ranges); n > 0 {
		last := &ranges[n-1]
		switch {
		case last.Contains(uid):
			return ranges
		case last.Stop < MaxUID && uid == last.Stop+1:
			last.Stop = uid
			return ranges
		}
	}
	return append(ranges, UIDRange{Start: uid, Stop: uid})
}

// Count returns how many UIDs the set holds.
func (s UIDSet) Count() (n uint64) {
	for _, r := range s {
		n += uint64(r.Stop-r.Start) + 1
	}
	return n
}

// Contains reports whether the set holds uid.
func (s UIDSet) Contains(uid UID) bool {
	_, found := slices.BinarySearchFunc(s, uid, func(r UIDRange, u UID) int {
		switch {
		case r.Stop < u:
			return -1
		case r.Start > u:
			return 1
		}
		return 0
	})
	return found
}

// Union returns what is in either set.
func (s UIDSet) Union(o UIDSet) UIDSet {
	return s.combine(o, func(in, inOther bool) bool { return in || inOther })
}

// Intersect returns what is in both sets.
func (s UIDSet) Intersect(o UIDSet) UIDSet {
	return s.combine(o, func(in, inOther bool) bool { return in && inOther })
}

// Minus returns what is in s and not in o.
func (s UIDSet) Minus(o UIDSet) UIDSet {
	return s.combine(o, func(in, inOther bool) bool { return in && !inOther })
}

// Differ returns what is in exactly one of the sets.
func (s UIDSet) Differ(o UIDSet) UIDSet {
	return s.combine(o, func(in, inOther bool) bool { return in != inOther })
}

// combine walks both sets from bound to bound and keeps the stretches between
// them of which keep says so.
func (s UIDSet) combine(o UIDSet, keep func(in, inOther bool) bool) UIDSet {
	const end = uint64(MaxUID) + 1
	// bound is where the set begins or ceases to hold UIDs next.
	bound := func(set UIDSet, in bool) uint64 {
		switch {
		case len(set) == 0:
			return end
		case in:
			return uint64(set[0].Stop) + 1
		}
		return uint64(set[0].Start)
	}
	var out UIDSet
	var in, inOther bool
	for at := uint64(0); at < end; {
		next, nextOther := bound(s, in), bound(o, inOther)
		to := min(next, nextOther)
		if to > at && keep(in, inOther) {
			if n := len(out); n > 0 && uint64(out[n-1].Stop)+1 == at {
				out[n-1].Stop = UID(to - 1)
			} else {
				out = append(out, UIDRange{Start: UID(at), Stop: UID(to - 1)})
			}
		}
		at = to
		if at == next && at < end {
			if in {
				s = s[1:]
			}
			in = !in
		}
		if at == nextOther && at < end {
			if inOther {
				o = o[1:]
			}
			inOther = !inOther
		}
	}
	return out
}
