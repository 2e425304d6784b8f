package remote

import (
	"slices"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// take reads an untagged response to COPY or MOVE.
func (res *MoveResult) take(r wire.Response, asked []mail.UID) {
	if r.Kind == "OK" {
		res.note(wire.ParseText(r.Rest), asked)
	}
}

// note adds the pairs of a COPYUID (RFC 4315 §3): two sets of equal size, to
// be read side by side. Messages that nobody asked to move are left out.
func (res *MoveResult) note(t wire.Text, asked []mail.UID) {
	if t.Code != "COPYUID" {
		return
	}
	v, from, to, ok := wire.ParseCopyUID(t.Args)
	if !ok || mail.UIDSet(from).Count() > uint64(len(asked)) {
		return
	}
	res.UIDValidity = v
	next := eachUID(to)
	for uid := range eachRange(from) {
		target := next()
		if _, found := slices.BinarySearch(asked, uid); found && target != 0 {
			res.Pairs = append(res.Pairs, UIDPair{From: uid, To: target})
		}
	}
}

// eachRange yields the UIDs of a set whose size was checked.
func eachRange(set []mail.UIDRange) func(yield func(mail.UID) bool) {
	return func(yield func(mail.UID) bool) {
		for _, r := range set {
			for u := uint64(r.Start); u <= uint64(r.Stop); u++ {
				if !yield(mail.UID(u)) {
					return
				}
			}
		}
	}
}

// eachUID returns a function that gives the UIDs of a set one by one.
func eachUID(set []mail.UIDRange) func() mail.UID {
	i, offset := 0, mail.UID(0)
	return func() mail.UID {
		if i >= len(set) {
			return 0
		}
		u := set[i].Start + offset
		if u == set[i].Stop {
			i, offset = i+1, 0
		} else {
			offset++
		}
		return u
	}
}
