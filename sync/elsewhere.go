package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// Folders that are not synced are not looked at, but for one question: a file that was
// moved there is not gone, so its message stays on the server.

// place is a directory on disk that is not synced.
type place struct {
	dir, name string
	folder    string // the mailbox that it would be, "" for none
	// changed is when files last came or went, in nanoseconds since 1970; 0 if that
	// is not known.
	changed int64
}

// appendPlace adds a place that the list does not have yet.
func appendPlace(list []place, p place) []place {
	if slices.ContainsFunc(list, func(o place) bool { return o.dir == p.dir }) {
		return list
	}
	return append(list, p)
}

// unsynced notes the folders that are not synced.
func (s *session) unsynced(folders []maildir.Folder) {
	for i := range folders {
		f := &folders[i]
		if mb := s.mailboxes[f.Name]; mb != nil && mb.folder != nil {
			continue
		}
		p := place{name: f.Name, folder: f.Name}
		if f.Stamp.Cur != 0 && f.Stamp.New != 0 { // else they are too young to tell
			p.changed = max(f.Stamp.Cur, f.Stamp.New)
		}
		var err error
		if p.dir, err = s.store.Dir(f.Name); err == nil {
			s.elsewhere = appendPlace(s.elsewhere, p)
		}
	}
}

// findUnpaired looks among what is not synced for the files of messages that are gone
// from both sides, before new messages on the server are compared with what is known:
// one of these may be such a message, moved there or under another UID. It is the same
// message then, and downloaded it would be there twice.
func (s *session) findUnpaired(ctx context.Context) error {
	if len(s.elsewhere) == 0 || len(s.newRemote) == 0 {
		return nil
	}
	return s.searchAll(ctx, func(m *message) bool {
		return m.item.Local.State == plan.Removed && m.item.Remote.State == plan.Removed &&
			!s.trashed(m) && !s.leftBehind(m) && s.postponedBefore(m.row.ID) == nil &&
			slices.ContainsFunc(s.newRemote, func(n *message) bool { return s.mayHaveSize(m.row.Size, n.item.Size) })
	})
}

// holdHidden finds the messages that seem to be gone from the Maildir and of which
// that is not known. The planner leaves them alone.
func (s *session) holdHidden(ctx context.Context) error {
	return s.searchAll(ctx, func(m *message) bool {
		if m.item.Local.State != plan.Removed || m.item.Trashed || m.item.Left || s.postponedBefore(m.row.ID) != nil {
			return false
		}
		m.item.Held = s.hiddenFile(m.row.Base, m.row.DiskSize)
		return m.notHeld() && m.item.Remote.State.Present()
	})
}

// searchAll looks for the files of messages in all places that are not synced.
func (s *session) searchAll(ctx context.Context, is func(*message) bool) error {
	var missing []*message
	for _, m := range s.messages {
		if is(m) {
			missing = append(missing, m)
		}
	}
	slices.SortFunc(missing, func(a, b *message) int { return cmp.Compare(a.row.ID, b.row.ID) })
	for _, p := range s.elsewhere {
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
func (s *session) search(ctx context.Context, p place, missing []*message) (rest []*message, err error) {
	// A file that came there did so after its folder was as the base says.
	var may []*message
	for _, m := range missing {
		if p.changed == 0 || p.changed >= s.seenAt(m.row) {
			may = append(may, m)
		} else {
			rest = append(rest, m)
		}
	}
	if len(may) == 0 {
		return rest, nil
	}
	strays, err := s.store.Strays(ctx, p.dir, p.folder)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		holdAll(may, fmt.Sprintf("its file may be in %s: %v", p.name, err))
		return rest, nil
	}
	byBase, bySize := map[string][]*message{}, slices.Clone(may)
	for _, m := range may {
		byBase[m.row.Base] = append(byBase[m.row.Base], m)
	}
	slices.SortStableFunc(bySize, func(a, b *message) int { return cmp.Compare(a.row.DiskSize, b.row.DiskSize) })
	later := strays[:0]
	for _, f := range strays {
		if list := byBase[f.File.Base()]; len(list) == 0 || !s.holdsOne(ctx, p, f, list) {
			later = append(later, f)
		}
	}
	for _, f := range later {
		if !slices.ContainsFunc(may, (*message).notHeld) {
			break
		}
		if size, ok := s.store.StraySize(f); ok {
			s.holdsOne(ctx, p, f, ofSizeNear(bySize, size))
		}
	}
	for _, m := range may {
		if m.notHeld() {
			rest = append(rest, m)
		}
	}
	return rest, nil
}

// ofSizeNear returns those of a list, which is sorted by that, whose files were of
// about a size.
func ofSizeNear(list []*message, size int64) []*message {
	at := func(size int64) int {
		i, _ := slices.BinarySearchFunc(list, size, func(m *message, size int64) int { return cmp.Compare(m.row.DiskSize, size) })
		return i
	}
	return list[at(size-sizeSlack):at(size+sizeSlack+1)]
}

// seenAt returns when, at the latest, the file of a row was in its folder: the
// time of the directory as it was then. 0: not known.
func (s *session) seenAt(row *state.Message) int64 {
	mb := s.byID[row.MailboxID]
	if row.New {
		return mb.row.NewMTime
	}
	return mb.row.CurMTime
}

// holdsOne reports whether a file is or may be one of these messages. What it holds
// decides which of them is held back; all are where it cannot be read, since it
// may be any.
func (s *session) holdsOne(ctx context.Context, p place, f maildir.Stray, list []*message) bool {
	if !slices.ContainsFunc(list, (*message).notHeld) {
		return false
	}
	c, err := &maildir.Content{}, error(nil)
	if p.folder != "" {
		*c, err = s.store.Inspect(ctx, f.File)
	}
	switch {
	case errors.Is(err, mail.ErrGone) || isOdd(err):
		return false
	case err != nil:
		holdAll(list, fmt.Sprintf("its file may be in %s: %v", p.name, err))
	case p.folder == "":
		holdAll(list, fmt.Sprintf("its file may be in %s, which is not synced", p.name))
	default:
		i := slices.IndexFunc(list, func(m *message) bool { return m.notHeld() && holds(c, m.row) })
		if i < 0 {
			return false
		}
		list[i].item.Held = fmt.Sprintf("its file is in %s, which is not synced", p.name)
	}
	return true
}
