package match

import (
	"slices"

	"satchel/sync/view"
)

// stillOpen returns the messages that are not paired yet and that may still be one
// of their files. It drops the files that are paired.
func stillOpen(list []*resemblance) []*resemblance {
	return slices.DeleteFunc(slices.Clone(list), func(a *resemblance) bool {
		a.files = slices.DeleteFunc(a.files, func(f *view.Message) bool { return f.Paired() })
		return a.m.Done || len(a.files) == 0
	})
}

// known returns the messages that the server sent so far what was asked for.
func known(list []*resemblance) []*resemblance {
	return slices.DeleteFunc(slices.Clone(list), func(a *resemblance) bool { return a.unknown })
}

// leaveUnknown leaves the messages alone of which nobody can say now whether they are
// one of the files, and says so.
func (s *Match) leaveUnknown(list []*resemblance) {
	for _, a := range stillOpen(list) {
		if !a.unknown {
			continue
		}
		s.leaveAlike(a)
		s.Rep.Notice("%s: new messages there may be files of the Maildir, and the server did not send, or the disk did not give, what would tell; they wait",
			a.m.Item.Remote.Mailbox)
	}
}

// leaveAlike leaves a message alone, and the files that it may be: taken for others,
// they would become two.
func (s *Match) leaveAlike(a *resemblance) {
	a.m.Done = true
	s.HoldCursor(a.m.Item.Remote.Mailbox)
	for _, f := range a.files {
		switch i := a.announced[f]; {
		case f.Row == nil:
			s.leaveFile(f)
		case f.UIDVoid:
			s.ByID[f.Row.MailboxID].RemoteIncomplete = true
		case i != nil:
			f.Unsettled = true
			s.Waiting = append(s.Waiting, i)
		}
	}
}

// leaveFile leaves a new file alone. The journal keeps the uploads of its content: an
// altered message may be known by them only.
func (s *Match) leaveFile(f *view.Message) {
	f.Done, f.Left = true, true
	s.HoldStamp(f.File.Folder)
	for _, i := range s.Intents {
		if i.Uploads() && i.Digest == f.Content.Digest {
			s.Waiting = append(s.Waiting, i)
		}
	}
}
