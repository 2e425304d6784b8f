package survey

import (
	"satchel/sync/look"
	"satchel/sync/quirk"
	"satchel/sync/run"
)

// Survey knows the mailboxes of a run by their names on both sides.
type Survey struct {
	*run.Run
	quirks *quirk.Quirks
	look   *look.Look

	namespaces  string            // as the state has them; see [remote.Client.Namespace]
	spellings   map[string]string // of mailboxes of the base, where they are not those that satchel would choose
	otherName   map[string]bool   // mailboxes of the base that the server calls otherwise, and this run does not rename here
	notThere    map[string]bool   // mailboxes that were asked for by name, and are not there
	unrenamed   map[string]bool   // renames that failed in this run
	newIdentity bool              // the account is to be remembered
	pretended   map[string]string // the names that a dry run goes on with, by those that the base has
	Named       bool              // the names that a person wrote were looked at
	Incomplete  bool              // a list left mailboxes out, so nothing that is missing counts as removed
	cycle
}

// cycle is what a survey keeps for one cycle.
type cycle struct {
	renaming []string // the mailboxes of an awaited rename, by their old and new names in turn
	Halves   []string // directories there that have only one of cur and new
}

// New returns a survey of nothing yet.
func New(r *run.Run, q *quirk.Quirks, l *look.Look) *Survey {
	return &Survey{Run: r, quirks: q, look: l, notThere: map[string]bool{}}
}

// Begin forgets what the last cycle found.
func (s *Survey) Begin() { s.cycle = cycle{} }
