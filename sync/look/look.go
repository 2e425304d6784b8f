package look

import (
	"satchel/sync/keyword"
	"satchel/sync/quirk"
	"satchel/sync/run"
	"satchel/sync/view"
)

// Look reads both sides of a run.
type Look struct {
	*run.Run
	quirks  *quirk.Quirks
	keyword *keyword.Keywords
	Created map[int64]*view.Created // by row, what this run put on the server; guarded by the lock of the run
	odd     []view.OddEntry         // of this cycle; guarded by it as well
}

// New returns a look at nothing yet.
func New(r *run.Run, q *quirk.Quirks, k *keyword.Keywords) *Look {
	return &Look{Run: r, quirks: q, keyword: k, Created: map[int64]*view.Created{}}
}

// Begin forgets what the last cycle saw.
func (s *Look) Begin() { s.odd = nil }
