package sync

import (
	"context"
	"slices"
	"sort"
	"strings"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/plan"
)

// Nothing makes sure that the unique part of a file name is unique: people copy
// files, and two mail programs may have chosen one name. Where a name tells of
// several messages, and the files are not just those that the base knows,
// what the files hold decides which is which (SPEC §5): in one folder by
// [folderLook.compare] and [session.matchLocal], between folders by
// [session.namesakes]. Files that share a name are left as they are: they
// are the user's, and a mail program may be about to rename them.

// byBase walks through the rows of a mailbox and the files of its folder side
// by side; both are sorted by the unique part of the name. It calls yield for
// each of these parts, and for each file that no row has that part of. The
// slices are not for keeping.
func byBase(ctx context.Context, db *state.DB, mailbox int64, files []maildir.File, yield func([]state.Name, []maildir.File)) error {
	var rows []state.Name
	alone := func(until func(base string) bool) {
		for len(files) > 0 && until(files[0].Base()) {
			yield(nil, files[:1])
			files = files[1:]
		}
	}
	group := func() {
		base := rows[0].Base
		alone(func(b string) bool { return b < base })
		n := 0
		for n < len(files) && files[n].Base() == base {
			n++
		}
		yield(rows, files[:n])
		rows, files = rows[:0], files[n:]
	}
	err := db.Names(ctx, mailbox, func(n *state.Name) error {
		if len(rows) > 0 && rows[0].Base != n.Base {
			group()
		}
		rows = append(rows, *n)
		return nil
	})
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		group()
	}
	alone(func(string) bool { return true })
	return nil
}

// names reports whether a row says just this of a file.
func names(n *state.Name, f maildir.File) bool {
	return f.New == n.New && f.Name == n.Base+n.Info
}

// named returns where in files the file is that a row names exactly, or -1.
func named(n *state.Name, files []maildir.File) int {
	return slices.IndexFunc(files, func(f maildir.File) bool { return names(n, f) })
}

// asKnown reports whether files that share a base are just those that the rows
// name.
func asKnown(rows []state.Name, files []maildir.File) bool {
	if len(rows) != len(files) {
		return false
	}
	seen := make(map[int]bool, len(rows))
	for i := range rows {
		at := named(&rows[i], files)
		if at < 0 || seen[at] {
			return false
		}
		seen[at] = true
	}
	return true
}

// keptNames joins rows of files that share a name, and that are nobody's by
// what they hold, with those that they name exactly: these were edited in
// place.
func (s *session) keptNames() {
	for _, m := range s.shared {
		if m.item.Local.State != plan.Removed || s.byID[m.row.MailboxID].blindLocal || s.postponedBefore(m.row.ID) != nil {
			continue
		}
		i := slices.IndexFunc(s.newLocal, func(f *message) bool { return s.agrees(byPlace, m, f) })
		if i < 0 {
			continue
		}
		s.rejoin(m, s.newLocal[i], byPlace)
		s.newLocal = slices.Delete(s.newLocal, i, i+1)
	}
}

// namesakes looks at files that a row was joined with by name alone, though a
// message of another content, whose file is missing elsewhere or has another
// name now, had that name as well. A file that holds what the other one did
// is new here, and that of the row is missing; matchLocal goes on with both.
func (s *session) namesakes(ctx context.Context) error {
	groups, err := s.sameNames(ctx)
	if err != nil {
		return err
	}
	for _, list := range groups {
		digest := list[0].row.Digest
		if !slices.ContainsFunc(list, func(m *message) bool { return m.row.Digest != digest }) {
			continue // copies of one message
		}
		for _, m := range list {
			if !m.onDisk() {
				continue
			}
			mb := s.mailboxes[m.file.Folder]
			f := newFile(m.file, mb.table)
			c, err := s.store.Inspect(ctx, m.file)
			if err != nil {
				if err := s.unreadable(ctx, f, err); err != nil {
					return err
				}
				continue
			}
			holds := func(o *message) bool { return holds(&c, o.row) }
			if holds(m) || !slices.ContainsFunc(list, holds) {
				continue
			}
			f.inspected(&c)
			s.newLocal = append(s.newLocal, f)
			s.touched = slices.DeleteFunc(s.touched, func(t *message) bool { return t == m })
			m.removeLocal()
		}
	}
	s.sortNewLocal()
	return nil
}

