package resync

import (
	"slices"

	"satchel/sync/mail"
)

// FlagRuns are the flags of all messages of a mailbox, as a caller knows them:
// runs of neighbours that have the same. A mailbox of 100,000 read messages
// is a handful of runs, so comparing it takes no memory to speak of.
type FlagRuns struct {
	runs []flagRun
	n    int
}

type flagRun struct {
	start, stop mail.UID
	flags       mail.Flags
}

// Add adds a message; UIDs must ascend.
func (fr *FlagRuns) Add(uid mail.UID, flags mail.Flags) {
	fr.n++
	if n := len(fr.runs); n > 0 {
		if last := &fr.runs[n-1]; last.stop+1 == uid && last.flags == flags {
			last.stop = uid
			return
		}
	}
	fr.runs = append(fr.runs, flagRun{uid, uid, flags})
}

// find returns the flags of a message; ok is false for one that is not known.
func (fr *FlagRuns) find(uid mail.UID) (flags mail.Flags, ok bool) {
	i, found := slices.BinarySearchFunc(fr.runs, uid, func(r flagRun, u mail.UID) int {
		switch {
		case r.stop < u:
			return -1
		case r.start > u:
			return 1
		}
		return 0
	})
	if !found {
		return mail.Flags{}, false
	}
	return fr.runs[i].flags, true
}

// where returns the messages whose flags match.
func (fr *FlagRuns) where(match func(mail.Flags) bool) mail.UIDSet {
	var set mail.UIDSet
	for _, r := range fr.runs {
		if !match(r.flags) {
			continue
		}
		if n := len(set); n > 0 && set[n-1].Stop+1 == r.start {
			set[n-1].Stop = r.stop
		} else {
			set = append(set, mail.UIDRange{Start: r.start, Stop: r.stop})
		}
	}
	return set
}

func (fr *FlagRuns) all() mail.UIDSet {
	return fr.where(func(mail.Flags) bool { return true })
}

// names returns every flag that a message has.
func (fr *FlagRuns) names() mail.Flags {
	var f mail.Flags
	for i, r := range fr.runs {
		if i == 0 || r.flags != fr.runs[i-1].flags {
			f = f.Union(r.flags)
		}
	}
	return f
}
