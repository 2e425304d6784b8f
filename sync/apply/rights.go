package apply

import (
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/quirk"
	"satchel/sync/run"
	"satchel/sync/view"
)

// notRemoved looks at the changes that were to take messages out of a mailbox
// and did not, where the server had not announced that they would.
func (a *applier) notRemoved(mb *view.Mailbox, changes []*laneChange) {
	if !a.quirks.PermanentFlags(mb).Stores(mail.Flags{System: mail.Deleted}).IsEmpty() {
		return
	}
	for _, x := range changes {
		switch x.op.Kind {
		case plan.RemoteRemove, plan.RemoteTrash, plan.RemoteMove:
		default:
			continue
		}
		if !quirk.RefusedRight(x.err) && !quirk.DidNothing(x.err) {
			continue
		}
		x.err = quirk.ErrKeepsAll
		a.Mu.Lock()
		a.quirks.Distrust[run.Fault{Mailbox: mb.Name, What: quirk.FaultRemoval}] = a.Start
		a.Mu.Unlock()
	}
}
