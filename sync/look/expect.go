package look

import (
	"context"

	"satchel/maildir"
	"satchel/sync/view"
)

// A run changes folders, and then has to look at them once more: somebody else
// may have changed them too. What they hold if nobody did is known by adding up
// this run's own changes. If the names are just those, there is nothing to
// compare with the base, whatever the size of the folder.

// ExpectedIn returns the fingerprint with which the folder begins the cycle.
func (s *Look) ExpectedIn(mb *view.Mailbox) *maildir.Fingerprint {
	if mb.Row == nil {
		return nil
	}
	if p, ok := s.Expected[mb.Row.ID]; ok {
		return &p
	}
	if mb.FolderAsKnown() && mb.Row.Files > 0 {
		return &maildir.Fingerprint{Files: mb.Row.Files - 1, Sum: mb.Row.Names}
	}
	return nil
}

// Expect keeps the fingerprint for the next cycle, if all that was seen in the
// folder is in the base.
func (s *Look) Expect(mb *view.Mailbox, settled bool) {
	if mb.Expected == nil || !settled {
		delete(s.Expected, mb.Row.ID)
		return
	}
	s.Expected[mb.Row.ID] = *mb.Expected
}

// confirmFolder looks at a folder that this run changed; nil when there is more
// to it than that.
func (s *Look) confirmFolder(ctx context.Context, mb *view.Mailbox) *view.FolderLook {
	row := mb.Row
	if row == nil || s.Req.Full || s.Restored || s.Unfinished.Pending[row.ID] || s.hasIntent(mb) {
		return nil
	}
	want, ok := s.Expected[row.ID]
	if !ok {
		return nil
	}
	st, same, err := s.Store.Confirm(ctx, mb.Name, want)
	if err != nil || !same {
		return nil
	}
	k, err := s.Store.ReadKeywords(mb.Name)
	if err != nil || k.Encode() != row.Letters {
		return nil // what the names say may be another thing
	}
	return &view.FolderLook{Listing: &maildir.Listing{Stamp: st, Keywords: k}, Table: maildir.Table{Now: k, Before: k, Use: k}, Names: want}
}

// FileAdded and FileRemoved note what this run did to a folder.
func (s *Look) FileAdded(f maildir.File) {
	s.changeExpected(f.Folder, func(p *maildir.Fingerprint) { p.Add(f) })
}

// FileRemoved notes that this run took a file out of its folder. Called by workers.
func (s *Look) FileRemoved(f maildir.File) {
	s.changeExpected(f.Folder, func(p *maildir.Fingerprint) { p.Remove(f) })
}

func (s *Look) changeExpected(folder string, change func(*maildir.Fingerprint)) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if mb := s.Mailboxes[folder]; mb != nil && mb.Expected != nil {
		change(mb.Expected)
	}
}

// Unexpected gives up on folders where something failed half way.
func (s *Look) Unexpected(folders ...string) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for _, f := range folders {
		if mb := s.Mailboxes[f]; mb != nil {
			mb.Expected = nil
		}
	}
}
