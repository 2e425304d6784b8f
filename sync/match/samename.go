package match

import (
	"context"
	"slices"
	"sort"

	"satchel/maildir"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// Nothing makes sure that the unique part of a file name is unique: people copy
// files, and two mail programs may have chosen one name. Where a name tells of
// several messages, and the files are not just those that the base knows,
// what the files hold decides which is which (SPEC §5): in one folder by
// [folderLook.compare] and [session.matchLocal], between folders by
// [session.namesakes]. Files that share a name are left as they are: they
// are the user's, and a mail program may be about to rename them.

// keptNames joins rows of files that share a name, and that are nobody's by
// what they hold, with those that they name exactly: these were edited in
// place.
func (s *Match) keptNames() {
	for _, m := range s.Shared {
		if m.Item.Local.State != plan.Removed || s.ByID[m.Row.MailboxID].LocalIncomplete || s.PostponedBefore(m.Row.ID) != nil {
			continue
		}
		i := slices.IndexFunc(s.NewLocal, func(f *view.Message) bool { return s.agrees(byPlace, m, f) })
		if i < 0 {
			continue
		}
		s.rejoin(m, s.NewLocal[i], byPlace)
		s.NewLocal = slices.Delete(s.NewLocal, i, i+1)
	}
}

// namesakes looks at files that a row was joined with by name alone, though a
// message of another content, whose file is missing elsewhere or has another
// name now, had that name as well. A file that holds what the other one did
// is new here, and that of the row is missing; MatchLocal goes on with both.
func (s *Match) namesakes(ctx context.Context) error {
	groups, err := s.sameNames(ctx)
	if err != nil {
		return err
	}
	for _, list := range groups {
		digest := list[0].Row.Digest
		if !slices.ContainsFunc(list, func(m *view.Message) bool { return m.Row.Digest != digest }) {
			continue // copies of one message
		}
		for _, m := range list {
			if !m.OnDisk() {
				continue
			}
			mb := s.Mailboxes[m.File.Folder]
			f := view.NewFile(m.File, mb.Table)
			c, err := s.Store.Inspect(ctx, m.File)
			if err != nil {
				if err := s.look.Unreadable(ctx, f, err); err != nil {
					return err
				}
				continue
			}
			holds := func(o *view.Message) bool { return view.Holds(&c, o.Row) }
			if holds(m) || !slices.ContainsFunc(list, holds) {
				continue
			}
			f.Inspected(&c)
			s.NewLocal = append(s.NewLocal, f)
			s.Touched = slices.DeleteFunc(s.Touched, func(t *view.Message) bool { return t == m })
			m.RemoveLocal()
		}
	}
	s.look.SortNewLocal()
	return nil
}

// sameNames returns, by the unique part of their name, messages of several of
// the folders that were compared. Each list has one at least whose file is not
// where it was.
func (s *Match) sameNames(ctx context.Context) (map[string][]*view.Message, error) {
	homes := map[string]map[int64]bool{} // by base, mailboxes of what is not where it was
	groups := map[string][]*view.Message{}
	for _, m := range s.Messages {
		if s.ByID[m.Row.MailboxID].LocalIncomplete || m.Row.Pending {
			continue
		}
		b := m.Row.Base
		if homes[b] == nil {
			homes[b] = map[int64]bool{}
		}
		homes[b][m.Row.MailboxID] = true
		groups[b] = append(groups[b], m)
	}
	if len(groups) == 0 {
		return nil, nil
	}
	fresh := make(map[maildir.File]bool, len(s.NewLocal))
	for _, f := range s.NewLocal {
		fresh[f.File] = true
	}
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		if mb.Row == nil || mb.LocalIncomplete || mb.Listing == nil || len(mb.Listing.Files) == 0 {
			continue
		}
		var ask []string
		for base, at := range homes {
			if !at[mb.Row.ID] && slices.ContainsFunc(WithBase(mb.Listing.Files, base), func(f maildir.File) bool { return !fresh[f] }) {
				ask = append(ask, base)
			}
		}
		rows, err := s.DB.ByBase(ctx, mb.Row.ID, ask)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			groups[row.Base] = append(groups[row.Base], s.look.Known(mb, row))
		}
	}
	for base, list := range groups {
		if len(list) == 1 {
			delete(groups, base)
		}
	}
	return groups, nil
}

// WithBase returns those of a listing's files that share a base.
func WithBase(files []maildir.File, base string) []maildir.File {
	from := sort.Search(len(files), func(i int) bool { return files[i].Base() >= base })
	to := from
	for to < len(files) && files[to].Base() == base {
		to++
	}
	return files[from:to]
}
