package plan_test

import (
	"slices"
	"testing"

	"satchel/conflict"
	"satchel/sync/plan"
)

// TestHeld: of messages that are missing here, the one that may be elsewhere on
// disk stays, and so does its mailbox, whose folder is made again only for what comes
// to it; the others go.
func TestHeld(t *testing.T) {
	missing := func(box, key string, remote plan.State, why string) *plan.Item {
		return &plan.Item{InBase: true, Held: why,
			Local:  plan.Side{State: plan.Removed, Mailbox: box, Key: "f" + key},
			Remote: plan.Side{State: remote, Mailbox: box, Key: key}}
	}
	for _, folder := range []bool{true, false} {
		for _, policy := range []conflict.MailboxRemoval{conflict.Never, conflict.WhenEmpty, conflict.Always} {
			in := plan.Input{
				Policy: conflict.Policy{MailboxDelete: policy},
				Mailboxes: []plan.Mailbox{
					{Name: "A", InBase: true, Local: folder, Remote: true, BaseMessages: 3},
					{Name: "B", InBase: true, Local: true, Remote: true, BaseMessages: 1},
					{Name: "C", InBase: true, Local: folder, Remote: false, BaseMessages: 1},
				},
				Items: []*plan.Item{
					missing("A", "1", plan.Same, "elsewhere"), missing("B", "1", plan.Same, ""),
					missing("C", "1", plan.Removed, "elsewhere"), missing("C", "2", plan.Removed, ""),
				},
				Messages: 5,
			}
			p := plan.Make(in)
			var ops []string
			for _, o := range p.Ops {
				ops = append(ops, o.String())
			}
			want := []string{"forget C f2", "remote-remove B 1"}
			if folder && policy == conflict.Never {
				want = append(want, "remote-create C")
			}
			slices.Sort(ops)
			slices.Sort(want)
			if !slices.Equal(ops, want) {
				t.Errorf("folder there %t, %v: %q, want %q", folder, policy, ops, want)
			}
			if len(p.Held) != 1 || p.Held[0].Item != in.Items[0] || !p.LocalPending["A"] || p.LocalPending["B"] || !p.LocalPending["C"] {
				t.Errorf("folder there %t, %v: held %v, pending %v", folder, policy, p.Held, p.LocalPending)
			}
		}
	}
}

// TestHeldBesideNew: a folder that is gone is made again for a message that comes to its
// mailbox. One of which the file may be elsewhere is not downloaded then, and later,
// when it is known not to be, it is: nobody removed it from the folder that is there now.
func TestHeldBesideNew(t *testing.T) {
	for _, x := range []struct {
		name   string
		folder bool
		why    string
		want   []string
	}{
		{"folder gone", false, "elsewhere", []string{"download A 2", "local-create A"}},
		{"folder made again", true, "elsewhere", []string{"download A 2"}},
		{"nowhere", true, "", []string{"download A 1", "download A 2"}},
	} {
		in := plan.Input{
			Mailboxes: []plan.Mailbox{{Name: "A", InBase: true, Local: x.folder, Remote: true, BaseMessages: 1}},
			Items: []*plan.Item{
				{InBase: true, Held: x.why, Away: x.folder, Local: plan.Side{State: plan.Removed, Mailbox: "A", Key: "f"},
					Remote: plan.Side{State: plan.Same, Mailbox: "A", Key: "1"}},
				{Remote: plan.Side{State: plan.New, Mailbox: "A", Key: "2"}},
			},
			Messages: 1,
		}
		p := plan.Make(in)
		var ops []string
		for _, o := range p.Ops {
			ops = append(ops, o.String())
		}
		slices.Sort(ops)
		if !slices.Equal(ops, x.want) || p.LocalPending["A"] != (x.why != "") {
			t.Errorf("%s: %q, want %q; pending %v", x.name, ops, x.want, p.LocalPending)
		}
	}
}
