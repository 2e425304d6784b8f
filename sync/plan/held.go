package plan

// A message that is missing from the Maildir is not removed while it is not known
// that its file is gone (Item.Held). Nor is its mailbox removed, or made again but for
// messages that come to it. The same is true of a message that is to be moved, or
// removed, and that the server does not show yet, or of which it does not show a copy
// (Item.Awaited); its mailbox is not made again at all.

// held returns the mailboxes that such messages were in, and awaited those of
// the second kind.
func held(in *Input) (held, awaited map[string]bool) {
	held, awaited = map[string]bool{}, map[string]bool{}
	for _, it := range in.Items {
		if !it.holdsBack() {
			continue
		}
		held[it.Local.Mailbox] = true
		if it.Awaited {
			held[it.Remote.Mailbox], awaited[it.Local.Mailbox], awaited[it.Remote.Mailbox] = true, true, true
		}
	}
	return held, awaited
}

func (it *Item) holdsBack() bool { return it.Held != "" && it.Local.State == Removed || it.Awaited }

// holdBack takes out of the plan what is to be done about such messages.
func (p *maker) holdBack() {
	p.drop(func(o Op) bool {
		is := o.Item != nil && o.Item.holdsBack()
		if !is {
			return false
		}
		if !o.Kind.Silent() && !o.Item.Awaited {
			p.plan.Held = append(p.plan.Held, o)
		}
		// That it is missing waits, also where what is left out is a download,
		// of which drop says that a change of the server waits.
		mark(p.plan.LocalPending, o.places())
		return true
	})
	sortOps(p.plan.Held)
}
