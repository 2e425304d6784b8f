package match

import (
	"satchel/state"
	"satchel/sync/keyword"
	"satchel/sync/look"
	"satchel/sync/mail"
	"satchel/sync/quirk"
	"satchel/sync/run"
	"satchel/sync/survey"
	"satchel/sync/view"
)

// Match recognises messages in new places.
type Match struct {
	*run.Run
	quirks  *quirk.Quirks
	keyword *keyword.Keywords
	look    *look.Look
	survey  *survey.Survey
	cycle
}

// cycle is what matching keeps for one cycle.
type cycle struct {
	uidGaps       map[string]int64                  // by mailbox, what came there since the journal was written and is not there any more
	emulatesMove  bool                              // the server has no MOVE
	removesLater  bool                              // nor UIDPLUS: one cycle copies, and the next one removes
	maybeSourceOf map[*view.Message][]*state.Intent // by new message, the emulated moves of which it may be the original
	sourceFound   map[*state.Intent]bool            // emulated moves that have one
	proven        map[mail.Digest][]*view.Message   // new messages of which the content is known
}

// New returns a match of nothing yet.
func New(r *run.Run, q *quirk.Quirks, k *keyword.Keywords, l *look.Look, sv *survey.Survey) *Match {
	return &Match{Run: r, quirks: q, keyword: k, look: l, survey: sv}
}

// Begin forgets what the last cycle found.
func (s *Match) Begin() { s.cycle = cycle{} }
