package apply

import (
	"errors"

	"satchel/state"
)

// notes is what a batch of operations did, to be written to the state in one
// go: removals first, so that a row may take the place of another.
type notes struct {
	intents   []int64 // that are over
	announced []*state.Intent
	removed   []int64
	rows      []*state.Message
	young     []state.Young
	grownUp   []state.Young
	delivered []int64
	losses    []state.Removal // rows that are removed below
	held      map[string]int  // how many messages there were before
}

func (n *notes) over(i *state.Intent) { n.intents = append(n.intents, i.ID) }

func (n *notes) remove(row *state.Message) { n.removed = append(n.removed, row.ID) }

func (n *notes) put(row *state.Message) { n.rows = append(n.rows, row) }

// deliver notes that the file of a row has its name.
func (n *notes) deliver(row *state.Message) {
	row.Pending = false
	n.delivered = append(n.delivered, row.ID)
}

func (n *notes) write(tx *state.Tx) error {
	if len(n.losses) > 0 {
		if err := errors.Join(tx.AddHeld(n.held), tx.AddRemovals(n.losses)); err != nil {
			return err
		}
	}
	return errors.Join(tx.DeleteIntents(n.intents...), tx.AddIntents(n.announced), tx.DeleteMessages(n.removed...),
		tx.PutMessages(n.rows), tx.Delivered(n.delivered...), tx.PutYoung(n.young), tx.DropYoung(n.grownUp))
}
