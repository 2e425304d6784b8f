package sync

import (
	"slices"

	"satchel/state"
	"satchel/sync/plan"
)

// stillOpen returns the messages that are not paired yet and that may still be one
// of their files. It drops the files that are paired.
func stillOpen(list []*resemblance) []*resemblance {
	return slices.DeleteFunc(slices.Clone(list), func(a *resemblance) bool {
		a.files = slices.DeleteFunc(a.files, func(f *message) bool { return f.paired() })
		return a.m.done || len(a.files) == 0
	})
}

// paired reports whether a file found its message, or needs none.
func (m *message) paired() bool {
	if m.row != nil {
		return m.item.Remote.State != plan.Removed
	}
	return m.done && !m.left
}

// known returns the messages that the server sent so far what was asked for.
func known(list []*resemblance) []*resemblance {
	return slices.DeleteFunc(slices.Clone(list), func(a *resemblance) bool { return a.unknown })
}

// leaveUnknown leaves the messages alone of which nobody can say now whether they are
// one of the files, and says so.
func (s *session) leaveUnknown(list []*resemblance) {
	for _, a := range stillOpen(list) {
		if !a.unknown {
			continue
		}
		s.leaveAlike(a)
		s.rep.notice("%s: new messages there may be files of the Maildir, and the server did not send, or the disk did not give, what would tell; they wait",
			a.m.item.Remote.Mailbox)
	}
}

// leaveAlike leaves a message alone, and the files that it may be: taken for others,
// they would become two.
func (s *session) leaveAlike(a *resemblance) {
	a.m.done = true
	s.hold(true, a.m.item.Remote.Mailbox)
	for _, f := range a.files {
		switch i := a.announced[f]; {
		case f.row == nil:
			s.leaveFile(f)
		case f.detached:
			s.byID[f.row.MailboxID].blindRemote = true
		case i != nil:
			f.unsettled = true
			s.waiting = append(s.waiting, i)
		}
	}
}

// leaveFile leaves a new file alone. The journal keeps the uploads of its content: an
// altered message may be known by them only.
func (s *session) leaveFile(f *message) {
	f.done, f.left = true, true
	s.hold(false, f.file.Folder)
	for _, i := range s.intents {
		if i.Kind == state.IntentAppend && i.Digest == f.content.Digest {
			s.waiting = append(s.waiting, i)
		}
	}
}
