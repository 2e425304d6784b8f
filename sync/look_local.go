package sync

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/plan"
)

// inspectors is how many files are read side by side.
const inspectors = 4

// folderLook is a folder compared with the base: only what differs.
type folderLook struct {
	listing *maildir.Listing // without Files when there is nothing to compare
	names   maildir.Fingerprint
	err     error // of listing or comparing it
	fresh   []*message
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

// lookAt lists a folder and walks the listing and the base side by side; both
// are sorted by the unique part of the name.
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
	look.names = look.listing.Fingerprint()
	i := 0
	if mb.row != nil {
		look.err = s.db.Names(ctx, mb.row.ID, func(n *state.Name) error {
			for i < len(files) && files[i].Base() < n.Base {
				look.add(mb, files[i])
				i++
			}
			// Several files may share a base, when somebody copied one
			// within the folder; the row's is the one it names exactly,
			// or else the first.
			start := i
			for !waits[n.ID] && i < len(files) && files[i].Base() == n.Base {
				i++
			}
			same := files[start:i]
			if len(same) == 0 {
				look.missing = append(look.missing, n.ID)
				if !n.Pending {
					look.removed++
				}
				return nil
			}
			mine := max(0, slices.IndexFunc(same, func(f maildir.File) bool { return f.New == n.New && f.Name == n.Base+n.Info }))
			for k, f := range same {
				if k != mine {
					look.add(mb, f)
				}
			}
			if f := same[mine]; mb.detached || n.Pending || f.New != n.New || f.Name != n.Base+n.Info {
				look.changed = append(look.changed, namedFile{n.ID, f})
			}
			return nil
		})
	}
	for ; i < len(files); i++ {
		look.add(mb, files[i])
	}
	return look
}

// add takes a file that the base does not know.
func (l *folderLook) add(mb *mailbox, f maildir.File) {
	m := &message{file: f}
	m.item = plan.Item{Ref: m, Local: plan.Side{State: plan.New, Mailbox: mb.name, Key: f.Base(), Flags: l.listing.Keywords.Flags(f)}}
	l.fresh = append(l.fresh, m)
}

// inspected takes what was read of a new file.
func (m *message) inspected(c *maildir.Content) {
	m.content, m.date, m.item.Size = c, c.ModTime, c.Size
}
