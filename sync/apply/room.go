package apply

import (
	"satchel/sync/absence"
	"satchel/sync/decide"
	"satchel/sync/keyword"
	"satchel/sync/look"
	"satchel/sync/match"
	"satchel/sync/quirk"
	"satchel/sync/recovery"
	"satchel/sync/report"
	"satchel/sync/run"
	"satchel/sync/survey"
	"satchel/sync/view"
)

// Apply carries out the plans of a run. Workers change what it remembers: the lock of the run
// guards it.
type Apply struct {
	*run.Run
	quirks   *quirk.Quirks
	keyword  *keyword.Keywords
	look     *look.Look
	survey   *survey.Survey
	match    *match.Match
	recovery *recovery.Recovery
	absence  *absence.Absence
	decide   *decide.Decide

	aside   map[view.AsideKey]error // what the server could not give
	given   view.ByUID[bool]        // the UIDs that APPENDUID and COPYUID named in this run
	landed  map[view.Landing]bool   // uploads and copies whose flags follow by STORE
	copied  map[string]bool         // copies on the server that this run asked for
	planned report.Progress         // the totals of what was planned, without what is not listed yet
}

// New returns what carries out the plans of a run.
func New(r *run.Run, q *quirk.Quirks, k *keyword.Keywords, l *look.Look, sv *survey.Survey, m *match.Match,
	rc *recovery.Recovery, ab *absence.Absence, d *decide.Decide) *Apply {
	return &Apply{Run: r, quirks: q, keyword: k, look: l, survey: sv, match: m, recovery: rc, absence: ab, decide: d,
		given: view.ByUID[bool]{}, copied: map[string]bool{}}
}
