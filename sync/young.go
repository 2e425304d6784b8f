package sync

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// A program that copies a file into cur (cp, scp, tar) writes it under its name,
// and a run that sees it meanwhile sends a stump. Nobody waits for the clock: what
// changes between two looks of a run waits, what is young when it goes up is
// remembered (state/young.sql), and each later cycle looks at its size again. A file
// that grew, and begins with just what was sent, is sent as a whole, as any new
// file; in the same transaction as its row the journal says of the stump that its
// removal is all that is left to do, as of what a move leaves behind. So a run that
// dies anywhere leaves the stump, or both, and the next one goes on.

// youngFor is how old a file must be, and how long ago it must have been sent, to
// be called whole. The Maildir convention gives a file in tmp as long.
const youngFor = 36 * time.Hour

// stump is a message of which only the beginning went up, because its file was
// still being written.
type stump struct {
	y    state.Young
	m    *message // as it went up
	file *message // as it is now; nil when it is not to be sent yet
	next *message // the same, where it is to be sent behind a change of the message
}

// half is an upload that a run died in whose file has grown since: as it was
// announced, and as it is now.
type half struct{ part, whole *message }

// young returns what is to be remembered of a file that went up, or that the server
// has as it is.
func (a *applier) young(m *message) (list []state.Young) {
	if c := m.content; c != nil && !m.guessed && a.now().Sub(c.ModTime.Time()) < youngFor {
		list = append(list, state.Young{Mailbox: m.file.Folder, Base: m.file.Base(), Size: c.DiskSize, Digest: c.RawDigest, Sent: a.now()})
	}
	return list
}

// findStumps looks at the files that were young when they went up. For matching, a
// file that has grown since is what it was then, and a new file beside that.
func (s *session) findStumps(ctx context.Context) error {
	list := s.sentYoung
	if len(list) == 0 {
		return nil
	}
	s.maybeGrowing = map[string]bool{}
	for _, y := range list {
		s.maybeGrowing[y.Base] = true
	}
	for batch := range slices.Chunk(list, youngAtOnce) {
		if err := s.findSome(ctx, batch); err != nil {
			return err
		}
	}
	s.sortNewLocal()
	return nil
}

// mayGrow reports whether a file of a mailbox was young when it went up. What is written
// into it changes no directory.
func (s *session) mayGrow(mb *mailbox) bool {
	return slices.ContainsFunc(s.sentYoung, func(y state.Young) bool { return y.Mailbox == mb.name })
}

// youngAtOnce is how many young files are looked for together.
const youngAtOnce = 256

// findSome looks at some of them.
func (s *session) findSome(ctx context.Context, list []state.Young) error {
	bases := map[string][]string{}
	for _, y := range list {
		bases[y.Mailbox] = append(bases[y.Mailbox], y.Base)
	}
	rows := map[[2]string][]*state.Message{} // by mailbox and base
	for name, some := range bases {
		if mb := s.mailboxes[name]; mb != nil && mb.row != nil {
			found, err := s.db.ByBase(ctx, mb.row.ID, some)
			if err != nil {
				return err
			}
			for _, row := range found {
				rows[[2]string{name, row.Base}] = append(rows[[2]string{name, row.Base}], row)
			}
		}
	}
	for _, y := range list {
		known, err := s.findYoung(ctx, y, rows[[2]string{y.Mailbox, y.Base}])
		if err != nil {
			return err
		}
		if !known && s.now().Sub(y.Sent) >= youngFor {
			s.grownUp = append(s.grownUp, y)
		}
	}
	return nil
}

