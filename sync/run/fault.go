package run

import (
	"time"

	"satchel/sync/remote"
)

// FaultRenamed and a name is what is remembered of a mailbox that had that name.
const FaultRenamed = "renamed:"

// FaultBehind is what is remembered of such a mailbox.
const FaultBehind = "behind"

// FaultAlias is what a server is remembered for that has no mailbox of exactly
// a name, though it takes commands for it. What follows it is the mailbox that
// the name leads to, where that is known.
const FaultAlias = "alias:"

// FaultVanished is what a server is remembered for that had no mailbox of a name
// right after it had made it: somebody may have removed it in between, so one
// more run tries. It is not called vanished, as what a server gets wrong about VANISHED
// is; see DoubtNames.
const FaultVanished = "unlisted"

// What is remembered, as the fault of a mailbox.
const (
	FaultEnds    = "ends the session"
	FaultMessage = "message "
)

// Fault is something that a server gets wrong; an empty mailbox is the server
// as a whole.
type Fault struct{ Mailbox, What string }

// DistrustFor is how long a server that was caught saying what is not so is asked in another
// way: it may have been mended, and then the better way is worth having again. --full gives it
// its chance now.
const DistrustFor = 30 * 24 * time.Hour

// DoubtNames is what is remembered of mailboxes, by its name in the state.
func DoubtNames() map[remote.Doubts]string {
	return map[remote.Doubts]string{remote.DoubtVanished: "vanished", remote.DoubtModSeq: "modseq",
		remote.DoubtUIDNext: "uidnext", remote.DoubtSearch: "search"}
}
