package plan

import (
	"slices"

	"satchel/conflict"
)

// makeMailboxes creates on each side what the other has and the base does not
// know, or what stays although it was removed.
func (p *maker) makeMailboxes() {
	for i := range p.in.Mailboxes {
		m := &p.in.Mailboxes[i]
		if m.Frozen || m.Local == m.Remote {
			continue
		}
		if m.InBase && !p.restore[m.Name] {
			continue // removed; see removeMailboxes
		}
		kind, blind := CreateLocal, p.in.LocalBlind || p.held[m.Name]
		if m.Local {
			kind, blind = CreateRemote, p.in.RemoteBlind
		}
		if m.InBase && blind {
			// What was in it may be where that side could not be looked at.
			// Made again now, its messages would count as new.
			mark(p.plan.LocalPending, []string{m.Name})
			mark(p.plan.RemotePending, []string{m.Name})
			continue
		}
		p.add(Op{Kind: kind, Mailbox: m.Name})
	}
}

// makeForOthers makes folders again for messages that come to them, though others
// that were in them may be elsewhere on disk: these stay in the base (Item.Away).
func (p *maker) makeForOthers() {
	for i := range p.in.Mailboxes {
		m := &p.in.Mailboxes[i]
		if m.InBase && m.Remote && !m.Local && p.restore[m.Name] && p.held[m.Name] && !p.awaited[m.Name] &&
			slices.ContainsFunc(p.plan.Ops, func(o Op) bool { return o.Item != nil && o.Kind.Local() && o.goal() == m.Name }) {
			p.add(Op{Kind: CreateLocal, Mailbox: m.Name})
		}
	}
}

// restored finds the mailboxes that one side removed but that must stay: the
// policy says so, or they hold messages that the removal would take along
// unseen (SPEC §6, mailbox removed).
func restored(in *Input) map[string]bool {
	restore := map[string]bool{}
	removed := map[string]*Mailbox{}
	for i := range in.Mailboxes {
		m := &in.Mailboxes[i]
		if m.InBase && m.Local != m.Remote {
			removed[m.Name] = m
			// INBOX cannot be removed (RFC 3501 §5.1).
			if in.Policy.MailboxDelete == conflict.Never || m.Name == "INBOX" || m.Frozen {
				restore[m.Name] = true
			}
		}
	}
	if len(removed) == 0 {
		return restore
	}
	for _, it := range in.Items {
		if it.leftover() {
			continue
		}
		if m := removed[it.Remote.Mailbox]; m != nil && m.Remote && stays(in, it.Remote, it.Local) {
			restore[m.Name] = true
		}
		if m := removed[it.Local.Mailbox]; m != nil && m.Local && stays(in, it.Local, it.Remote) {
			restore[m.Name] = true
		}
	}
	// A parent of something that stays may have gone on both sides' terms,
	// but deleting it is harmless: servers keep it as \Noselect.
	return restore
}

// stays reports whether a message keeps the mailbox that holder still has and
// the other side removed.
func stays(in *Input, holder, other Side) bool {
	switch holder.State {
	case New, Moved:
		return true // not seen by the side that removed
	case Same, Edited:
		return other.State == Removed &&
			(in.Policy.MailboxDelete == conflict.WhenEmpty || in.Policy.KeepsEdited(holder.Delta()))
	}
	return false
}

// removeMailboxes removes on each side what the other removed. The applier
// looks once more whether the mailbox is empty.
func (p *maker) removeMailboxes() {
	holding := p.holding()
	for i := range p.in.Mailboxes {
		m := &p.in.Mailboxes[i]
		if !m.InBase || m.Frozen || p.restore[m.Name] {
			continue
		}
		switch {
		case p.held[m.Name] && (!m.Local || !m.Remote):
			mark(p.plan.LocalPending, []string{m.Name})
			mark(p.plan.RemotePending, []string{m.Name})
		case !m.Local && !m.Remote:
			p.add(Op{Kind: ForgetMailbox, Mailbox: m.Name})
		case p.halted(m.Name):
		case !m.Local && (m.ReadOnly || holding[m.Name]):
			p.plan.LocalPending[m.Name] = true
		case !m.Remote && holding[m.Name]:
			p.plan.RemotePending[m.Name] = true
		case !m.Local && p.fills(m.Name):
			// The next plan sees what came in.
		case !m.Local:
			p.add(Op{Kind: DeleteRemote, Mailbox: m.Name})
		case !m.Remote:
			p.add(Op{Kind: DeleteLocal, Mailbox: m.Name})
		}
	}
}

// holding returns the mailboxes that a side still has, and that hold messages which
// stay: the other side removed the mailbox, and has them where they cannot follow now.
func (p *maker) holding() map[string]bool {
	removed := map[string]bool{}
	for i := range p.in.Mailboxes {
		if m := &p.in.Mailboxes[i]; m.InBase && m.Local != m.Remote {
			removed[m.Name] = true
		}
	}
	if len(removed) == 0 {
		return nil
	}
	leave := map[*Item]bool{}
	for i := range p.plan.Ops {
		switch op := &p.plan.Ops[i]; op.Kind {
		case LocalMove, LocalRemove, RemoteMove, RemoteRemove, RemoteTrash:
			leave[op.Item] = true
		}
	}
	holding := map[string]bool{}
	for _, it := range p.in.Items {
		if it.leftover() || leave[it] || it.Local.Mailbox == it.Remote.Mailbox {
			continue
		}
		for _, side := range []Side{it.Local, it.Remote} {
			if side.State.Present() && removed[side.Mailbox] {
				holding[side.Mailbox] = true
			}
		}
	}
	return holding
}

// fills reports whether the plan puts a message into a mailbox that is gone
// from disk: only the trash can be one.
func (p *maker) fills(mailbox string) bool {
	return mailbox == p.in.Trash &&
		slices.ContainsFunc(p.plan.Ops, func(o Op) bool { return o.Kind == RemoteTrash })
}
