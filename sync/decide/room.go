package decide

import (
	"satchel/sync/keyword"
	"satchel/sync/look"
	"satchel/sync/match"
	"satchel/sync/plan"
	"satchel/sync/quirk"
	"satchel/sync/recovery"
	"satchel/sync/run"
	"satchel/sync/survey"
)

// Decide makes the plan of a cycle, and says what it will do.
type Decide struct {
	*run.Run
	quirks   *quirk.Quirks
	keyword  *keyword.Keywords
	look     *look.Look
	survey   *survey.Survey
	match    *match.Match
	recovery *recovery.Recovery
	cycle
}

// cycle is what decisions rest on in one cycle.
type cycle struct {
	Trash  string         // where removals go on the server, which need not be synced; empty: nowhere
	Before map[string]int // messages of the base by mailbox, under "" in all; nil if none was removed
	lately map[string]plan.Lost
}

// New returns what decides for a run.
func New(r *run.Run, q *quirk.Quirks, k *keyword.Keywords, l *look.Look, sv *survey.Survey, m *match.Match, rc *recovery.Recovery) *Decide {
	return &Decide{Run: r, quirks: q, keyword: k, look: l, survey: sv, match: m, recovery: rc}
}

// Begin forgets the last cycle.
func (s *Decide) Begin() { s.cycle = cycle{} }