// findYoung looks at one of them, and reports whether it is to be remembered
// whatever its age.
func (s *session) findYoung(ctx context.Context, y state.Young, rows []*state.Message) (bool, error) {
	mb := s.mailboxes[y.Mailbox] // nil when it has another name now
	if mb != nil && mb.blindLocal {
		return true, nil
	}
	row, err := s.sentAs(ctx, mb, y, rows)
	if err != nil {
		return false, err
	}
	var m *message
	if row != nil {
		if s.messages[row.ID] == nil {
			f := maildir.File{Folder: s.byID[row.MailboxID].name, New: row.New, Name: row.Base + row.Info}
			if size, err := s.store.DiskSize(f); err == nil && size <= y.Size {
				return false, nil // the folder is as it was, and so is the file
			}
		}
		m = s.known(s.byID[row.MailboxID], row)
	}
	switch {
	case m == nil:
		return false, nil
	case slices.ContainsFunc(s.stumps, func(st *stump) bool { return st.m == m }):
		return false, nil // it began to go up twice, the second time to the mailbox that its folder became
	case m.item.Local.State == plan.Removed:
		return false, s.movedStump(ctx, y, m)
	case !m.onDisk():
		return false, nil
	}
	part, grown, err := s.grownFrom(ctx, y, m.file)
	if err != nil || !grown {
		return false, err
	}
	m.content, m.guessed = part, false
	st := &stump{y: y, m: m}
	s.stumps = append(s.stumps, st)
	c, err := s.store.Inspect(ctx, m.file)
	if err != nil {
		return true, s.unreadable(ctx, m, err)
	}
	if size, err := s.store.DiskSize(m.file); err != nil || size != c.DiskSize {
		return true, nil // it grows
	}
	st.file = &message{file: m.file}
	st.file.item = plan.Item{Ref: st.file, Local: plan.Side{State: plan.New, Mailbox: m.file.Folder, Key: m.file.Base(), Flags: m.item.Local.Flags}}
	st.file.inspected(&c)
	s.newLocal = append(s.newLocal, st.file)
	return true, nil
}

// sentAs returns the row of the message that went up as y says, nil if there is
// none: where it was, or where it was moved since. The file of an upload that a run
// died in has none; one of that name elsewhere is another's.
func (s *session) sentAs(ctx context.Context, mb *mailbox, y state.Young, rows []*state.Message) (*state.Message, error) {
	is := func(row *state.Message) bool {
		return row.DiskSize == y.Size && !row.Pending && s.postponedBefore(row.ID) == nil
	}
	if i := slices.IndexFunc(rows, is); i >= 0 {
		return rows[i], nil
	}
	if half, err := s.halfSent(ctx, y); half || err != nil {
		return nil, err
	}
	for _, name := range s.names {
		other := s.mailboxes[name]
		if mb != nil && other == mb || other.row == nil || other.blindLocal {
			continue
		}
		rows, err := s.db.ByBase(ctx, other.row.ID, []string{y.Base})
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(rows, is); i >= 0 {
			return rows[i], nil
		}
	}
	return nil, nil
}

// grownFrom reports whether a file begins with what was sent of it and goes on, and
// what it was then.
func (s *session) grownFrom(ctx context.Context, y state.Young, f maildir.File) (*maildir.Content, bool, error) {
	size, err := s.store.DiskSize(f)
	if err != nil || size <= y.Size {
		return nil, false, nil //nolint:nilerr // it is gone, or not what it was: the next look tells
	}
	c, err := s.store.InspectPart(ctx, f, y.Size)
	if err != nil {
		if ctx.Err() != nil {
			return nil, false, err
		}
		return nil, false, nil
	}
	return &c, c.RawDigest == y.Digest, nil
}

// movedStump finds the file of a message that was moved to another folder while it
// was being written. A mail program gives it another name there; then it is the one
// that begins with all that was sent.
func (s *session) movedStump(ctx context.Context, y state.Young, m *message) error {
	reads := 0
	for _, named := range []bool{true, false} {
		for _, f := range s.newLocal {
			if named != (f.file.Base() == y.Base) || f.content.DiskSize <= y.Size || !named && y.Size == 0 {
				continue
			}
			if reads++; reads > stumpReads && !named {
				return nil
			}
			part, grown, err := s.grownFrom(ctx, y, f.file)
			if err != nil {
				return err
			}
			if !grown {
				continue
			}
			s.rejoin(m, f, byName)
			m.content, m.guessed = part, false
			f.item.Local.Flags, f.item.CopyOf = m.item.Local.Flags, nil
			y.Base = f.file.Base()
			s.stumps = append(s.stumps, &stump{y: y, m: m, file: f})
			if named || s.req.DryRun {
				return nil
			}
			// Once the message has followed, the file is known by this name.
			return s.db.Update(ctx, func(tx *state.Tx) error { return tx.PutYoung([]state.Young{y}) })
		}
	}
	return nil
}

// stumpReads is how many new files are read for one message that was young when its
// file went, and may be the beginning of one of them.
const stumpReads = 64

