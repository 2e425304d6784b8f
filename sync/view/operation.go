package view

import (
	"satchel/sync/plan"
	"satchel/sync/report"
)

// Operation is what a report says of an operation of the planner.
func Operation(op *plan.Op) report.Operation {
	o := report.Operation{Op: op.Kind.String(), Mailbox: op.Mailbox, To: op.To, Add: []string{}, Remove: []string{}}
	o.Add = append(o.Add, op.Delta.Add.Names()...)
	o.Remove = append(o.Remove, op.Delta.Remove.Names()...)
	if op.Item == nil {
		return o
	}
	m := Ref(op.Item)
	if op.Source != nil {
		m = Ref(op.Source)
	}
	o.UID = m.UID
	if m.File.Name != "" {
		o.File = m.File.Base()
	} else if m.Row != nil {
		o.File = m.Row.Base
	}
	if op.Kind == plan.Download || op.Kind == plan.Upload {
		o.Bytes = op.Item.Size
	}
	return o
}
