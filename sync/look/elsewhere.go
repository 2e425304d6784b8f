package look

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/view"
)

// Folders that are not synced are not looked at, but for one question: a file that was
// moved there is not gone, so its message stays on the server.

// AppendPlace adds a place that the list does not have yet.
func AppendPlace(list []view.Place, p view.Place) []view.Place {
	if slices.ContainsFunc(list, func(o view.Place) bool { return o.Dir == p.Dir }) {
		return list
	}
	return append(list, p)
}

// Unsynced notes the folders that are not synced.
func (s *Look) Unsynced(folders []maildir.Folder) {
	for i := range folders {
		f := &folders[i]
		if mb := s.Mailboxes[f.Name]; mb != nil && mb.Folder != nil {
			continue
		}
		p := view.Place{Name: f.Name, Folder: f.Name}
		if f.Stamp.Cur != 0 && f.Stamp.New != 0 { // else they are too young to tell
			p.Changed = max(f.Stamp.Cur, f.Stamp.New)
		}
		var err error
		if p.Dir, err = s.Store.Dir(f.Name); err == nil {
			s.Elsewhere = AppendPlace(s.Elsewhere, p)
		}
	}
}

// SearchAll looks for the files of messages in all places that are not synced.
func (s *Look) SearchAll(ctx context.Context, is func(*view.Message) bool) error {
	var missing []*view.Message
	for _, m := range s.Messages {
		if is(m) {
			missing = append(missing, m)
		}
	}
	slices.SortFunc(missing, func(a, b *view.Message) int { return cmp.Compare(a.Row.ID, b.Row.ID) })
	for _, p := range s.Elsewhere {
		var err error
		if missing, err = s.search(ctx, p, missing); err != nil {
			return err
		}
	}
	return nil
}

// search looks for the files of messages in a place that is not synced, and
// returns the messages that are not there. Names are cheap; what a file holds is
// looked at only where its name is that of a missing one, or its size about that.
func (s *Look) search(ctx context.Context, p view.Place, missing []*view.Message) (rest []*view.Message, err error) {
	// A file that came there did so after its folder was as the base says.
	var may []*view.Message
	for _, m := range missing {
		if p.Changed == 0 || p.Changed >= s.seenAt(m.Row) {
			may = append(may, m)
		} else {
			rest = append(rest, m)
		}
	}
	if len(may) == 0 {
		return rest, nil
	}
	strays, err := s.Store.Strays(ctx, p.Dir, p.Folder)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		view.HoldAll(may, fmt.Sprintf("its file may be in %s: %v", p.Name, err))
		return rest, nil
	}
	byBase, bySize := map[string][]*view.Message{}, slices.Clone(may)
	for _, m := range may {
		byBase[m.Row.Base] = append(byBase[m.Row.Base], m)
	}
	slices.SortStableFunc(bySize, func(a, b *view.Message) int { return cmp.Compare(a.Row.DiskSize, b.Row.DiskSize) })
	later := strays[:0]
	for _, f := range strays {
		if list := byBase[f.File.Base()]; len(list) == 0 || !s.holdsOne(ctx, p, f, list) {
			later = append(later, f)
		}
	}
	for _, f := range later {
		if !slices.ContainsFunc(may, (*view.Message).NotHeld) {
			break
		}
		if size, ok := s.Store.StraySize(f); ok {
			s.holdsOne(ctx, p, f, ofSizeNear(bySize, size))
		}
	}
	for _, m := range may {
		if m.NotHeld() {
			rest = append(rest, m)
		}
	}
	return rest, nil
}

// ofSizeNear returns those of a list, which is sorted by that, whose files were of
// about a size.
func ofSizeNear(list []*view.Message, size int64) []*view.Message {
	at := func(size int64) int {
		i, _ := slices.BinarySearchFunc(list, size, func(m *view.Message, size int64) int { return cmp.Compare(m.Row.DiskSize, size) })
		return i
	}
	return list[at(size-view.SizeSlack):at(size+view.SizeSlack+1)]
}

// seenAt returns when, at the latest, the file of a row was in its folder: the
// time of the directory as it was then. 0: not known.
func (s *Look) seenAt(row *state.Message) int64 {
	mb := s.ByID[row.MailboxID]
	if row.New {
		return mb.Row.NewMTime
	}
	return mb.Row.CurMTime
}

// holdsOne reports whether a file is or may be one of these messages. What it holds
// decides which of them is held back; all are where it cannot be read, since it
// may be any.
func (s *Look) holdsOne(ctx context.Context, p view.Place, f maildir.Stray, list []*view.Message) bool {
	if !slices.ContainsFunc(list, (*view.Message).NotHeld) {
		return false
	}
	c, err := &maildir.Content{}, error(nil)
	if p.Folder != "" {
		*c, err = s.Store.Inspect(ctx, f.File)
	}
	switch {
	case errors.Is(err, mail.ErrGone) || isOdd(err):
		return false
	case err != nil:
		view.HoldAll(list, fmt.Sprintf("its file may be in %s: %v", p.Name, err))
	case p.Folder == "":
		view.HoldAll(list, fmt.Sprintf("its file may be in %s, which is not synced", p.Name))
	default:
		i := slices.IndexFunc(list, func(m *view.Message) bool { return m.NotHeld() && view.Holds(c, m.Row) })
		if i < 0 {
			return false
		}
		list[i].Item.Held = fmt.Sprintf("its file is in %s, which is not synced", p.Name)
	}
	return true
}
