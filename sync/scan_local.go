package sync

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
)

// scanLocal compares the folders whose stamps moved with the base. It leaves
// rows whose file is not under its name as Removed and unknown files in
// newLocal; matchLocal brings together what belongs together.
func (s *session) scanLocal(ctx context.Context) error {
	ahead := s.ahead.wait()
	for _, name := range s.names {
		mb := s.mailboxes[name]
		if mb.blindLocal || !s.dirtyLocal(mb) {
			continue
		}
		if mb.folder == nil {
			if err := s.folderGone(ctx, mb); err != nil {
				return err
			}
			continue
		}
		look := ahead[name]
		if look == nil || mb.detached { // all pairs are void: that was not known then
			look = s.lookAt(ctx, mb)
		}
		if look.err != nil {
			if ctx.Err() != nil {
				return look.err
			}
			if !s.halfRemoved(mb, look.err) {
				s.freeze(mb, true, look.err)
			}
			continue
		}
		mb.listing, mb.table = look.listing, look.table
		s.sawLetters(mb)
		mb.expected = &look.names
		if look.listing.Unsettled {
			mb.expected = nil
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
func (s *session) halfRemoved(mb *mailbox, err error) bool {
	return mail.KindOf(err) == mail.KindBrake && mb.row != nil && mb.remote == nil && mb.baseCount == 0
}

// folderGone marks all messages of a mailbox whose folder is not there. Where
// their UIDs are void as well, a file of their content elsewhere is still them.
func (s *session) folderGone(ctx context.Context, mb *mailbox) error {
	return s.db.Range(ctx, mb.row.ID, mail.AllUIDs(), func(row *state.Message) error {
		s.known(mb, row).removeLocal()
		return nil
	})
}

// removeLocal notes that no file of the message is on disk.
func (m *message) removeLocal() {
	m.item.Local.State = plan.Removed
	m.file = maildir.File{}
}

// takeFolder turns what differs in a folder into states of messages.
func (s *session) takeFolder(ctx context.Context, mb *mailbox, look *folderLook) error {
	ids := slices.Concat(look.missing, look.shared)
	for _, c := range look.changed {
		ids = append(ids, c.id)
	}
	rows, err := s.db.ByID(ctx, ids)
	if err != nil {
		return err
	}
	for _, c := range look.changed {
		row := rows[c.id]
		if row == nil {
			return fmt.Errorf("message row %d of %s: %w", c.id, mb.name, mail.ErrGone)
		}
		s.sawFile(mb, row, c.file)
	}
	if mb.listing.Unsettled {
		// The folder would not hold still: what was not seen may be there. Of
		// files that share a name nothing can be said then.
		s.hold(false, mb.name)
		if len(look.shared) > 0 {
			s.localBlind, s.moved = true, true
		}
		s.newLocal = append(s.newLocal, slices.DeleteFunc(look.fresh, func(m *message) bool { return m.shared })...)
		return nil
	}
	s.newLocal = append(s.newLocal, look.fresh...)
	for _, id := range look.missing {
		if row := rows[id]; row != nil {
			s.known(mb, row).removeLocal()
		}
	}
	for _, id := range look.shared {
		if row := rows[id]; row != nil {
			m := s.known(mb, row)
			m.removeLocal()
			s.shared = append(s.shared, m)
		}
	}
	return nil
}

// sawFile notes that the file of a row has another name than the row says.
func (s *session) sawFile(mb *mailbox, row *state.Message, f maildir.File) {
	m := s.known(mb, row)
	m.reading = mb.table.Edited(f, mb.table.Was(row.Info, row.LocalFlags))
	m.found(f, m.reading.Flags, mb.name)
	if !mb.detached {
		s.touched = append(s.touched, m)
	}
}

// known returns the view of a row. Where UIDVALIDITY changed its UID is void:
// then the message counts as gone from the server until it is found again,
// here or in another mailbox; see releaseDetached.
func (s *session) known(mb *mailbox, row *state.Message) *message {
	m := s.message(row)
	if mb.detached {
		m.detached = true
		m.uid = 0
		m.item.Remote.State = plan.Removed
	}
	return m
}

// uniteFlags makes the flags of both sides merge as a union, since it is not
// known which of them is older: one that only one side has counts as set there. What
// both have, or neither, the base learns as from any two changes that are the same.
func (m *message) uniteFlags() {
	local, rem := &m.item.Local, &m.item.Remote
	apart := local.Flags.Minus(rem.Flags).Union(rem.Flags.Minus(local.Flags))
	local.Base, rem.Base = local.Base.Minus(apart), rem.Base.Minus(apart)
}

// found notes where the file of a known message is, and its flags.
func (m *message) found(f maildir.File, flags mail.Flags, home string) {
	m.file = f
	m.item.Local.State = plan.Same
	m.item.Local.Mailbox = f.Folder
	m.item.Local.Flags = flags
	m.refresh(home)
}

// inspectNew reads the new files: their digest says whether they are old
// messages in a new place.
func (s *session) inspectNew(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(inspectors)
	for _, m := range s.newLocal {
		if m.content != nil {
			continue
		}
		g.Go(func() error {
			c, err := s.store.Inspect(gctx, m.file)
			if err != nil {
				return s.unreadable(gctx, m, err)
			}
			m.inspected(&c)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	s.reportOdd()
	s.newLocal = slices.DeleteFunc(s.newLocal, func(m *message) bool { return m.content == nil })
	s.sortNewLocal()
	return nil
}

// unreadable leaves out a file that cannot be read now; its folder is looked
// at again next time.
func (s *session) unreadable(ctx context.Context, m *message, err error) error {
	if ctx.Err() != nil {
		return err
	}
	if isOdd(err) {
		s.mu.Lock()
		s.odd = append(s.odd, oddEntry{m.file, err})
		s.mu.Unlock()
		return nil
	}
	s.hold(false, m.file.Folder)
	if errors.Is(err, mail.ErrGone) {
		s.mu.Lock()
		s.moved = true
		s.mu.Unlock()
		return nil
	}
	if size, serr := s.store.DiskSize(m.file); serr == nil {
		s.hidesAs(m.file, size, err) // it may be one that is missing elsewhere
		s.mu.Lock()
		mb := s.mailboxes[m.file.Folder]
		mb.unread = append(mb.unread, size)
		s.mu.Unlock()
	} else {
		s.hidesIn(m.file.String(), err)
	}
	s.rep.problem(m.file.Folder, m.file.Name, err)
	return nil
}
