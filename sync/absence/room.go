package absence

import (
	"satchel/sync/look"
	"satchel/sync/mail"
	"satchel/sync/match"
	"satchel/sync/quirk"
	"satchel/sync/recovery"
	"satchel/sync/run"
	"satchel/sync/survey"
)

// Absence takes the second looks of a run.
type Absence struct {
	*run.Run
	quirks   *quirk.Quirks
	look     *look.Look
	survey   *survey.Survey
	match    *match.Match
	recovery *recovery.Recovery
	grown    map[string]mail.UID // UIDNEXT of the mailboxes for which removals wait, because they have got new mail
	lists    bool                // the server's lists say what its mailboxes do not
}

// New returns the second looks of a run.
func New(r *run.Run, q *quirk.Quirks, l *look.Look, sv *survey.Survey, m *match.Match, rc *recovery.Recovery) *Absence {
	return &Absence{Run: r, quirks: q, look: l, survey: sv, match: m, recovery: rc}
}
