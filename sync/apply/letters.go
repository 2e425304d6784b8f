package apply

import (
	"context"
	"errors"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/keyword"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// Keywords are letters in file names, and each folder says for itself what they
// mean. The base remembers that, so that neither a move to another folder nor
// the loss of a table looks like a change of keywords; package maildir has the
// decision table. A file whose name does not show its keywords in the folder
// where it is gets another name before anything else is done with it.

// restoreLetters gives letters the meaning that the base remembers of them, in
// folders whose table lost it. Where that fails nothing is named by the table.
func (a *applier) restoreLetters() {
	for _, name := range a.Names {
		mb := a.Mailboxes[name]
		if mb.Listing == nil || !mb.Table.Forgotten() || mb.Frozen() {
			continue
		}
		if a.Req.Push || !a.Asked(name) {
			a.HoldStamp(name)
			continue
		}
		a.Mu.Lock()
		_, err := a.giveLetters(mb, nil)
		a.Mu.Unlock()
		if err != nil {
			a.lettersWait(mb, err)
			a.HoldStamp(name)
			continue
		}
		a.did.Store(true)
	}
}

// letters returns the keyword letters of a folder after giving one to each
// keyword in flags, as far as there are letters. Where the table cannot be read
// or written, keywords wait: the mailbox is asked for them again.
func (a *applier) letters(folder string, flags mail.Flags) (k maildir.Keywords, waits bool, err error) {
	mb := a.Mailboxes[folder]
	a.Mu.Lock()
	k, err = a.lettersLocked(mb, flags)
	a.Mu.Unlock()
	if err = diskFull(err); err == nil || mail.KindOf(err) == mail.KindAccount {
		return k, false, err
	}
	a.lettersWait(mb, err)
	a.HoldCursor(folder)
	return maildir.Keywords{}, true, nil
}

// lettersWait notes why a folder's letters could not be given or read. Where another
// program gave them a new meaning meanwhile, the next cycle sees what it named by them.
func (a *applier) lettersWait(mb *view.Mailbox, err error) {
	if !errors.Is(err, mail.ErrChanged) {
		a.keyword.KeywordsUnread(mb, err)
		return
	}
	a.HoldStamp(mb.Name)
	a.Mu.Lock()
	defer a.Mu.Unlock()
	mb.Overtaken, a.Moved = true, true
}

func (a *applier) lettersLocked(mb *view.Mailbox, flags mail.Flags) (maildir.Keywords, error) {
	k, err := a.KeywordsOf(mb)
	if err != nil {
		return k, err
	}
	short := func() mail.Flags {
		_, unheld := k.Name(maildir.File{Folder: mb.Name}, flags, "x")
		return unheld
	}
	if k.Holds(keyword.LettersBefore(mb, k)) && short().IsEmpty() {
		return k, nil
	}
	if k, err = a.giveLetters(mb, flags.Keywords()); err != nil {
		return k, err
	}
	if unheld := short(); !unheld.IsEmpty() {
		a.Unheld[mb.Name] = a.Unheld[mb.Name].Union(unheld)
	}
	return k, nil
}

// giveLetters gives each of the keywords a letter in a folder. Called with the
// lock held.
func (a *applier) giveLetters(mb *view.Mailbox, names []string) (maildir.Keywords, error) {
	had, err := a.KeywordsOf(mb)
	if err != nil {
		return had, err
	}
	before := keyword.LettersBefore(mb, had)
	seen := before // by a folder that was not looked at, nothing has changed
	if mb.Listing != nil {
		seen = mb.Table.Now
	}
	k, err := a.Store.GiveLetters(mb.Name, names, before, seen)
	if err != nil {
		return k, err
	}
	mb.Keywords = &k
	mb.LocalDirty = true
	if mb.Listing != nil {
		mb.Table.Now, mb.Table.Use = k, k
	} else if mb.Row != nil && mb.Row.Letters != state.LettersUnknown {
		// The names in the folder were not looked at, so of what another
		// program added nothing is remembered.
		given := before.Gained(k, names)
		mb.Given = &given
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
			if pool.Fatal(ctx, err) {
				return err
			}
			a.skip(op, err)
			continue
		}
		folders[op.Mailbox] = true
	}
	for f := range folders {
		if err := a.Store.SyncFolders(ctx, f); err != nil {
			return diskFull(err)
		}
	}
	return nil
}

func (a *applier) showLetter(ctx context.Context, op *plan.Op, given map[maildir.File]bool) error {
	m, mb := view.Ref(op.Item), a.Mailboxes[op.Mailbox]
	k, waits, err := a.letters(op.Mailbox, m.Item.Local.Flags)
	if err != nil || waits {
		return err
	}
	target, unheld := k.Name(m.File.Without(m.Reading.Explained), m.Item.Local.Flags, "")
	if target != m.File {
		err := a.Store.Rename(ctx, m.File, target)
		if errors.Is(err, mail.ErrExists) {
			// Two files of one unique part, of which the other one has the name.
			if is, dberr := a.anothers(ctx, m, target); dberr != nil || !is && !given[target] {
				return errors.Join(err, dberr)
			}
			a.newBase(&target)
			err = a.Store.Rename(ctx, m.File, target)
		}
		if err != nil {
			return diskFull(err)
		}
		given[target] = true
		a.Mu.Lock()
		mb.LocalDirty = true
		a.Mu.Unlock()
		a.look.FileRemoved(m.File)
		a.look.FileAdded(target)
		m.File = target
		a.done(op)
	}
	if !unheld.IsEmpty() {
		keyword.CannotHold(m, unheld)
	}
	return nil
}
