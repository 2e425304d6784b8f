package apply

import (
	"cmp"

	"satchel/sync/plan"
	"satchel/sync/quirk"
	"satchel/sync/remote/pool"
)

// transfers cuts the operations of one kind into jobs of so many messages at
// most, in their order. apart keeps each job within one mailbox.
func (a *applier) transfers(ops []plan.Op, kind plan.Kind, messages int, apart bool, form func([]*plan.Op) pool.Job) []pool.Job {
	var jobs []pool.Job
	var batch []*plan.Op
	var weight int64
	flush := func() {
		if len(batch) > 0 {
			mine := batch
			j := form(mine)
			j.Weight, j.Broken = weight, a.broken(mine)
			jobs = append(jobs, j)
		}
		batch, weight = nil, 0
	}
	for i := range ops {
		op := &ops[i]
		if op.Kind != kind {
			continue
		}
		size := cmp.Or(op.Item.Size, quirk.GuessedSize)
		if len(batch) > 0 && (len(batch) == messages || weight+size > quirk.TransferBytes || apart && batch[0].Mailbox != op.Mailbox) {
			flush()
		}
		batch = append(batch, op)
		weight += size
	}
	flush()
	return jobs
}
