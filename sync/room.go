package sync

import (
	"satchel/maildir"
	"satchel/state"
	"satchel/sync/absence"
	"satchel/sync/account"
	"satchel/sync/apply"
	"satchel/sync/decide"
	"satchel/sync/keyword"
	"satchel/sync/look"
	"satchel/sync/match"
	"satchel/sync/quirk"
	"satchel/sync/recovery"
	"satchel/sync/remote"
	"satchel/sync/report"
	"satchel/sync/run"
	"satchel/sync/survey"
	"satchel/sync/view"
)

// session is one run on one account with all its rooms, from the lowest to the highest.
type session struct {
	*run.Run
	quirks   *quirk.Quirks
	keyword  *keyword.Keywords
	look     *look.Look
	survey   *survey.Survey
	match    *match.Match
	recovery *recovery.Recovery
	absence  *absence.Absence
	decide   *decide.Decide
	apply    *apply.Apply

	runID int64
	open  view.Open // what the last cycle left
}

func newSession(e *run.Env, req account.Request, db *state.DB, store *maildir.Store, client *remote.Client, rep *report.Report) *session {
	s := &session{Run: run.New(e, req, db, store, client, rep)}
	s.quirks = quirk.New(s.Run)
	s.keyword = keyword.New(s.Run, s.quirks)
	s.look = look.New(s.Run, s.quirks, s.keyword)
	s.survey = survey.New(s.Run, s.quirks, s.look)
	s.match = match.New(s.Run, s.quirks, s.keyword, s.look, s.survey)
	s.recovery = recovery.New(s.Run, s.quirks, s.look, s.survey, s.match)
	s.absence = absence.New(s.Run, s.quirks, s.look, s.survey, s.match, s.recovery)
	s.decide = decide.New(s.Run, s.quirks, s.keyword, s.look, s.survey, s.match, s.recovery)
	s.apply = apply.New(s.Run, s.quirks, s.keyword, s.look, s.survey, s.match, s.recovery, s.absence, s.decide)
	return s
}

// begin empties the view, and what the rooms keep for one cycle.
func (s *session) begin() {
	s.View = view.View{Messages: map[int64]*view.Message{}}
	s.look.Begin()
	s.survey.Begin()
	s.match.Begin()
	s.recovery.Begin()
	s.decide.Begin()
	s.Moved, s.open = false, view.Open{}
}
