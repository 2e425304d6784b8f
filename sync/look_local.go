package sync

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"satchel/maildir"
	"satchel/state"
)

// inspectors is how many files are read side by side.
const inspectors = 4

// folderLook is a folder compared with the base: only what differs.
type folderLook struct {
	listing *maildir.Listing // without Files when there is nothing to compare
	table   maildir.Table    // what the keyword letters mean
	names   maildir.Fingerprint
	err     error       // of listing or comparing it
	fresh   []*message  // unknown, or sharing a base with others
	shared  []int64     // rows that share a base with others, or with several files
	changed []namedFile // known, under another name than the row says
	missing []int64     // rows
	removed int         // those of them whose files had been delivered
}

// namedFile is the file of a row.
type namedFile struct {
	id   int64
	file maildir.File
}

// lookahead is the reading of folders that goes on while the server is being
// asked. Whoever starts it has to wait for it.
type lookahead struct {
	done  chan struct{}
	looks map[string]*folderLook // valid when done is closed
}

// start reads beside what the caller does.
func (l *lookahead) start(read func() map[string]*folderLook) {
	l.wait()
	done := make(chan struct{})
	l.done = done
	go func() {
		defer close(done)
		l.looks = read()
	}()
}

// wait returns what was read, once it is.
func (l *lookahead) wait() map[string]*folderLook {
	if l.done != nil {
		<-l.done
	}
	return l.looks
}

// forget waits, too, but nothing was read then.
func (l *lookahead) forget() {
	l.wait()
	l.looks = nil
}

// lookAhead reads the folders whose stamps moved, and the new files in them,
// while the server is being asked: neither needs to wait for the other.
// Nothing is concluded yet.
func (s *session) lookAhead(ctx context.Context, rows []*state.Mailbox, folders []maildir.Folder) map[string]*folderLook {
	byName := make(map[string]*state.Mailbox, len(rows))
	for _, r := range rows {
		byName[r.Name] = r
	}
	ahead := map[string]*folderLook{}
	var g errgroup.Group
	g.SetLimit(inspectors)
	for i := range folders {
		mb := &mailbox{name: folders[i].Name, row: byName[folders[i].Name], folder: &folders[i]}
		if !s.wanted(mb.name) || !s.dirtyLocal(mb) {
			continue
		}
		look := s.confirmFolder(ctx, mb)
		if look == nil {
			look = s.lookAt(ctx, mb)
		}
		ahead[mb.name] = look
		for _, m := range look.fresh {
			g.Go(func() error {
				// What cannot be read now is tried again, and reported, later.
				if c, err := s.store.Inspect(ctx, m.file); err == nil {
					m.inspected(&c)
				}
				return nil
			})
		}
	}
	_ = g.Wait()
	return ahead
}

// lookAt lists a folder and compares it with the base.
func (s *session) lookAt(ctx context.Context, mb *mailbox) *folderLook {
	look := &folderLook{}
	if look.listing, look.err = s.store.Scan(ctx, mb.name); look.err != nil {
		return look
	}
	// What waits to be expunged has no file; one that comes back under its name
	// is another message, as in matchLocal.
	waits := map[int64]bool{}
	for _, i := range s.intents {
		if i.Kind == state.IntentExpunge {
			waits[i.Message] = true
		}
	}
	files := look.listing.Files
	look.table = maildir.NewTable(look.listing, mb.lettersBefore(look.listing.Keywords))
	look.names = look.listing.Fingerprint()
	if mb.row == nil {
		look.compare(nil, files, false)
		return look
	}
	look.err = byBase(ctx, s.db, mb.row.ID, files, func(rows []state.Name, files []maildir.File) {
		rows = slices.DeleteFunc(rows, func(n state.Name) bool {
			if waits[n.ID] {
				look.gone(&n)
			}
			return waits[n.ID]
		})
		look.compare(rows, files, mb.detached)
	})
	return look
}

// compare takes rows and files that share a base; as a rule there is one of
// each, and then they belong together.
func (l *folderLook) compare(rows []state.Name, files []maildir.File, detached bool) {
	switch {
	case len(rows) == 0:
		for _, f := range files {
			l.fresh = append(l.fresh, newFile(f, l.table))
		}
	case len(files) == 0:
		for i := range rows {
			l.gone(&rows[i])
		}
	case len(rows) == 1 && len(files) == 1 || asKnown(rows, files):
		for i := range rows {
			n, f := &rows[i], files[max(0, named(&rows[i], files))]
			if detached || n.Pending || !names(n, f) || l.table.Misread(f, n.Keywords) {
				l.changed = append(l.changed, namedFile{n.ID, f})
			}
		}
	default:
		for _, n := range rows {
			l.shared = append(l.shared, n.ID)
		}
		for _, f := range files {
			m := newFile(f, l.table)
			m.shared = true
			l.fresh = append(l.fresh, m)
		}
	}
}

// gone takes a row that has no file.
func (l *folderLook) gone(n *state.Name) {
	l.missing = append(l.missing, n.ID)
	if !n.Pending {
		l.removed++
	}
}

// inspected takes what was read of a new file.
func (m *message) inspected(c *maildir.Content) {
	m.content, m.date, m.item.Size = c, c.ModTime, c.Size
}
