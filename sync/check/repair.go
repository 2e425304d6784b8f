package check

import (
	"context"
	"errors"
	"time"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/run"
)

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

func (c *Checker) mend(mb *state.Mailbox) *mending {
	m := c.mends[mb.ID]
	if m == nil {
		m = &mending{}
		c.mends[mb.ID] = m
	}
	return m
}

// rows are those of which something was found already.
func (m *mending) rows() map[int64]bool {
	set := map[int64]bool{}
	for _, row := range m.broken {
		set[row.ID] = true
	}
	for _, a := range m.altered {
		set[a.row.ID] = true
	}
	return set
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
func (c *Checker) repair(ctx context.Context) error {
	var mended []int
	var empty []maildir.File
	at := c.Now()
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
func (c *Checker) setAside(ctx context.Context, at time.Time, files []maildir.File) error {
	for _, f := range files {
		if err := c.store.Discard(ctx, f, at.UTC().Format(run.UndoLayout)); err != nil && !errors.Is(err, mail.ErrGone) {
			return err
		}
		if err := c.store.SyncFolders(ctx, f.Folder); err != nil {
			return err
		}
	}
	return nil
}
