package match

import (
	"satchel/maildir"
	"satchel/state"
	"satchel/sync/view"
)

// ReadFrom reads the name of a file that went on from a mailbox in which the base has
// its message from now on: its letters may be those of that folder. How it was called
// there is not known. It reports whether the file is elsewhere.
func (s *Match) ReadFrom(home *view.Mailbox, m *view.Message) bool {
	here := s.Mailboxes[m.File.Folder]
	if !m.OnDisk() || here == nil || here == home || here.Listing == nil {
		return false
	}
	m.Row.ForgetName(state.FileNameUnknown)
	m.Reading = s.readMoved(m.Row, m, byContent)
	m.Item.Local.Flags = m.Reading.Flags
	return true
}

// readMoved reads the name of a new file that turned out to be that of a row.
func (s *Match) readMoved(row *state.Message, f *view.Message, by matchBy) maildir.Reading {
	home, here := s.ByID[row.MailboxID], s.Mailboxes[f.File.Folder]
	old := s.keyword.TableOf(home)
	was := old.Was(view.FileOf(home.Name, row), row.LocalFlags)
	switch {
	case by == byIntent:
		return here.Table.Written(f.File, was)
	case home == here:
		return here.Table.Edited(f.File, was)
	}
	return here.Table.Moved(f.File, was, old)
}

// readCopy reads the name of a new file that is a copy of a known one: of that
// as it is now, or as the base has it.
func (s *Match) readCopy(f, origin *view.Message) {
	home, here := s.ByID[origin.Row.MailboxID], s.Mailboxes[f.File.Folder]
	if origin.OnDisk() {
		home = s.Mailboxes[origin.File.Folder]
	}
	old := s.keyword.TableOf(home)
	was := old.Was(view.FileOf(home.Name, origin.Row), origin.Row.LocalFlags)
	if now := f.File.Letters(); origin.OnDisk() && (now == origin.File.Letters() || now != was.Letters) {
		was = maildir.Was{Letters: origin.File.Letters(), Flags: origin.Item.Local.Flags}
	}
	f.Reading = here.Table.Moved(f.File, was, old)
	if i := s.sending(f.File); i != nil {
		shown, sent := here.Table.Fresh(f.File).Flags, i.Delta.Add
		f.Reading.Flags = f.Reading.Flags.Intersect(sent.Union(shown)).Union(sent.Intersect(shown))
	}
	f.Item.Local.Flags = f.Reading.Flags
}

// sending returns what the journal says of an upload of a file that is where it was
// then, nil if it says nothing. Its name showed all that it had: what it was sent with
// and shows is its own, whatever that letter means where the original is, and what the
// original got since is no keyword of this file.
func (s *Match) sending(f maildir.File) *state.Intent {
	for _, i := range s.IntendedAppends(f.Folder) {
		if i.Base == f.Base() && i.Kind == state.IntentAppend {
			return i
		}
	}
	return nil
}
