package plan

import (
	"satchel/conflict"
	"satchel/sync/mail"
)

// flags merges flag by flag. Each half carries one side's change to the other
// and is settled on its own, so that either may fail without the other.
func (p *maker) flags(it *Item) {
	dl, dr := it.Local.Delta(), it.Remote.Delta()
	if dl.IsEmpty() && dr.IsEmpty() {
		return
	}
	// Only a flag that one side cannot hold can be set here and cleared
	// there at once; setting wins.
	toRemote := mail.Delta{
		Add:    dl.Add.Minus(it.Remote.Flags),
		Remove: dl.Remove.Intersect(it.Remote.Flags).Minus(dr.Add),
	}
	toLocal := mail.Delta{
		Add:    dr.Add.Minus(it.Local.Flags),
		Remove: dr.Remove.Intersect(it.Local.Flags).Minus(dl.Add),
	}
	toLocal = p.keepUnstored(it, toLocal)
	toRemote = p.holdable(it, toRemote)
	dr, toLocal = p.lettered(it, dr, toLocal)
	if !dl.IsEmpty() && !dr.IsEmpty() && (!toRemote.IsEmpty() || !toLocal.IsEmpty()) && it.InBase {
		p.conflict(conflict.FlagsMerged, it, "merged: "+it.Local.Flags.Apply(toLocal).String())
	}
	switch {
	case dl.IsEmpty():
	case toRemote.IsEmpty():
		p.add(Op{Kind: SettleLocal, Item: it, Mailbox: it.Local.Mailbox, Learned: dl})
	case p.writable(it.Remote.Mailbox):
		p.add(Op{Kind: RemoteFlags, Item: it, Mailbox: it.Remote.Mailbox, Delta: toRemote, Learned: dl})
	default:
		p.plan.LocalPending[it.Local.Mailbox] = true
	}
	switch {
	case dr.IsEmpty():
	case toLocal.IsEmpty():
		p.add(Op{Kind: SettleRemote, Item: it, Mailbox: it.Local.Mailbox, Learned: dr})
	default:
		p.add(Op{Kind: LocalFlags, Item: it, Mailbox: it.Local.Mailbox, Delta: toLocal, Learned: dr})
	}
}

// keepUnstored leaves out of what the server cleared the flags that are missing
// because another client moved the message to where they are not stored.
func (p *maker) keepUnstored(it *Item, d mail.Delta) mail.Delta {
	m := p.mailboxes[it.Remote.Mailbox]
	if it.Remote.State != Moved || m == nil || m.ReadOnly {
		return d
	}
	if lost := d.Remove.Minus(m.Stores(d.Remove)); !lost.IsEmpty() {
		p.plan.Unheld[m.Name] = p.plan.Unheld[m.Name].Union(lost)
		d.Remove = d.Remove.Minus(lost)
	}
	return d
}

// lettered leaves out of the server's change, and of what becomes of it on disk,
// the keywords for which it is not known which letters to write: they wait.
func (p *maker) lettered(it *Item, change, d mail.Delta) (mail.Delta, mail.Delta) {
	m := p.mailboxes[it.Remote.Mailbox] // the file is there, or goes there
	if m == nil || !m.Letterless || d.Add.OnlyKeywords().IsEmpty() && d.Remove.OnlyKeywords().IsEmpty() {
		return change, d
	}
	p.plan.RemotePending[m.Name] = true
	system := func(d mail.Delta) mail.Delta {
		return mail.Delta{Add: d.Add.Minus(d.Add.OnlyKeywords()), Remove: d.Remove.Minus(d.Remove.OnlyKeywords())}
	}
	return system(change), system(d)
}

// holdable leaves out of d what the server would not keep: that stays as it is
// on each side. What a read-only mailbox would keep it does not say (RFC 3501
// §6.3.2).
func (p *maker) holdable(it *Item, d mail.Delta) mail.Delta {
	m := p.mailboxes[it.Remote.Mailbox]
	if m == nil || m.ReadOnly {
		return d
	}
	note := func(in map[string]mail.Flags, left mail.Flags) {
		if !left.IsEmpty() {
			in[m.Name] = in[m.Name].Union(left)
		}
	}
	can := mail.Delta{Add: m.Stores(d.Add), Remove: m.Stores(d.Remove)}
	note(p.plan.Unheld, d.Add.Minus(can.Add))
	note(p.plan.Stuck, d.Remove.Minus(can.Remove))
	return can
}

// writable reports whether the server lets the mailbox be changed.
func (p *maker) writable(name string) bool {
	m := p.mailboxes[name]
	if m == nil || !m.ReadOnly {
		return true
	}
	p.plan.Denied[name] = true
	return false
}

// removable reports whether the server lets messages be taken out of the
// mailbox. That \Deleted is not among the flags that it announces does not tell
// (RFC 4314 §4): some servers announce those in use. It has to be tried.
func (p *maker) removable(name string) bool {
	if !p.writable(name) {
		return false
	}
	if m := p.mailboxes[name]; m != nil && m.KeepsAll {
		p.plan.Denied[name] = true
		return false
	}
	return true
}
