package sync

import (
	"fmt"
	"slices"

	"satchel/maildir"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// plan translates the view into the planner's terms.
func (s *session) plan() *plan.Plan {
	in := plan.Input{Policy: s.account.Policy, Pull: s.req.Pull, Push: s.req.Push, Trash: s.trash, LocalBlind: s.localBlind, RemoteBlind: s.remoteBlind}
	in.Only, in.Messages, in.Lost = s.only(), s.before[""], s.lately
	if !s.req.AllowMassDelete {
		in.MaxDeletePercent = s.account.MaxDeletePct
	}
	for _, name := range s.names {
		mb := s.mailboxes[name]
		pm := plan.Mailbox{Name: name, InBase: mb.row != nil, Local: mb.folder != nil, Remote: mb.remote != nil,
			BaseMessages: mb.baseCount, Frozen: mb.frozen(), Letterless: mb.listing != nil && mb.table.Unread}
		if mb.remote != nil {
			pm.Subscribed = mb.remote.Subscribed
		}
		s.mu.Lock()
		s.describeHeld(&pm, mb)
		s.mu.Unlock()
		in.Mailboxes = append(in.Mailboxes, pm)
	}
	for _, m := range s.messages {
		m.id, m.home = m.row.ID, s.byID[m.row.MailboxID].name
		m.item.Home = m.home
		if it := &m.item; it.Local.State != plan.Same || it.Remote.State != plan.Same || s.hidden(m) {
			in.Items = append(in.Items, it)
		}
	}
	for _, list := range [][]*message{s.newLocal, s.newRemote, s.paired} {
		for _, m := range list {
			in.Items = append(in.Items, &m.item)
		}
	}
	s.noteLetters(in.Items)
	p := plan.Make(in)
	s.postponeDeletes(p)
	if p.NoTrash > 0 {
		s.rep.problem("", "", &mail.Error{Op: "delete = \"trash\"", Kind: mail.KindMailbox,
			Err:  fmt.Errorf("no mailbox is marked \\Trash or called so; %d removals wait", p.NoTrash),
			Hint: "make a mailbox Trash, or set delete = \"expunge\""})
	}
	return p
}

// asked reports whether the run is about a mailbox.
func (s *session) asked(name string) bool {
	only := s.only()
	return len(only) == 0 || slices.Contains(only, name)
}

// only returns the mailboxes that the run is about, nil for all.
func (s *session) only() []string {
	var only []string
	for _, name := range s.req.Mailboxes {
		only = append(only, maildir.Canonical(name))
	}
	return only
}