// sameNames returns, by the unique part of their name, messages of several of
// the folders that were compared. Each list has one at least whose file is not
// where it was.
func (s *session) sameNames(ctx context.Context) (map[string][]*message, error) {
	homes := map[string]map[int64]bool{} // by base, mailboxes of what is not where it was
	groups := map[string][]*message{}
	for _, m := range s.messages {
		if s.byID[m.row.MailboxID].blindLocal || m.row.Pending {
			continue
		}
		b := m.row.Base
		if homes[b] == nil {
			homes[b] = map[int64]bool{}
		}
		homes[b][m.row.MailboxID] = true
		groups[b] = append(groups[b], m)
	}
	if len(groups) == 0 {
		return nil, nil
	}
	fresh := make(map[maildir.File]bool, len(s.newLocal))
	for _, f := range s.newLocal {
		fresh[f.file] = true
	}
	for _, name := range s.names {
		mb := s.mailboxes[name]
		if mb.row == nil || mb.blindLocal || mb.listing == nil || len(mb.listing.Files) == 0 {
			continue
		}
		var ask []string
		for base, at := range homes {
			if !at[mb.row.ID] && slices.ContainsFunc(withBase(mb.listing.Files, base), func(f maildir.File) bool { return !fresh[f] }) {
				ask = append(ask, base)
			}
		}
		rows, err := s.db.ByBase(ctx, mb.row.ID, ask)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			groups[row.Base] = append(groups[row.Base], s.known(mb, row))
		}
	}
	for base, list := range groups {
		if len(list) == 1 {
			delete(groups, base)
		}
	}
	return groups, nil
}

// withBase returns those of a listing's files that share a base.
func withBase(files []maildir.File, base string) []maildir.File {
	from := sort.Search(len(files), func(i int) bool { return files[i].Base() >= base })
	to := from
	for to < len(files) && files[to].Base() == base {
		to++
	}
	return files[from:to]
}

// spare returns which of the names that files would keep when they are moved
// within a batch are another message's where they go. A mail program that gave
// one of them the flags of the other would replace it.
func (a *applier) spare(ctx context.Context, ops []*plan.Op) (map[*plan.Op]bool, error) {
	moves := map[string][]*plan.Op{}
	for _, op := range ops {
		if op.Kind == plan.LocalMove {
			moves[op.To] = append(moves[op.To], op)
		}
	}
	taken := map[*plan.Op]bool{}
	for to, list := range moves {
		mb := a.mailboxes[to]
		if mb == nil || mb.row == nil {
			continue
		}
		var bases []string
		for _, op := range list {
			bases = append(bases, ref(op.Item).file.Base())
		}
		rows, err := a.db.ByBase(ctx, mb.row.ID, bases)
		if err != nil {
			return nil, err
		}
		for _, op := range list {
			m := ref(op.Item)
			taken[op] = slices.ContainsFunc(rows, func(r *state.Message) bool { return r.Base == m.file.Base() && r.ID != m.id })
		}
	}
	return taken, nil
}

// anothers reports whether the name of a file, which is not that of m, is known to be
// that of another message: this cycle listed both, or the base says so.
func (a *applier) anothers(ctx context.Context, m *message, f maildir.File) (bool, error) {
	mb := a.mailboxes[f.Folder]
	if mb == nil || mb.row == nil {
		return false, nil
	}
	if l := mb.listing; l != nil && !l.Unsettled {
		if list := withBase(l.Files, f.Base()); slices.Contains(list, m.file) && slices.Contains(list, f) {
			return true, nil
		}
	}
	rows, err := a.db.ByBase(ctx, mb.row.ID, []string{f.Base()})
	return slices.ContainsFunc(rows, func(r *state.Message) bool {
		return r.ID != m.id && r.New == f.New && r.Base+r.Info == f.Name
	}), err
}

// sortNewLocal puts new files in the order in which they are matched.
func (s *session) sortNewLocal() {
	slices.SortFunc(s.newLocal, func(a, b *message) int { return strings.Compare(a.file.String(), b.file.String()) })
}

// newFile is a file that the base does not know.
func newFile(f maildir.File, t maildir.Table) *message {
	m := &message{file: f, reading: t.Fresh(f)}
	m.item = plan.Item{Ref: m, Local: plan.Side{State: plan.New, Mailbox: f.Folder, Key: f.Base(), Flags: m.reading.Flags}}
	return m
}
