package survey

import (
	"slices"

	"satchel/maildir"
	"satchel/sync/look"
	"satchel/sync/view"
)

// halfFolder leaves out a directory with only one of cur and new that was never a
// mailbox: a project may have a directory called new.
func (s *Survey) halfFolder(f *maildir.Folder, known bool) bool {
	if known || f.Cur == f.New {
		return false
	}
	has, lacks := "cur", "new"
	if f.New {
		has, lacks = lacks, has
	}
	s.Halves = append(s.Halves, f.Name)
	s.Rep.Notice("the directory %s has %s and no %s, so it is no mailbox and is left alone", f.Name, has, lacks)
	return true
}

// FreezeSkipped says which directories were left out, and keeps the mailboxes as
// they are that these were: nothing is known of them or of those below.
func (s *Survey) FreezeSkipped(skipped []maildir.Skipped) {
	skipped = slices.DeleteFunc(slices.Clone(skipped), s.leavesAlone)
	// In Maildir++ all folders are in the root, which is INBOX's: unchanged
	// since, it would not be listed again, and nothing more be said.
	s.SayAgain = len(skipped) > 0
	for _, sk := range skipped {
		was := s.FreezeWithin(sk.Name)
		switch {
		case sk.Odd == maildir.Unnamed:
			s.Elsewhere = look.AppendPlace(s.Elsewhere, view.Place{Dir: sk.Path, Name: sk.Rel})
		case sk.Odd == maildir.Unseen, sk.Odd == maildir.Nowhere && was, sk.Odd == maildir.Closed && was:
			s.HidesIn(sk.Rel, sk.Err)
		}
		if was || sk.Odd == maildir.Unseen || sk.Odd == maildir.Nowhere || sk.Odd == maildir.Unnamed {
			s.Rep.Problem(sk.Name, sk.Path, sk.Err)
		} else {
			s.Rep.Notice("%v", sk.Err)
		}
	}
}

// leavesAlone reports whether the configuration says of a directory that it is no
// matter of ours, by the name of its mailbox or by its own.
func (s *Survey) leavesAlone(sk maildir.Skipped) bool {
	return sk.Name != "" && !s.Wanted(sk.Name) ||
		s.excludes(sk.Rel)
}
