package sync

import (
	"context"
	"errors"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// Keywords are letters in file names, and each folder says for itself what they
// mean. The base remembers that, so that neither a move to another folder nor
// the loss of a table looks like a change of keywords; package maildir has the
// decision table. A file whose name does not show its keywords in the folder
// where it is gets another name before anything else is done with it.

// lettersBefore returns what the letters in a folder's names meant when it was
// last read; now is what they mean, as it is believed to have been where nobody
// noted it.
func (mb *mailbox) lettersBefore(now maildir.Keywords) maildir.Keywords {
	switch {
	case mb.row == nil:
		return maildir.Keywords{}
	case mb.row.Letters == state.LettersUnknown:
		return now
	}
	return maildir.ParseKeywords(mb.row.Letters)
}

// sawLetters takes what a look at a folder found out about its letters. Where
// that is not known no keyword changes, and the folder is looked at again.
func (s *session) sawLetters(mb *mailbox) {
	mb.keywords = &mb.table.Now
	if mb.table.Unread {
		mb.keywords = nil
		s.hold(false, mb.name)
		s.keywordsUnread(mb, mb.listing.KeywordsErr)
	}
}

// keywordsUnread reports, once a run, a table of letters that cannot be read or
// written.
func (s *session) keywordsUnread(mb *mailbox, err error) {
	s.mu.Lock()
	said := s.unlettered[mb.name]
	s.unlettered[mb.name] = true
	s.mu.Unlock()
	if !said {
		s.rep.problem(mb.name, "", &mail.Error{Op: "read or write dovecot-keywords", Mailbox: mb.name, Kind: mail.KindMailbox, Err: err,
			Hint: "changes of keywords wait there, and nothing else does"})
	}
}

// tableOf returns what the letters of a mailbox mean, from which a file came.
func (s *session) tableOf(mb *mailbox) maildir.Table {
	if mb.listing != nil {
		return mb.table
	}
	var now maildir.Keywords
	if mb.folder != nil {
		if k, err := s.keywordsOf(mb); err == nil {
			now = k
		}
	}
	return maildir.Table{Now: now, Before: mb.lettersBefore(now), Use: now}
}

// readMoved reads the name of a new file that turned out to be that of a row.
func (s *session) readMoved(row *state.Message, f *message, by matchBy) maildir.Reading {
	home, here := s.byID[row.MailboxID], s.mailboxes[f.file.Folder]
	old := s.tableOf(home)
	was := old.Was(row.Info, row.LocalFlags)
	switch {
	case by == byIntent:
		return here.table.Written(f.file, was)
	case home == here:
		return here.table.Edited(f.file, was)
	}
	return here.table.Moved(f.file, was, old)
}

// readFrom reads the name of a file that went on from a mailbox in which the base has
// its message from now on: its letters may be those of that folder. How it was called
// there is not known. It reports whether the file is elsewhere.
func (s *session) readFrom(home *mailbox, m *message) bool {
	here := s.mailboxes[m.file.Folder]
	if !m.onDisk() || here == nil || here == home || here.listing == nil {
		return false
	}
	m.row.Info = infoUnknown
	m.reading = s.readMoved(m.row, m, byContent)
	m.item.Local.Flags = m.reading.Flags
	return true
}

// readCopy reads the name of a new file that is a copy of a known one: of that
// as it is now, or as the base has it.
func (s *session) readCopy(f, origin *message) {
	home, here := s.byID[origin.row.MailboxID], s.mailboxes[f.file.Folder]
	if origin.onDisk() {
		home = s.mailboxes[origin.file.Folder]
	}
	old := s.tableOf(home)
	was := old.Was(origin.row.Info, origin.row.LocalFlags)
	if now := f.file.Letters(); origin.onDisk() && (now == origin.file.Letters() || now != was.Letters) {
		was = maildir.Was{Letters: origin.file.Letters(), Flags: origin.item.Local.Flags}
	}
	f.reading = here.table.Moved(f.file, was, old)
	if i := s.sending(f.file); i != nil {
		shown, sent := here.table.Fresh(f.file).Flags, i.Delta.Add
		f.reading.Flags = f.reading.Flags.Intersect(sent.Union(shown)).Union(sent.Intersect(shown))
	}
	f.item.Local.Flags = f.reading.Flags
}

// sending returns what the journal says of an upload of a file that is where it was
// then, nil if it says nothing. Its name showed all that it had: what it was sent with
// and shows is its own, whatever that letter means where the original is, and what the
// original got since is no keyword of this file.
func (s *session) sending(f maildir.File) *state.Intent {
	for _, i := range s.intendedAppends(f.Folder) {
		if i.Base == f.Base() && !isCopy(i) {
			return i
		}
	}
	return nil
}

// hidden reports whether the name of a file that this cycle saw does not show
// the file's keywords.
func (s *session) hidden(m *message) bool {
	if !m.onDisk() || !m.item.Local.State.Present() {
		return false
	}
	mb := s.mailboxes[m.file.Folder]
	return mb != nil && mb.listing != nil && !mb.table.Unread && !mb.table.Shows(m.file, m.item.Local.Flags)
}

// noteLetters says in the items of a plan which files are to get another name.
func (s *session) noteLetters(items []*plan.Item) {
	for _, it := range items {
		if !s.req.Pull {
			s.takeKeywords(it)
		}
		it.Hidden = s.hidden(ref(it))
	}
}

// takeKeywords gives a file that is to become a copy on the server the keywords
// that the original has by then, as far as its name cannot say that it has them not:
// the server's copy has them from its first moment, and no letter that the folder
// knows is missing in the name.
func (s *session) takeKeywords(it *plan.Item) {
	src := it.CopyOf
	if it.InBase || it.Local.State != plan.New || it.Remote.State != plan.Absent || src == nil || !src.Remote.State.Present() || src.Trashed {
		return
	}
	from, here := s.mailboxes[src.Remote.Mailbox], s.mailboxes[it.Local.Mailbox]
	f := ref(it).file
	silent := f.Name == f.Base() // says nothing of flags at all
	d := src.Local.Delta()       // goes to the server before the copy is made
	if from != nil {
		d.Add = s.keeps(from).Stores(d.Add)
	}
	for _, kw := range src.Remote.Flags.Apply(d).Minus(it.Local.Flags).Keywords() {
		if _, known := here.table.Before.Letter(kw); silent || !known {
			it.Local.Flags = it.Local.Flags.Union(mail.NewFlags(kw))
		}
	}
}

// restoreLetters gives letters the meaning that the base remembers of them, in
// folders whose table lost it. Where that fails nothing is named by the table.
func (a *applier) restoreLetters() {
	for _, name := range a.names {
		mb := a.mailboxes[name]
		if mb.listing == nil || !mb.table.Forgotten() || mb.frozen() {
			continue
		}
		if a.req.Push || !a.asked(name) {
			a.hold(false, name)
			continue
		}
		a.mu.Lock()
		_, err := a.giveLetters(mb, nil)
		a.mu.Unlock()
		if err != nil {
			a.lettersWait(mb, err)
			a.hold(false, name)
			continue
		}
		a.did.Store(true)
	}
}

// letters returns the keyword letters of a folder after giving one to each
// keyword in flags, as far as there are letters. Where the table cannot be read
// or written, keywords wait: the mailbox is asked for them again.
func (a *applier) letters(folder string, flags mail.Flags) (k maildir.Keywords, waits bool, err error) {
	mb := a.mailboxes[folder]
	a.mu.Lock()
	k, err = a.lettersLocked(mb, flags)
	a.mu.Unlock()
	if err = diskFull(err); err == nil || mail.KindOf(err) == mail.KindAccount {
		return k, false, err
	}
	a.lettersWait(mb, err)
	a.hold(true, folder)
	return maildir.Keywords{}, true, nil
}

// lettersWait notes why a folder's letters could not be given or read. Where another
// program gave them a new meaning meanwhile, the next cycle sees what it named by them.
func (a *applier) lettersWait(mb *mailbox, err error) {
	if !errors.Is(err, mail.ErrChanged) {
		a.keywordsUnread(mb, err)
		return
	}
	a.hold(false, mb.name)
	a.mu.Lock()
	defer a.mu.Unlock()
	mb.overtaken, a.moved = true, true
}

func (a *applier) lettersLocked(mb *mailbox, flags mail.Flags) (maildir.Keywords, error) {
	k, err := a.keywordsOf(mb)
	if err != nil {
		return k, err
	}
	short := func() mail.Flags {
		_, unheld := k.Name(maildir.File{Folder: mb.name}, flags, "x")
		return unheld
	}
	if k.Holds(mb.lettersBefore(k)) && short().IsEmpty() {
		return k, nil
	}
	if k, err = a.giveLetters(mb, flags.Keywords()); err != nil {
		return k, err
	}
	if unheld := short(); !unheld.IsEmpty() {
		a.unheld[mb.name] = a.unheld[mb.name].Union(unheld)
	}
	return k, nil
}

// giveLetters gives each of the keywords a letter in a folder. Called with the
// lock held.
func (a *applier) giveLetters(mb *mailbox, names []string) (maildir.Keywords, error) {
	had, err := a.keywordsOf(mb)
	if err != nil {
		return had, err
	}
	before := mb.lettersBefore(had)
	seen := before // by a folder that was not looked at, nothing has changed
	if mb.listing != nil {
		seen = mb.table.Now
	}
	k, err := a.store.GiveLetters(mb.name, names, before, seen)
	if err != nil {
		return k, err
	}
	mb.keywords = &k
	mb.localDirty = true
	if mb.listing != nil {
		mb.table.Now, mb.table.Use = k, k
	} else if mb.row != nil && mb.row.Letters != state.LettersUnknown {
		// The names in the folder were not looked at, so of what another
		// program added nothing is remembered.
		given := before.Gained(k, names)
		mb.given = &given
	}
	return k, nil
}

// showLetters gives files the names that show their keywords in the folders
// where they are. It comes before all that names them in the base or the
// journal, and is durable then.
func (a *applier) showLetters(ctx context.Context, ops []plan.Op) error {
	a.restoreLetters()
	folders := map[string]bool{}
	given := map[maildir.File]bool{} // names, which the base does not know yet
	for i := range ops {
		op := &ops[i]
		if op.Kind != plan.LocalLetters {
			continue
		}
		if err := a.showLetter(ctx, op, given); err != nil {
			if fatal(ctx, err) {
				return err
			}
			a.skip(op, err)
			continue
		}
		folders[op.Mailbox] = true
	}
	for f := range folders {
		if err := a.store.SyncFolders(ctx, f); err != nil {
			return diskFull(err)
		}
	}
	return nil
}

func (a *applier) showLetter(ctx context.Context, op *plan.Op, given map[maildir.File]bool) error {
	m, mb := ref(op.Item), a.mailboxes[op.Mailbox]
	k, waits, err := a.letters(op.Mailbox, m.item.Local.Flags)
	if err != nil || waits {
		return err
	}
	target, unheld := k.Name(m.file.Without(m.reading.Explained), m.item.Local.Flags, "")
	if target != m.file {
		err := a.store.Rename(ctx, m.file, target)
		if errors.Is(err, mail.ErrExists) {
			// Two files of one unique part, of which the other one has the name.
			if is, dberr := a.anothers(ctx, m, target); dberr != nil || !is && !given[target] {
				return errors.Join(err, dberr)
			}
			a.newBase(&target)
			err = a.store.Rename(ctx, m.file, target)
		}
		if err != nil {
			return diskFull(err)
		}
		given[target] = true
		a.mu.Lock()
		mb.localDirty = true
		a.mu.Unlock()
		a.fileRemoved(m.file)
		a.fileAdded(target)
		m.file = target
		a.done(op)
	}
	if !unheld.IsEmpty() {
		m.cannotHold(unheld)
	}
	return nil
}

// offer makes keywords that the old folder of a message had no letter for count
// as set on the server: its new folder may have one.
func (m *message) offer() {
	m.item.Remote.Base = m.item.Remote.Base.Minus(m.row.RemoteFlags.OnlyKeywords().Minus(m.row.LocalFlags))
}

// cannotHold takes out of what the base says of a file the keywords for which no
// letter is left: they stay on the server.
func (m *message) cannotHold(unheld mail.Flags) {
	m.cannot = m.cannot.Union(unheld)
	m.item.Local.Flags = m.item.Local.Flags.Minus(unheld)
	m.item.Local.Base = m.item.Local.Base.Minus(unheld)
	if m.row != nil {
		m.row.LocalFlags = m.row.LocalFlags.Minus(unheld)
	}
}
