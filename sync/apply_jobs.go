package sync

import (
	"cmp"

	"satchel/sync/plan"
)

const (
	// transferBytes bounds what a job transfers, unless it is one message.
	transferBytes = 8 << 20
	// guessedSize stands for the size of a message, in bytes, that the server
	// has not told yet.
	guessedSize = 8 << 10
)

// transfers cuts the operations of one kind into jobs of so many messages at
// most, in their order. apart keeps each job within one mailbox.
func (a *applier) transfers(ops []plan.Op, kind plan.Kind, messages int, apart bool, form func([]*plan.Op) job) []job {
	var jobs []job
	var batch []*plan.Op
	var weight int64
	flush := func() {
		if len(batch) > 0 {
			mine := batch
			j := form(mine)
			j.weight, j.broken = weight, a.broken(mine)
			jobs = append(jobs, j)
		}
		batch, weight = nil, 0
	}
	for i := range ops {
		op := &ops[i]
		if op.Kind != kind {
			continue
		}
		size := cmp.Or(op.Item.Size, guessedSize)
		if len(batch) > 0 && (len(batch) == messages || weight+size > transferBytes || apart && batch[0].Mailbox != op.Mailbox) {
			flush()
		}
		batch = append(batch, op)
		weight += size
	}
	flush()
	return jobs
}
