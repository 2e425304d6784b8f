package check

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/look"
	"satchel/sync/mail"
	"satchel/sync/view"
)

// folder reads every file of a mailbox and compares it with the base.
func (c *Checker) folder(ctx context.Context, mb *state.Mailbox) error {
	l, err := c.store.Scan(ctx, mb.Name)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		if n, cerr := c.db.Count(ctx, mb.ID); cerr == nil && errors.Is(err, mail.ErrGone) {
			c.here.blind[mb.ID] = true
			c.rep.Waiting += n // the folder was removed
			return nil
		}
		c.here.blind[mb.ID] = true
		c.found(FoundUnopened, mb, nil, "the folder cannot be read: %v", err)
		return nil
	}
	f := newFolderCheck(mb, l)
	defer func() { c.letters(f) }()
	for _, file := range l.Files {
		f.read(file)
	}
	files := map[int64]maildir.File{} // by row
	shared := map[int64][]maildir.File{}
	err = look.ByBase(ctx, c.db, mb.ID, l.Files, func(rows []state.Name, same []maildir.File) {
		for i := range rows {
			n := &rows[i]
			switch at := view.Named(n, same); {
			case at >= 0:
				files[n.ID] = same[at]
			case len(rows) == 1 && len(same) == 1:
				files[n.ID] = same[0]
			case len(same) > 0:
				shared[n.ID] = slices.Clone(same)
			}
		}
	})
	if err != nil {
		return err
	}
	taken := make(map[maildir.File]bool, len(files))
	for _, f := range files {
		taken[f] = true
	}
	known := 0
	err = c.db.All(ctx, mb.ID, func(row *state.Message) error {
		file, ok := files[row.ID]
		if !ok {
			file, ok = c.holder(ctx, row, shared[row.ID], taken)
			taken[file] = true
		}
		if !ok {
			c.rep.Waiting++
			return ctx.Err()
		}
		known++
		return c.file(ctx, f, row, file)
	})
	c.rep.Waiting += len(l.Files) - known
	return err
}

// holder returns which of several files that share a name, and of which the row
// names none, holds the message of the row.
func (c *Checker) holder(ctx context.Context, row *state.Message, files []maildir.File, taken map[maildir.File]bool) (maildir.File, bool) {
	for _, f := range files {
		if taken[f] {
			continue
		}
		if content, err := c.store.Inspect(ctx, f); err == nil && view.Holds(&content, row) {
			return f, true
		}
	}
	return maildir.File{}, false
}

// file compares one file with its row.
func (c *Checker) file(ctx context.Context, f *folderCheck, row *state.Message, file maildir.File) error {
	mb := f.mb
	content, err := c.store.Inspect(ctx, file)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return err
	case errors.Is(err, mail.ErrGone):
		c.rep.Waiting++ // renamed or removed just now
		return nil
	case errors.Is(err, fs.ErrPermission):
		// The message is there. To forget it would bring a second one.
		c.found(FoundFile, mb, row, "the file cannot be read: %v", err)
		return nil
	default:
		c.broken(FoundFile, mb, row, "the file cannot be read: %v", err)
		return nil
	}
	c.rep.Messages++
	c.rep.Bytes += content.DiskSize
	digest, size := asSent(&content, row.Form)
	switch {
	case digest != row.Digest && content.Essence == row.Identity():
		// A program added lines to its header, or took some away, which
		// harms nothing. Its row is brought up to date when it moves.
	case digest != row.Digest:
		return c.altered(ctx, mb, row, file, &content, digest)
	case size != row.Size || content.DiskSize != row.DiskSize && row.Form != mail.FormBare:
		c.broken(FoundFile, mb, row, "the state says %d bytes on the server and %d on disk, the file says %d and %d",
			row.Size, row.DiskSize, size, content.DiskSize)
		return nil
	}
	c.here.add(row, &content)
	if file != view.FileOf(file.Folder, row) {
		c.rep.Waiting++
		return nil
	}
	c.shown(f, row, file)
	c.together(f, row)
	return nil
}

// asSent returns what a file is on the server.
func asSent(content *maildir.Content, form mail.Form) (mail.Digest, int64) {
	switch {
	case form == mail.FormRaw:
		return content.RawDigest, content.DiskSize
	case form == mail.FormTidy && content.TidySize > 0:
		return content.TidyDigest, content.TidySize
	case form == mail.FormBare:
		return content.Essence, content.EssenceSize
	}
	return content.Digest, content.Size
}

// altered reports a file that is not the message that was synced.
func (c *Checker) altered(ctx context.Context, mb *state.Mailbox, row *state.Message, f maildir.File, content *maildir.Content, digest mail.Digest) error {
	at := c.found(FoundFile, mb, row, "the file is not what was synced: %d bytes, should be %d; digest %s, should be %s",
		content.DiskSize, row.DiskSize, digest, row.Digest)
	m := c.mend(mb)
	elsewhere, err := c.db.ByDigest(ctx, digest)
	if err != nil {
		return err
	}
	if len(elsewhere) > 0 || content.Size != row.Size && content.DiskSize != row.Size {
		// It is another message, such as when two files swapped names, or
		// its size tells it apart.
		m.broken, m.byPairing = append(m.broken, row), append(m.byPairing, at)
		if content.DiskSize == 0 {
			m.empty = append(m.empty, f)
		}
		return nil
	}
	m.altered = append(m.altered, alteration{row, digest, at})
	return nil
}

// newFolders counts what is in folders that the base does not have.
func (c *Checker) newFolders(ctx context.Context) error {
	folders, skipped, err := c.store.Survey(ctx, nil)
	if err != nil {
		return err
	}
	for _, sk := range skipped {
		c.leftOut(cmp.Or(sk.Name, sk.Path), sk.Err.Error())
	}
	for _, f := range folders {
		if !c.wanted(f.Name) || slices.ContainsFunc(c.boxes, func(mb *state.Mailbox) bool { return mb.Name == f.Name }) {
			continue
		}
		c.newOnDisk = append(c.newOnDisk, f.Name)
		c.rep.Waiting++ // the mailbox itself
		if l, err := c.store.Scan(ctx, f.Name); err == nil {
			c.rep.Waiting += len(l.Files)
		}
	}
	return nil
}
