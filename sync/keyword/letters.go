package keyword

import (
	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// SawLetters takes what a look at a folder found out about its letters. Where
// that is not known no keyword changes, and the folder is looked at again.
func (s *Keywords) SawLetters(mb *view.Mailbox) {
	mb.Keywords = &mb.Table.Now
	if mb.Table.Unread {
		mb.Keywords = nil
		s.HoldStamp(mb.Name)
		s.KeywordsUnread(mb, mb.Listing.KeywordsErr)
	}
}

// KeywordsUnread reports, once a run, a table of letters that cannot be read or
// written.
func (s *Keywords) KeywordsUnread(mb *view.Mailbox, err error) {
	s.Mu.Lock()
	said := s.Unlettered[mb.Name]
	s.Unlettered[mb.Name] = true
	s.Mu.Unlock()
	if !said {
		s.Rep.Problem(mb.Name, "", &mail.Error{Op: "read or write dovecot-keywords", Mailbox: mb.Name, Kind: mail.KindMailbox, Err: err,
			Hint: "changes of keywords wait there, and nothing else does"})
	}
}

// TableOf returns what the letters of a mailbox mean, from which a file came.
func (s *Keywords) TableOf(mb *view.Mailbox) maildir.Table {
	if mb.Listing != nil {
		return mb.Table
	}
	var now maildir.Keywords
	if mb.Folder != nil {
		if k, err := s.KeywordsOf(mb); err == nil {
			now = k
		}
	}
	return maildir.Table{Now: now, Before: LettersBefore(mb, now), Use: now}
}

// Hidden reports whether the name of a file that this cycle saw does not show
// the file's keywords.
func (s *Keywords) Hidden(m *view.Message) bool {
	if !m.OnDisk() || !m.Item.Local.State.Present() {
		return false
	}
	mb := s.Mailboxes[m.File.Folder]
	return mb != nil && mb.Listing != nil && !mb.Table.Unread && !mb.Table.Shows(m.File, m.Item.Local.Flags)
}

// NoteLetters says in the items of a plan which files are to get another name.
func (s *Keywords) NoteLetters(items []*plan.Item) {
	for _, it := range items {
		if !s.Req.Pull {
			s.takeKeywords(it)
		}
		it.Hidden = s.Hidden(view.Ref(it))
	}
}

// takeKeywords gives a file that is to become a copy on the server the keywords
// that the original has by then, as far as its name cannot say that it has them not:
// the server's copy has them from its first moment, and no letter that the folder
// knows is missing in the name.
func (s *Keywords) takeKeywords(it *plan.Item) {
	src := it.CopyOf
	if it.InBase || it.Local.State != plan.New || it.Remote.State != plan.Absent || src == nil || !src.Remote.State.Present() || src.Trashed {
		return
	}
	from, here := s.Mailboxes[src.Remote.Mailbox], s.Mailboxes[it.Local.Mailbox]
	f := view.Ref(it).File
	silent := f.Name == f.Base() // says nothing of flags at all
	d := src.Local.Delta()       // goes to the server before the copy is made
	if from != nil {
		d.Add = s.quirks.PermanentFlags(from).Stores(d.Add)
	}
	for _, kw := range src.Remote.Flags.Apply(d).Minus(it.Local.Flags).Keywords() {
		if _, known := here.Table.Before.Letter(kw); silent || !known {
			it.Local.Flags = it.Local.Flags.Union(mail.NewFlags(kw))
		}
	}
}

// LettersBefore returns what the letters in a folder's names meant when it was
// last read; now is what they mean, as it is believed to have been where nobody
// noted it.
func LettersBefore(mb *view.Mailbox, now maildir.Keywords) maildir.Keywords {
	switch {
	case mb.Row == nil:
		return maildir.Keywords{}
	case mb.Row.Letters == state.LettersUnknown:
		return now
	}
	return maildir.ParseKeywords(mb.Row.Letters)
}

// Offer makes keywords that the old folder of a message had no letter for count
// as set on the server: its new folder may have one.
func Offer(m *view.Message) {
	m.Item.Remote.Base = m.Item.Remote.Base.Minus(m.Row.RemoteFlags.OnlyKeywords().Minus(m.Row.LocalFlags))
}

// CannotHold takes out of what the base says of a file the keywords for which no
// letter is left: they stay on the server.
func CannotHold(m *view.Message, unheld mail.Flags) {
	m.Cannot = m.Cannot.Union(unheld)
	m.Item.Local.Flags = m.Item.Local.Flags.Minus(unheld)
	m.Item.Local.Base = m.Item.Local.Base.Minus(unheld)
	if m.Row != nil {
		m.Row.LocalFlags = m.Row.LocalFlags.Minus(unheld)
	}
}
