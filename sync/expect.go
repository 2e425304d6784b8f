package sync

import (
	"context"

	"satchel/maildir"
)

// A run changes folders, and then has to look at them once more: somebody else
// may have changed them too. What they hold if nobody did is known by adding up
// this run's own changes. If the names are just those, there is nothing to
// compare with the base, whatever the size of the folder.

// expectedIn returns the fingerprint with which the folder begins the cycle.
func (s *session) expectedIn(mb *mailbox) *maildir.Fingerprint {
	if mb.row == nil {
		return nil
	}
	if p, ok := s.expected[mb.row.ID]; ok {
		return &p
	}
	if mb.folderAsKnown() && mb.row.Files > 0 {
		return &maildir.Fingerprint{Files: mb.row.Files - 1, Sum: mb.row.Names}
	}
	return nil
}

// expect keeps the fingerprint for the next cycle, if all that was seen in the
// folder is in the base.
func (s *session) expect(mb *mailbox, settled bool) {
	if mb.expected == nil || !settled {
		delete(s.expected, mb.row.ID)
		return
	}
	s.expected[mb.row.ID] = *mb.expected
}

// confirmFolder looks at a folder that this run changed; nil when there is more
// to it than that.
func (s *session) confirmFolder(ctx context.Context, mb *mailbox) *folderLook {
	row := mb.row
	if row == nil || s.req.Full || s.restored || s.pending[row.ID] || s.hasIntent(mb) {
		return nil
	}
	want, ok := s.expected[row.ID]
	if !ok {
		return nil
	}
	st, same, err := s.store.Confirm(ctx, mb.name, want)
	if err != nil || !same {
		return nil
	}
	k, err := s.store.ReadKeywords(mb.name)
	if err != nil || k.Encode() != row.Letters {
		return nil // what the names say may be another thing
	}
	return &folderLook{listing: &maildir.Listing{Stamp: st, Keywords: k}, table: maildir.Table{Now: k, Before: k, Use: k}, names: want}
}

// fileAdded and fileRemoved note what this run did to a folder.
func (s *session) fileAdded(f maildir.File) {
	s.changeExpected(f.Folder, func(p *maildir.Fingerprint) { p.Add(f) })
}

// fileRemoved notes that this run took a file out of its folder. Called by workers.
func (s *session) fileRemoved(f maildir.File) {
	s.changeExpected(f.Folder, func(p *maildir.Fingerprint) { p.Remove(f) })
}

func (s *session) changeExpected(folder string, change func(*maildir.Fingerprint)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if mb := s.mailboxes[folder]; mb != nil && mb.expected != nil {
		change(mb.expected)
	}
}

// unexpected gives up on folders where something failed half way.
func (s *session) unexpected(folders ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range folders {
		if mb := s.mailboxes[f]; mb != nil {
			mb.expected = nil
		}
	}
}
