package quirk

import (
	"time"

	"satchel/sync/run"
)

// Quirks is what a run knows of the server beyond what it announces. Workers change it:
// the lock of the run guards it.
type Quirks struct {
	*run.Run
	Distrust map[run.Fault]time.Time // what the server was caught at, since when
	compared map[string]bool         // mailboxes of which this run fetched all flags
	Blame    blame
	Sizes    string // whether RFC822.SIZE is exact; empty: not known
	// how many messages of this run were of the size that was told, and how many not
	SizesRight, SizesOff int
}

// New returns what is known before the server was asked anything.
func New(r *run.Run) *Quirks {
	return &Quirks{Run: r, Distrust: map[run.Fault]time.Time{}, compared: map[string]bool{}}
}
