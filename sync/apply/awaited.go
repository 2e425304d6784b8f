package apply

import (
	"errors"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/recovery"
)

// noteAwaited notes of copies and moves that the server said OK to them, and not
// where the copies are.
func (a *applier) noteAwaited(tx *state.Tx, changes []*laneChange) error {
	var sent []int64
	for _, x := range changes {
		isCopy := x.op.Kind == plan.RemoteCopy
		switch {
		case !x.ok || !isCopy && !errors.Is(x.err, recovery.ErrAwaited):
			continue
		case errors.Is(x.err, mail.ErrChanged) && !a.Pool.Shares():
			sent = append(sent, x.intent.ID)
			if isCopy {
				if err := a.recovery.RenewUnsent(tx, x.op.To, x.m); err != nil {
					return err
				}
			}
		case isCopy && x.err == nil:
			if err := a.recovery.ForgetUnsent(tx, x.op.To, x.m); err != nil {
				return err
			}
		}
	}
	return a.confirm(tx, sent)
}

// confirm notes which intents the server said OK to.
func (a *applier) confirm(tx *state.Tx, sent []int64) error {
	a.Mu.Lock()
	for _, id := range sent {
		if a.SentNow == nil {
			a.SentNow = map[int64]bool{}
		}
		a.SentNow[id] = true
	}
	a.Mu.Unlock()
	return tx.ConfirmIntents(sent...)
}
