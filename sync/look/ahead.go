package look

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/keyword"
	"satchel/sync/view"
)

// inspectors is how many files are read side by side.
const inspectors = 4

// LookAhead reads the folders whose stamps moved, and the new files in them,
// while the server is being asked: neither needs to wait for the other.
// Nothing is concluded yet.
func (s *Look) LookAhead(ctx context.Context, rows []*state.Mailbox, folders []maildir.Folder) map[string]*view.FolderLook {
	byName := make(map[string]*state.Mailbox, len(rows))
	for _, r := range rows {
		byName[r.Name] = r
	}
	ahead := map[string]*view.FolderLook{}
	var g errgroup.Group
	g.SetLimit(inspectors)
	for i := range folders {
		mb := &view.Mailbox{Name: folders[i].Name, Row: byName[folders[i].Name], Folder: &folders[i]}
		if !s.Wanted(mb.Name) || !s.DirtyLocal(mb) {
			continue
		}
		look := s.confirmFolder(ctx, mb)
		if look == nil {
			look = s.lookAt(ctx, mb)
		}
		ahead[mb.Name] = look
		for _, m := range look.Fresh {
			g.Go(func() error {
				// What cannot be read now is tried again, and reported, later.
				if c, err := s.Store.Inspect(ctx, m.File); err == nil {
					m.Inspected(&c)
				}
				return nil
			})
		}
	}
	_ = g.Wait()
	return ahead
}

// lookAt lists a folder and compares it with the base.
func (s *Look) lookAt(ctx context.Context, mb *view.Mailbox) *view.FolderLook {
	look := &view.FolderLook{}
	if look.Listing, look.Err = s.Store.Scan(ctx, mb.Name); look.Err != nil {
		return look
	}
	// What waits to be expunged has no file; one that comes back under its name
	// is another message, as in MatchLocal.
	waits := map[int64]bool{}
	for _, i := range s.Intents {
		if i.Kind == state.IntentExpunge {
			waits[i.Message] = true
		}
	}
	files := look.Listing.Files
	look.Table = maildir.NewTable(look.Listing, keyword.LettersBefore(mb, look.Listing.Keywords))
	look.Names = look.Listing.Fingerprint()
	if mb.Row == nil {
		look.Compare(nil, files, false)
		return look
	}
	look.Err = ByBase(ctx, s.DB, mb.Row.ID, files, func(rows []state.Name, files []maildir.File) {
		rows = slices.DeleteFunc(rows, func(n state.Name) bool {
			if waits[n.ID] {
				look.Gone(&n)
			}
			return waits[n.ID]
		})
		look.Compare(rows, files, mb.UIDsVoid)
	})
	return look
}
