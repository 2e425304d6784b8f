package absence

import (
	"context"

	"satchel/sync/plan"
	"satchel/sync/run"
)

// KeepUnshown takes back that messages went, where the server is behind. What has no
// file any more is removed once the server shows it.
func (s *Absence) KeepUnshown(context.Context) error {
	for _, m := range s.Messages {
		mb := s.ByID[m.Row.MailboxID]
		if m.Item.Remote.State == plan.Removed && !m.UIDVoid && mb != nil && mb.Changes != nil && !mb.UIDsVoid &&
			!s.Trashed(m) && s.look.Beyond(m, mb) && s.look.MayBeShown(mb.Name) {
			s.look.Keep(m, mb)
			m.Item.Awaited = m.Item.Local.State == plan.Removed
		}
	}
	stale := s.look.LeaveStale()
	s.Unshown = s.Unshown || len(stale) > 0
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		s.Unshown = s.Unshown || mb.Behind > 0
		switch {
		case mb.Behind > 0:
			s.HoldCursor(name)
			s.look.SayBehind(mb)
		case stale[mb]:
			s.HoldCursor(name)
			s.Rep.Notice("%s: the server still shows messages that have left it; they are left alone until it shows them no more, "+
				"for a day at most", name)
		case mb.Changes != nil:
			s.quirks.Absolve(run.Fault{Mailbox: name, What: run.FaultBehind}) // it has caught up
		}
	}
	return nil
}
