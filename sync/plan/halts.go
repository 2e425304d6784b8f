package plan

import (
	"fmt"
	"slices"
)

// SmallMailbox is the size up to which a mailbox may be emptied without a
// question (SPEC §7): people do empty small mailboxes.
const SmallMailbox = 20

// Halt is a safety brake that was pulled: nothing is removed in the mailbox.
type Halt struct {
	Mailbox string
	Reason  string
}

func (h Halt) String() string { return h.Mailbox + ": " + h.Reason }

// halt pulls the brake for mailboxes that would lose too much.
func (p *maker) halt() {
	if p.in.MaxDeletePercent <= 0 {
		return
	}
	type tally struct{ local, remote int }
	removes := map[string]*tally{}
	for _, o := range p.plan.Ops {
		if !o.Kind.Removes() {
			continue
		}
		t := removes[o.home()]
		if t == nil {
			t = &tally{}
			removes[o.home()] = t
		}
		if o.Kind == LocalRemove {
			t.local++
		} else {
			t.remote++
		}
	}
	for name, t := range removes {
		m := p.mailboxes[name]
		if m == nil {
			continue
		}
		if h, ok := deletesTooMany(m, max(t.local, t.remote), p.in.MaxDeletePercent); ok {
			if t.local > t.remote {
				h.Reason += " from the Maildir, because they are gone from the server"
			} else {
				h.Reason += " from the server, because they are gone from the Maildir"
			}
			p.plan.Halts = append(p.plan.Halts, h)
		}
	}
	if len(p.plan.Halts) == 0 {
		return
	}
	slices.SortFunc(p.plan.Halts, func(a, b Halt) int { return compareKeys(a.Mailbox, b.Mailbox) })
	p.drop(func(o Op) bool { return o.Kind.Removes() && p.halted(o.home()) })
}

// home returns the mailbox that a removal is out of: where the base has the
// message, which the side that removed it still knows.
func (o Op) home() string {
	if o.Kind == LocalRemove {
		return o.Item.Remote.Mailbox
	}
	return o.Item.Local.Mailbox
}

// deletesTooMany is the brake on mass deletion.
func deletesTooMany(m *Mailbox, n, percent int) (Halt, bool) {
	if m.BaseMessages <= SmallMailbox || n*100 <= percent*m.BaseMessages {
		return Halt{}, false
	}
	return Halt{Mailbox: m.Name, Reason: fmt.Sprintf("would remove %d of %d messages", n, m.BaseMessages)}, true
}

func (p *maker) halted(mailbox string) bool {
	return slices.ContainsFunc(p.plan.Halts, func(h Halt) bool { return h.Mailbox == mailbox })
}
