package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
)

// CheckRequest says how far a check goes.
type CheckRequest struct {
	Offline bool // leave out the server
	Repair  bool // mend what can be mended
}

// CheckReport is what a check found. Findings are damage; Waiting counts
// differences that the next sync carries over, which are none.
type CheckReport struct {
	Account   string    `json:"account"`
	Mailboxes int       `json:"mailboxes"`
	Messages  int       `json:"messages"`  // compared with their files
	OnServer  int       `json:"on_server"` // compared with the server
	Bytes     int64     `json:"bytes"`     // read from disk
	Waiting   int       `json:"waiting"`
	Findings  []Finding `json:"findings"`
	Offline   bool      `json:"offline"`
}

// Finding is one thing that is not as it must be.
type Finding struct {
	Mailbox  string `json:"mailbox"`
	Message  string `json:"message"`
	Problem  string `json:"problem"`
	Repaired bool   `json:"repaired"` // by the next sync, which has all that it needs
}

// checker is one check of one account.
type checker struct {
	*Engine
	req   CheckRequest
	db    *state.DB
	store *maildir.Store
	rep   *CheckReport
	boxes []*state.Mailbox // those that are synced
	mends map[int64]*mending
}

// mending is what a repair has to do about a mailbox. It only ever forgets
// rows: then the next sync pairs file and message anew, and what has no
// counterpart is copied. So a repair never removes mail.
type mending struct {
	// broken are rows that say something untrue; file and message are to be
	// recognised by their content.
	broken []*state.Message
	// altered are rows whose file is now another message of the same size.
	// A look at a part of it, which is how the sync recognises messages,
	// could take it for the server's, so these are not to be recognised.
	altered []alteration
	// empty are files of broken rows that lost all content. No server takes
	// them, and there is nothing to keep.
	empty   []maildir.File
	unknown bool // the server has messages that no row tells of
	flags   bool // the server has flags that it will not report again
	// The findings, by their place in the report, that each way of mending
	// settles; those of altered are with them.
	byPairing, byCopying []int
}

// alteration is a file that is not what was synced.
type alteration struct {
	row     *state.Message
	digest  mail.Digest // of what the file is now
	finding int
}

// Check verifies that the state is whole, that every file is the message that
// was synced, byte for byte, and that the server holds the messages that the
// state says it holds.
func (e *Engine) Check(ctx context.Context, req CheckRequest) (rep *CheckReport, err error) {
	rep = &CheckReport{Account: e.account.Name, Findings: []Finding{}, Offline: req.Offline}
	unlock, err := lock(filepath.Join(e.account.StateDir, e.account.Name+".lock"))
	if err != nil {
		return rep, err
	}
	defer unlock()
	exists, err := state.Exists(e.statePath())
	if err != nil {
		return rep, err
	}
	if !exists {
		return rep, &mail.Error{Op: "check", Kind: mail.KindConfig, Err: errors.New("the account was never synced"),
			Hint: "satchel sync " + e.account.Name}
	}
	db, err := state.Open(ctx, e.statePath(), e.stateOptions)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	store, done, err := e.openMaildir(ctx, db, true)
	if err != nil {
		return rep, err
	}
	defer done()
	c := &checker{Engine: e, req: req, db: db, store: store, rep: rep, mends: map[int64]*mending{}}
	return rep, c.run(ctx)
}

func (c *checker) run(ctx context.Context) error {
	if err := c.state(ctx); err != nil {
		return err
	}
	all, err := c.db.Mailboxes(ctx)
	if err != nil {
		return err
	}
	for _, mb := range all {
		if c.wanted(mb.Name) { // else it is remembered, but not synced
			c.boxes = append(c.boxes, mb)
		}
	}
	c.rep.Mailboxes = len(c.boxes)
	for _, mb := range c.boxes {
		if err := c.folder(ctx, mb); err != nil {
			return err
		}
	}
	if err := c.newFolders(ctx); err != nil {
		return err
	}
	if !c.req.Offline {
		if err := c.server(ctx); err != nil {
			return err
		}
	}
	if c.req.Repair {
		return c.repair(ctx)
	}
	return nil
}

func (c *checker) wanted(name string) bool {
	s := session{Engine: c.Engine}
	return s.wanted(name)
}

