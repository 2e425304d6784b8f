package decide

import (
	"fmt"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// Plan translates the view into the planner's terms.
func (s *Decide) Plan() *plan.Plan {
	in := plan.Input{Policy: s.Account.Policy, Pull: s.Req.Pull, Push: s.Req.Push, Trash: s.Trash, LocalBlind: s.LocalIncomplete, RemoteBlind: s.RemoteIncomplete}
	in.Only, in.Messages, in.Lost = s.Only(), s.Before[""], s.lately
	if !s.Req.AllowMassDelete {
		in.MaxDeletePercent = s.Account.MaxDeletePct
	}
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		pm := plan.Mailbox{Name: name, InBase: mb.Row != nil, Local: mb.Folder != nil, Remote: mb.Remote != nil,
			BaseMessages: mb.BaseCount, Frozen: mb.Frozen(), Letterless: mb.Listing != nil && mb.Table.Unread}
		if mb.Remote != nil {
			pm.Subscribed = mb.Remote.Subscribed
		}
		s.Mu.Lock()
		s.quirks.DescribeFlags(&pm, mb)
		s.Mu.Unlock()
		in.Mailboxes = append(in.Mailboxes, pm)
	}
	for _, m := range s.Messages {
		m.ID, m.Home = m.Row.ID, s.ByID[m.Row.MailboxID].Name
		m.Item.Home = m.Home
		if m.UID == 0 && m.Row.UID == 0 && m.Item.Remote.State.Present() {
			// Its mailbox was not looked at, so that it was not missed there.
			view.HoldAll([]*view.Message{m}, "where it is on the server is not known yet")
		}
		if it := &m.Item; it.Local.State != plan.Same || it.Remote.State != plan.Same || s.keyword.Hidden(m) {
			in.Items = append(in.Items, it)
		}
	}
	for _, list := range [][]*view.Message{s.NewLocal, s.NewRemote, s.Paired} {
		for _, m := range list {
			in.Items = append(in.Items, &m.Item)
		}
	}
	s.keyword.NoteLetters(in.Items)
	p := plan.Make(in)
	s.look.PostponeDeletes(p)
	if p.NoTrash > 0 {
		s.Rep.Problem("", "", &mail.Error{Op: "delete = \"trash\"", Kind: mail.KindMailbox,
			Err:  fmt.Errorf("no mailbox is marked \\Trash or called so; %d removals wait", p.NoTrash),
			Hint: "make a mailbox Trash, or set delete = \"expunge\""})
	}
	return p
}
