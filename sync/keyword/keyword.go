package keyword

import (
	"satchel/sync/quirk"
	"satchel/sync/run"
)

// Keywords answers what the letters in file names mean.
type Keywords struct {
	*run.Run
	quirks *quirk.Quirks
}

// New returns the answers for a run.
func New(r *run.Run, q *quirk.Quirks) *Keywords { return &Keywords{r, q} }
