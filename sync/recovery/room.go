package recovery

import (
	"satchel/sync/look"
	"satchel/sync/match"
	"satchel/sync/quirk"
	"satchel/sync/run"
	"satchel/sync/survey"
	"satchel/sync/view"
)

// Recovery finds out what interrupted runs had done.
type Recovery struct {
	*run.Run
	quirks     *quirk.Quirks
	look       *look.Look
	survey     *survey.Survey
	match      *match.Match
	refusedNow map[view.FileKey]bool // guarded by the lock of the run
	unplaced   []view.Refusal        // of this cycle, uploads that were answered OK and not found
}

// New returns a recovery that knows of nothing yet.
func New(r *run.Run, q *quirk.Quirks, l *look.Look, sv *survey.Survey, m *match.Match) *Recovery {
	return &Recovery{Run: r, quirks: q, look: l, survey: sv, match: m}
}

// Begin forgets what the last cycle found.
func (s *Recovery) Begin() { s.unplaced = nil }