// halfSent finds the file of an upload, or of a copy, that a run died in, and reports
// whether there is one. What the server may have is what was announced.
func (s *session) halfSent(ctx context.Context, y state.Young) (bool, error) {
	for i, f := range s.newLocal {
		if f.file.Base() != y.Base || f.file.Folder != y.Mailbox || f.content.DiskSize <= y.Size {
			continue
		}
		part, grown, err := s.grownFrom(ctx, y, f.file)
		if err != nil || !grown {
			return false, err
		}
		announced := slices.ContainsFunc(s.intendedAppends(y.Mailbox), func(i *state.Intent) bool {
			return i.Base == y.Base && slices.Contains(part.Digests(), i.Digest)
		})
		if !announced {
			return false, nil
		}
		p := *f
		p.item.Ref = &p
		p.inspected(part)
		s.halfUploads = append(s.halfUploads, &half{part: &p, whole: f})
		s.newLocal[i] = &p
		return true, nil
	}
	return false, nil
}

// settleStumps decides what of the files that have grown goes up now. The rest is
// seen again: a message that changes on either side is brought up to date first.
func (s *session) settleStumps(ctx context.Context) error {
	for _, h := range s.halfUploads {
		if i := slices.Index(s.newLocal, h.part); i >= 0 {
			s.newLocal[i] = h.whole // the server has nothing of it
		} else {
			s.moved = true // the next cycle sees it grown
		}
	}
	for _, st := range s.stumps {
		m, home := st.m, s.byID[st.m.row.MailboxID]
		paired := st.file != nil && st.file.done
		gone := m.item.Local.State.Present() && m.item.Remote.State == plan.Removed && !m.detached
		if gone && st.file != nil && !paired {
			if err := s.confirmVanished(ctx); err != nil { // else it is elsewhere, and still the beginning of this file
				return err
			}
		}
		switch {
		case st.file == nil || paired:
		case m.item.Local.State == plan.Same && m.item.Remote.State == plan.Same && !m.detached && home.name == m.file.Folder:
			continue
		case gone && !s.remoteBlind:
			m.removeLocal() // somebody removed the stump, wherever its file is by now
			continue
		}
		if !paired {
			s.newLocal = slices.DeleteFunc(s.newLocal, func(f *message) bool { return f == st.file })
			st.next, st.file = st.file, nil
		}
	}
	return nil
}

// stumpOf returns the stump that a new file stands for as a whole.
func (s *session) stumpOf(f maildir.File) *stump {
	i := slices.IndexFunc(s.stumps, func(st *stump) bool {
		return st.file != nil && st.file.file == f && st.m.item.Local.State != plan.Removed && !st.m.detached
	})
	if i < 0 {
		return nil
	}
	return s.stumps[i]
}

// replacesStump notes, with the row of a message that is there as a whole now, that its
// stump is to go.
func (s *session) replacesStump(n *notes, m *message, mb *mailbox) {
	st := s.stumpOf(m.file)
	if st == nil || m.row == st.m.row {
		return
	}
	n.grownUp = append(n.grownUp, st.y)
	n.announced = append(n.announced, &state.Intent{Kind: state.IntentExpunge, Message: st.m.row.ID, Mailbox: mb.name, Home: mb.name,
		UID: st.m.uid, Base: m.file.Base()})
	s.hold(false, mb.name)
	s.unexpected(mb.name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved = true // the next cycle removes it
}

// superseded reports whether an intent is about a stump: its removal is that of no
// message.
func superseded(i *state.Intent) bool { return i.Kind == state.IntentExpunge && i.Base != "" }

// left reports whether an intent is about what a move, or a whole message, left
// behind.
func left(i *state.Intent) bool { return i.Mailbox != i.Home || superseded(i) }

// endsStump reports whether an operation removes a stump, which is part of the
// upload that people were told of.
func (s *session) endsStump(op *plan.Op) bool {
	if op.Kind != plan.RemoteRemove || !op.Item.Left {
		return false
	}
	i := s.postponedBefore(ref(op.Item).row.ID)
	return i != nil && superseded(i)
}

// unchanged reports whether a file is as long as it was when it was read. One that
// is not is still being written, and waits.
func (a *applier) unchanged(m *message) error {
	size, err := a.store.DiskSize(m.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return mail.ErrGone
	case err == nil && size != m.content.DiskSize:
		return mail.ErrChanged
	}
	return err
}
