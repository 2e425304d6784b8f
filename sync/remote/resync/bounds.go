package resync

import (
	"slices"

	"satchel/sync/mail"
)

// What is kept of what a server says follows what there is, not what it claims
// or how often it says it.

const (
	// maxRanges is how many ranges of UIDs are kept of one answer, and maxHeld
	// how many messages: mailboxes hold less.
	maxRanges = 1 << 22
	maxHeld   = 1 << 22
	// moreThanSaid is how many messages may come while a mailbox is listed.
	moreThanSaid = 4096
	// maxFlagList and maxID are how long a list of flags and an identity may be,
	// in bytes.
	maxFlagList = 64 << 10
	maxID       = 4 << 10
)

// Gather appends ranges. What is told twice is kept once, before more room is
// taken.
func Gather(list, more []mail.UIDRange) []mail.UIDRange {
	if len(list)+len(more) > cap(list) && len(list) >= 1024 {
		if list = mail.MergeUIDs(list); len(list) > maxRanges {
			return list
		}
		if len(list) > cap(list)/2 {
			list = slices.Grow(list, len(list))
		}
	}
	return append(list, more...)
}

// held is how many messages may be kept of a mailbox that says that it holds so
// many; 0: it has not said yet.
func held(exists uint32) int {
	if exists == 0 {
		return maxHeld
	}
	return int(min(exists, maxHeld)) + moreThanSaid
}
