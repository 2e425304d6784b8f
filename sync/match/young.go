package match

import (
	"context"
	"slices"
	"time"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// A program that copies a file into cur (cp, scp, tar) writes it under its name,
// and a run that sees it meanwhile sends a stump. Nobody waits for the clock: what
// changes between two looks of a run waits, what is young when it goes up is
// remembered (state/young.sql), and each later cycle looks at its size again. A file
// that grew, and begins with just what was sent, is sent as a whole, as any new
// file; in the same transaction as its row the journal says of the stump that its
// removal is all that is left to do, as of what a move leaves behind. So a run that
// dies anywhere leaves the stump, or both, and the next one goes on.

// YoungFor is how old a file must be, and how long ago it must have been sent, to
// be called whole. The Maildir convention gives a file in tmp as long.
const YoungFor = 36 * time.Hour

// FindStumps looks at the files that were young when they went up. For matching, a
// file that has grown since is what it was then, and a new file beside that.
func (s *Match) FindStumps(ctx context.Context) error {
	list := s.SentYoung
	if len(list) == 0 {
		return nil
	}
	s.MaybeGrowing = map[string]bool{}
	for _, y := range list {
		s.MaybeGrowing[y.Base] = true
	}
	for batch := range slices.Chunk(list, youngAtOnce) {
		if err := s.findSome(ctx, batch); err != nil {
			return err
		}
	}
	s.look.SortNewLocal()
	return nil
}

// youngAtOnce is how many young files are looked for together.
const youngAtOnce = 256

// findSome looks at some of them.
func (s *Match) findSome(ctx context.Context, list []state.Young) error {
	bases := map[string][]string{}
	for _, y := range list {
		bases[y.Mailbox] = append(bases[y.Mailbox], y.Base)
	}
	rows := map[[2]string][]*state.Message{} // by mailbox and base
	for name, some := range bases {
		if mb := s.Mailboxes[name]; mb != nil && mb.Row != nil {
			found, err := s.DB.ByBase(ctx, mb.Row.ID, some)
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
		if !known && s.Now().Sub(y.Sent) >= YoungFor {
			s.GrownUp = append(s.GrownUp, y)
		}
	}
	return nil
}

// findYoung looks at one of them, and reports whether it is to be remembered
// whatever its age.
func (s *Match) findYoung(ctx context.Context, y state.Young, rows []*state.Message) (bool, error) {
	mb := s.Mailboxes[y.Mailbox] // nil when it has another name now
	if mb != nil && mb.LocalIncomplete {
		return true, nil
	}
	row, err := s.sentAs(ctx, mb, y, rows)
	if err != nil {
		return false, err
	}
	var m *view.Message
	if row != nil {
		if s.Messages[row.ID] == nil {
			f := view.FileOf(s.ByID[row.MailboxID].Name, row)
			if size, err := s.Store.DiskSize(f); err == nil && size <= y.Size {
				return false, nil // the folder is as it was, and so is the file
			}
		}
		m = s.look.Known(s.ByID[row.MailboxID], row)
	}
	switch {
	case m == nil:
		return false, nil
	case slices.ContainsFunc(s.Stumps, func(st *view.Stump) bool { return st.Message == m }):
		return false, nil // it began to go up twice, the second time to the mailbox that its folder became
	case m.Item.Local.State == plan.Removed:
		return false, s.movedStump(ctx, y, m)
	case !m.OnDisk():
		return false, nil
	}
	part, grown, err := s.grownFrom(ctx, y, m.File)
	if err != nil || !grown {
		return false, err
	}
	m.Content, m.Guessed = part, false
	st := &view.Stump{Young: y, Message: m}
	s.Stumps = append(s.Stumps, st)
	c, err := s.Store.Inspect(ctx, m.File)
	if err != nil {
		return true, s.look.Unreadable(ctx, m, err)
	}
	if size, err := s.Store.DiskSize(m.File); err != nil || size != c.DiskSize {
		return true, nil // it grows
	}
	st.File = &view.Message{File: m.File}
	st.File.Item = plan.Item{Ref: st.File, Local: plan.Side{State: plan.New, Mailbox: m.File.Folder, Key: m.File.Base(), Flags: m.Item.Local.Flags}}
	st.File.Inspected(&c)
	s.NewLocal = append(s.NewLocal, st.File)
	return true, nil
}

// sentAs returns the row of the message that went up as y says, nil if there is
// none: where it was, or where it was moved since. The file of an upload that a run
// died in has none; one of that name elsewhere is another's.
func (s *Match) sentAs(ctx context.Context, mb *view.Mailbox, y state.Young, rows []*state.Message) (*state.Message, error) {
	is := func(row *state.Message) bool {
		return row.DiskSize == y.Size && !row.Pending && s.PostponedBefore(row.ID) == nil
	}
	if i := slices.IndexFunc(rows, is); i >= 0 {
		return rows[i], nil
	}
	if half, err := s.halfSent(ctx, y); half || err != nil {
		return nil, err
	}
	for _, name := range s.Names {
		other := s.Mailboxes[name]
		if mb != nil && other == mb || other.Row == nil || other.LocalIncomplete {
			continue
		}
		rows, err := s.DB.ByBase(ctx, other.Row.ID, []string{y.Base})
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
func (s *Match) grownFrom(ctx context.Context, y state.Young, f maildir.File) (*maildir.Content, bool, error) {
	size, err := s.Store.DiskSize(f)
	if err != nil || size <= y.Size {
		return nil, false, nil //nolint:nilerr // it is gone, or not what it was: the next look tells
	}
	c, err := s.Store.InspectPart(ctx, f, y.Size)
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
func (s *Match) movedStump(ctx context.Context, y state.Young, m *view.Message) error {
	reads := 0
	for _, named := range []bool{true, false} {
		for _, f := range s.NewLocal {
			if named != (f.File.Base() == y.Base) || f.Content.DiskSize <= y.Size || !named && y.Size == 0 {
				continue
			}
			if reads++; reads > stumpReads && !named {
				return nil
			}
			part, grown, err := s.grownFrom(ctx, y, f.File)
			if err != nil {
				return err
			}
			if !grown {
				continue
			}
			s.rejoin(m, f, byName)
			m.Content, m.Guessed = part, false
			f.Item.Local.Flags, f.Item.CopyOf = m.Item.Local.Flags, nil
			y.Base = f.File.Base()
			s.Stumps = append(s.Stumps, &view.Stump{Young: y, Message: m, File: f})
			if !named {
				// Once the message has followed, the file is known by this name.
				s.Resolve(func(tx *state.Tx) error { return tx.PutYoung([]state.Young{y}) })
			}
			return nil
		}
	}
	return nil
}

// stumpReads is how many new files are read for one message that was young when its
// file went, and may be the beginning of one of them.
const stumpReads = 64

// halfSent finds the file of an upload, or of a copy, that a run died in, and reports
// whether there is one. What the server may have is what was announced.
func (s *Match) halfSent(ctx context.Context, y state.Young) (bool, error) {
	for i, f := range s.NewLocal {
		if f.File.Base() != y.Base || f.File.Folder != y.Mailbox || f.Content.DiskSize <= y.Size {
			continue
		}
		part, grown, err := s.grownFrom(ctx, y, f.File)
		if err != nil || !grown {
			return false, err
		}
		announced := slices.ContainsFunc(s.IntendedAppends(y.Mailbox), func(i *state.Intent) bool {
			return i.Base == y.Base && slices.Contains(part.Digests(), i.Digest)
		})
		if !announced {
			return false, nil
		}
		p := *f
		p.Item.Ref = &p
		p.Inspected(part)
		s.HalfUploads = append(s.HalfUploads, &view.Half{Part: &p, Whole: f})
		s.NewLocal[i] = &p
		return true, nil
	}
	return false, nil
}

// StumpOf returns the stump that a new file stands for as a whole.
func (s *Match) StumpOf(f maildir.File) *view.Stump {
	i := slices.IndexFunc(s.Stumps, func(st *view.Stump) bool {
		return st.File != nil && st.File.File == f && st.Message.Item.Local.State != plan.Removed && !st.Message.UIDVoid
	})
	if i < 0 {
		return nil
	}
	return s.Stumps[i]
}

// Superseded reports whether an intent is about a stump: its removal is that of no
// message.
func Superseded(i *state.Intent) bool { return i.Kind == state.IntentExpunge && i.Base != "" }

// Left reports whether an intent is about what a move, or a whole message, left
// behind.
func Left(i *state.Intent) bool { return i.Mailbox != i.Home || Superseded(i) }

// EndsStump reports whether an operation removes a stump, which is part of the
// upload that people were told of.
func (s *Match) EndsStump(op *plan.Op) bool {
	if op.Kind != plan.RemoteRemove || !op.Item.Left {
		return false
	}
	i := s.PostponedBefore(view.Ref(op.Item).Row.ID)
	return i != nil && Superseded(i)
}