func (c *checker) mend(mb *state.Mailbox) *mending {
	m := c.mends[mb.ID]
	if m == nil {
		m = &mending{}
		c.mends[mb.ID] = m
	}
	return m
}

// found reports damage and returns its place in the report. The row may be
// nil.
func (c *checker) found(mb *state.Mailbox, row *state.Message, format string, args ...any) int {
	f := Finding{Mailbox: mb.Name, Problem: fmt.Sprintf(format, args...)}
	if row != nil {
		f.Message = fmt.Sprintf("uid %d, file %s", row.UID, row.Base)
	}
	c.rep.Findings = append(c.rep.Findings, f)
	return len(c.rep.Findings) - 1
}

// broken is found for a row that a repair forgets.
func (c *checker) broken(mb *state.Mailbox, row *state.Message, format string, args ...any) {
	m := c.mend(mb)
	m.byPairing = append(m.byPairing, c.found(mb, row, format, args...))
	m.broken = append(m.broken, row)
}

// state verifies the state, and mends it at once: rows that cannot be read
// would hinder all that follows.
func (c *checker) state(ctx context.Context) error {
	findings, err := c.db.Check(ctx)
	if err == nil && c.req.Repair && len(findings) > 0 {
		var left []string
		if err = c.db.Update(ctx, (*state.Tx).Mend); err == nil {
			left, err = c.db.Check(ctx)
		}
		for _, f := range findings {
			c.rep.Findings = append(c.rep.Findings, Finding{Problem: "state: " + f, Repaired: err == nil && !slices.Contains(left, f)})
		}
		return err
	}
	for _, f := range findings {
		c.rep.Findings = append(c.rep.Findings, Finding{Problem: "state: " + f})
	}
	return err
}

