package look

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// ScanLocal compares the folders whose stamps moved with the base. It leaves
// rows whose file is not under its name as Removed and unknown files in
// NewLocal; MatchLocal brings together what belongs together.
func (s *Look) ScanLocal(ctx context.Context) error {
	ahead := s.Ahead.Wait()
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		if mb.LocalIncomplete || !s.DirtyLocal(mb) {
			continue
		}
		if mb.Folder == nil {
			if err := s.folderGone(ctx, mb); err != nil {
				return err
			}
			continue
		}
		look := ahead[name]
		if look == nil || mb.UIDsVoid { // all pairs are void: that was not known then
			look = s.lookAt(ctx, mb)
		}
		if look.Err != nil {
			if ctx.Err() != nil {
				return look.Err
			}
			if !s.halfRemoved(mb, look.Err) {
				s.FreezeLocal(mb, look.Err)
			}
			continue
		}
		mb.Listing, mb.Table = look.Listing, look.Table
		s.keyword.SawLetters(mb)
		mb.Expected = &look.Names
		if look.Listing.Unsettled {
			mb.Expected = nil
		}
		if err := s.takeFolder(ctx, mb, look); err != nil {
			return err
		}
	}
	return s.inspectNew(ctx)
}

// halfRemoved reports whether err is about a folder that an interrupted run
// was removing: its mailbox is gone from the server, and no message of it is
// known.
func (s *Look) halfRemoved(mb *view.Mailbox, err error) bool {
	return mail.KindOf(err) == mail.KindBrake && mb.Row != nil && mb.Remote == nil && mb.BaseCount == 0
}

// folderGone marks all messages of a mailbox whose folder is not there. Where
// their UIDs are void as well, a file of their content elsewhere is still them.
func (s *Look) folderGone(ctx context.Context, mb *view.Mailbox) error {
	return s.DB.All(ctx, mb.Row.ID, func(row *state.Message) error {
		s.Known(mb, row).RemoveLocal()
		return nil
	})
}

// takeFolder turns what differs in a folder into states of messages.
func (s *Look) takeFolder(ctx context.Context, mb *view.Mailbox, look *view.FolderLook) error {
	ids := slices.Concat(look.Missing, look.Shared)
	for _, c := range look.Changed {
		ids = append(ids, c.ID)
	}
	rows, err := s.DB.ByID(ctx, ids)
	if err != nil {
		return err
	}
	for _, c := range look.Changed {
		row := rows[c.ID]
		if row == nil {
			return fmt.Errorf("message row %d of %s: %w", c.ID, mb.Name, mail.ErrGone)
		}
		s.sawFile(mb, row, c.File)
	}
	if mb.Listing.Unsettled {
		// The folder would not hold still: what was not seen may be there. Of
		// files that share a name nothing can be said then.
		s.HoldStamp(mb.Name)
		if len(look.Shared) > 0 {
			s.LocalIncomplete, s.Moved = true, true
		}
		s.NewLocal = append(s.NewLocal, slices.DeleteFunc(look.Fresh, func(m *view.Message) bool { return m.Shared })...)
		return nil
	}
	s.NewLocal = append(s.NewLocal, look.Fresh...)
	for _, id := range look.Missing {
		if row := rows[id]; row != nil {
			s.Known(mb, row).RemoveLocal()
		}
	}
	for _, id := range look.Shared {
		if row := rows[id]; row != nil {
			m := s.Known(mb, row)
			m.RemoveLocal()
			s.Shared = append(s.Shared, m)
		}
	}
	return nil
}

// sawFile notes that the file of a row has another name than the row says.
func (s *Look) sawFile(mb *view.Mailbox, row *state.Message, f maildir.File) {
	m := s.Known(mb, row)
	m.Reading = mb.Table.Edited(f, mb.Table.Was(view.FileOf(mb.Name, row), row.LocalFlags))
	m.Found(f, m.Reading.Flags, mb.Name)
	if !mb.UIDsVoid {
		s.Touched = append(s.Touched, m)
	}
}

// Known returns the view of a row. Where UIDVALIDITY changed its UID is void:
// then the message counts as gone from the server until it is found again,
// here or in another mailbox; see ReleaseDetached.
func (s *Look) Known(mb *view.Mailbox, row *state.Message) *view.Message {
	m := s.Message(row)
	if mb.UIDsVoid {
		m.UIDVoid = true
		m.UID = 0
		m.Item.Remote.State = plan.Removed
	}
	return m
}

// inspectNew reads the new files: their digest says whether they are old
// messages in a new place.
func (s *Look) inspectNew(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(inspectors)
	for _, m := range s.NewLocal {
		if m.Content != nil {
			continue
		}
		g.Go(func() error {
			c, err := s.Store.Inspect(gctx, m.File)
			if err != nil {
				return s.Unreadable(gctx, m, err)
			}
			m.Inspected(&c)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	s.reportOdd()
	s.NewLocal = slices.DeleteFunc(s.NewLocal, func(m *view.Message) bool { return m.Content == nil })
	s.SortNewLocal()
	return nil
}

// Unreadable leaves out a file that cannot be read now; its folder is looked
// at again next time.
func (s *Look) Unreadable(ctx context.Context, m *view.Message, err error) error {
	if ctx.Err() != nil {
		return err
	}
	if isOdd(err) {
		s.Mu.Lock()
		s.odd = append(s.odd, view.OddEntry{File: m.File, Err: err})
		s.Mu.Unlock()
		return nil
	}
	s.HoldStamp(m.File.Folder)
	if errors.Is(err, mail.ErrGone) {
		s.Mu.Lock()
		s.Moved = true
		s.Mu.Unlock()
		return nil
	}
	if size, serr := s.Store.DiskSize(m.File); serr == nil {
		s.HidesAs(m.File, size, err) // it may be one that is missing elsewhere
		s.Mu.Lock()
		mb := s.Mailboxes[m.File.Folder]
		mb.Unread = append(mb.Unread, size)
		s.Mu.Unlock()
	} else {
		s.HidesIn(m.File.String(), err)
	}
	s.Rep.Problem(m.File.Folder, m.File.Name, err)
	return nil
}