// folder reads every file of a mailbox and compares it with the base.
func (c *checker) folder(ctx context.Context, mb *state.Mailbox) error {
	l, err := c.store.Scan(ctx, mb.Name)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		if n, cerr := c.db.Count(ctx, mb.ID); cerr == nil && errors.Is(err, mail.ErrGone) {
			c.rep.Waiting += n // the folder was removed
			return nil
		}
		c.found(mb, nil, "the folder cannot be read: %v", err)
		return nil
	}
	files := map[int64]maildir.File{} // by row
	shared := map[int64][]maildir.File{}
	err = byBase(ctx, c.db, mb.ID, l.Files, func(rows []state.Name, same []maildir.File) {
		for i := range rows {
			n := &rows[i]
			switch at := named(n, same); {
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
	err = c.db.Range(ctx, mb.ID, mail.AllUIDs(), func(row *state.Message) error {
		f, ok := files[row.ID]
		if !ok {
			f, ok = c.holder(ctx, row, shared[row.ID], taken)
			taken[f] = true
		}
		if !ok {
			c.rep.Waiting++
			return ctx.Err()
		}
		known++
		return c.file(ctx, mb, row, f)
	})
	c.rep.Waiting += len(l.Files) - known
	return err
}

// holder returns which of several files that share a name, and of which the row
// names none, holds the message of the row.
func (c *checker) holder(ctx context.Context, row *state.Message, files []maildir.File, taken map[maildir.File]bool) (maildir.File, bool) {
	for _, f := range files {
		if taken[f] {
			continue
		}
		if content, err := c.store.Inspect(ctx, f); err == nil && holds(&content, row) {
			return f, true
		}
	}
	return maildir.File{}, false
}

// file compares one file with its row.
func (c *checker) file(ctx context.Context, mb *state.Mailbox, row *state.Message, f maildir.File) error {
	content, err := c.store.Inspect(ctx, f)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return err
	case errors.Is(err, mail.ErrGone):
		c.rep.Waiting++ // renamed or removed just now
		return nil
	case errors.Is(err, fs.ErrPermission):
		// The message is there. To forget it would bring a second one.
		c.found(mb, row, "the file cannot be read: %v", err)
		return nil
	default:
		c.broken(mb, row, "the file cannot be read: %v", err)
		return nil
	}
	c.rep.Messages++
	c.rep.Bytes += content.DiskSize
	digest, size := content.Digest, content.Size
	switch row.Form {
	case mail.FormRaw:
		digest, size = content.RawDigest, content.DiskSize
	case mail.FormTidy:
		if content.TidySize > 0 {
			digest, size = content.TidyDigest, content.TidySize
		}
	}
	switch {
	case digest != row.Digest:
		return c.altered(ctx, mb, row, f, &content, digest)
	case size != row.Size || content.DiskSize != row.DiskSize:
		c.broken(mb, row, "the state says %d bytes on the server and %d on disk, the file says %d and %d",
			row.Size, row.DiskSize, size, content.DiskSize)
		return nil
	}
	if f.Name != row.Base+row.Info || f.New != row.New {
		c.rep.Waiting++
	}
	return nil
}

// altered reports a file that is not the message that was synced.
func (c *checker) altered(ctx context.Context, mb *state.Mailbox, row *state.Message, f maildir.File, content *maildir.Content, digest mail.Digest) error {
	at := c.found(mb, row, "the file is not what was synced: %d bytes, should be %d; digest %s, should be %s",
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
func (c *checker) newFolders(ctx context.Context) error {
	folders, _, err := c.store.Survey(ctx, nil)
	if err != nil {
		return err
	}
	for _, f := range folders {
		if !c.wanted(f.Name) || slices.ContainsFunc(c.boxes, func(mb *state.Mailbox) bool { return mb.Name == f.Name }) {
			continue
		}
		c.rep.Waiting++ // the mailbox itself
		if l, err := c.store.Scan(ctx, f.Name); err == nil {
			c.rep.Waiting += len(l.Files)
		}
	}
	return nil
}

// putBack reports whether a repair put a cursor back, and no sync has been
// since.
func putBack(c mail.Cursor) bool { return c.HighestModSeq == 0 && c.Messages == 0 }

// repair forgets what is untrue and makes the next sync look at the mailboxes
// concerned from the start. There are two ways, and a mailbox goes one of them
// between two syncs:
//
//   - pairing: the cursor goes back to zero, so all messages without a row are
//     new, and those whose file is here already are recognised
//   - copying: the cursor keeps its UIDNEXT, so those without a row are old
//     ones that were never delivered, which are fetched as they are
//
// What the other way would settle stays as it is, and is found again.
func (c *checker) repair(ctx context.Context) error {
	var mended []int
	var empty []maildir.File
	at := c.now()
	err := c.db.Update(ctx, func(tx *state.Tx) error {
		for _, mb := range c.boxes {
			m := c.mends[mb.ID]
			if m == nil {
				continue
			}
			cursor := mail.Cursor{UIDValidity: mb.Cursor.UIDValidity} // kept, since the rows that stay hold by it
			var drop []*state.Message
			switch waits := putBack(mb.Cursor); {
			case (m.unknown || len(m.broken) > 0) && (!waits || mb.Cursor.UIDNext == 0):
				drop = m.broken
				mended = append(append(mended, m.byPairing...), m.byCopying...) // flags are read anew as well
				empty = append(empty, m.empty...)
			case (m.flags || len(m.altered) > 0) && mb.Cursor.UIDNext != 0 && !c.req.Offline:
				// Offline it may as well be the state that is wrong.
				cursor.UIDNext = mb.Cursor.UIDNext
				mended = append(mended, m.byCopying...)
				for _, a := range m.altered {
					drop, mended = append(drop, a.row), append(mended, a.finding)
				}
			default:
				continue
			}
			for _, row := range drop {
				if err := tx.DeleteMessages(row.ID); err != nil {
					return err
				}
			}
			mb.Cursor = cursor
			mb.CurMTime, mb.NewMTime, mb.DirMTime = 0, 0, 0
			if err := tx.PutMailbox(mb); err != nil {
				return err
			}
		}
		if len(empty) == 0 {
			return nil
		}
		return tx.NoteAside(at)
	})
	if err != nil {
		return err
	}
	for _, i := range mended {
		c.rep.Findings[i].Repaired = true
	}
	return c.setAside(ctx, at, empty)
}

// setAside moves files to the undo folder that no row tells of any more.
func (c *checker) setAside(ctx context.Context, at time.Time, files []maildir.File) error {
	for _, f := range files {
		if err := c.store.Discard(ctx, f, at.UTC().Format(undoLayout)); err != nil && !errors.Is(err, mail.ErrGone) {
			return err
		}
		if err := c.store.SyncFolders(ctx, f.Folder); err != nil {
			return err
		}
	}
	return nil
}
