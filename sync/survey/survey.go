package survey

import (
	"context"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// finding is what a survey found.
type finding struct {
	rows    []*state.Mailbox
	folders []maildir.Folder
	skipped []maildir.Skipped
	boxes   map[string]*remote.Mailbox
	// here says where the Maildir has the mailboxes of the base, "" for those
	// that it has no more.
	here map[string]string
	// unsure are mailboxes of which it is not known whether the server has them.
	unsure map[string]error
}

// movedHere reports whether the Maildir has a mailbox under another name.
func (f *finding) movedHere() bool {
	for name, place := range f.here {
		if place != "" && place != name {
			return true
		}
	}
	return false
}

// Survey lists the mailboxes of the base and of both sides, brings renames to
// the side that has the old name still, and joins them by name: one
// LIST-STATUS, a few stats a folder, one small query. What it finds unchanged
// is not looked at again.
func (s *Survey) Survey(ctx context.Context) error {
	rows, err := s.recall(ctx)
	if err != nil {
		return err
	}
	if err := s.awaitServer(ctx); err != nil {
		return err
	}
	f := &finding{rows: rows, boxes: s.Boxes}
	if err := s.listBoth(ctx, f); err != nil {
		return err
	}
	for _, check := range []func(context.Context, *finding) error{s.sameAccount, s.checkLayout, s.secondLook} {
		if err := check(ctx, f); err != nil {
			return err
		}
	}
	s.Boxes = f.boxes
	s.listedAfterAll(f.boxes)
	switch again, err := s.renames(ctx, f); {
	case err != nil:
		return err
	case again:
		return s.Survey(ctx)
	}
	s.join(f.rows, f.folders, f.boxes)
	s.look.Unsynced(f.folders)
	s.refuseNames(f)
	if err := s.checkNames(f); err != nil {
		return err
	}
	s.FreezeSkipped(f.skipped)
	s.quirks.FreezeAside()
	s.freezeRenaming()
	return s.countBase(ctx)
}

// recall reads what the state has of mailboxes, and of what earlier runs left undone.
func (s *Survey) recall(ctx context.Context) (rows []*state.Mailbox, err error) {
	if rows, err = s.DB.Mailboxes(ctx); err != nil {
		return nil, err
	}
	if s.Intents, err = s.DB.Intents(ctx); err != nil {
		return nil, err
	}
	if s.Unfinished, err = s.DB.Unfinished(ctx); err != nil {
		return nil, err
	}
	s.SentYoung, err = s.DB.Young(ctx)
	return rows, err
}

// listBoth lists both sides at the same time. Where no folder has another name than the
// base knows, the folders themselves are read while the server is being asked.
func (s *Survey) listBoth(ctx context.Context, f *finding) error {
	g, gctx := errgroup.WithContext(ctx)
	// A later cycle only looks at what this run changed or left open; what else
	// happens meanwhile is the next run's.
	if f.boxes == nil || s.Pool.Shares() {
		g.Go(func() error { return s.listThere(gctx, f) })
	}
	g.Go(func() error {
		if err := s.listHere(gctx, f); err != nil || f.movedHere() {
			return err
		}
		s.Ahead.Start(func() map[string]*view.FolderLook { return s.look.LookAhead(ctx, f.rows, f.folders) })
		return nil
	})
	return g.Wait()
}

// listThere lists the mailboxes of the server, with what identifies them.
func (s *Survey) listThere(ctx context.Context, f *finding) error {
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	list, err := c.ListMailboxes(ctx)
	if err != nil {
		return err
	}
	if err := s.StrikeNonexistent(ctx, c, list); err != nil {
		return err
	}
	s.Rep.Level = c.Abilities().Level.String()
	f.boxes = make(map[string]*remote.Mailbox, len(list))
	for i := range list {
		f.boxes[list[i].Name] = &list[i]
	}
	return s.identify(ctx, c, f)
}

// listHere lists the folders of the Maildir, and finds those of the base among them.
func (s *Survey) listHere(ctx context.Context, f *finding) (err error) {
	if f.folders, f.skipped, err = s.Store.Survey(ctx, stamps(f.rows)); err != nil {
		return err
	}
	f.here, err = (folderProof{s.DB, s.Store, s.Restored}).places(ctx, f.rows, f.folders)
	return err
}

// AfterUpload is how long the first look waits after an upload that was cut
// off: the server may still be storing what it received.
const AfterUpload = time.Second

// awaitServer waits for a server that may still be busy with what an
// interrupted run sent; uploaded once more, it would be there twice.
func (s *Survey) awaitServer(ctx context.Context) error {
	uploading := slices.ContainsFunc(s.Intents, (*state.Intent).Uploads)
	// When this run itself has lost its connection, the server may even still
	// be reading, whatever it was told.
	cutOff := len(s.Intents) > 0 && s.Limits.Losses+s.quirks.LostReading() > 0
	if s.Req.DryRun || s.Rep.Cycles > 1 || !uploading && !cutOff {
		return nil
	}
	return pool.SleepFor(ctx, s.AfterUpload)
}

// join makes the mailboxes of the view.
func (s *Survey) join(rows []*state.Mailbox, folders []maildir.Folder, boxes map[string]*remote.Mailbox) {
	s.Mailboxes = make(map[string]*view.Mailbox, len(rows))
	s.ByID = make(map[int64]*view.Mailbox, len(rows))
	at := func(name string) *view.Mailbox {
		mb := s.Mailboxes[name]
		if mb == nil {
			mb = &view.Mailbox{Name: name}
			s.Mailboxes[name] = mb
		}
		return mb
	}
	for _, r := range rows {
		mb := at(r.Name)
		mb.Row = r
		s.ByID[r.ID] = mb
	}
	for i := range folders {
		f := &folders[i]
		if known := s.Mailboxes[f.Name] != nil || boxes[f.Name] != nil; s.Wanted(f.Name) && !s.halfFolder(f, known) {
			at(f.Name).Folder = f
		}
	}
	for name, b := range boxes {
		if b.Selectable && s.Wanted(name) {
			mb := at(name)
			mb.Remote, mb.Again = b, s.AskAgain[name]
		}
	}
	for name, mb := range s.Mailboxes {
		if mb.Row != nil && !s.Wanted(name) {
			// Excluded since: remembered, but neither side is looked at.
			delete(s.Mailboxes, name)
			continue
		}
		if _, err := s.Store.Dir(name); err != nil {
			s.FreezeLocal(mb, err)
			mb.RemoteIncomplete = true
		}
	}
	for _, mb := range s.Mailboxes {
		mb.Expected = s.look.ExpectedIn(mb)
		mb.RemoteIncomplete = mb.RemoteIncomplete || mb.Remote == nil && s.otherName[mb.Name]
	}
	s.Names = slices.Sorted(maps.Keys(s.Mailboxes))
	s.Joined = s.Mailboxes
	s.Rep.Mailboxes = len(s.Names)
}

// countBase fills in how many messages the base has, which the brakes need;
// only for mailboxes that may have changed.
func (s *Survey) countBase(ctx context.Context) error {
	for _, n := range s.Names {
		mb := s.Mailboxes[n]
		if mb.Row == nil || !s.look.DirtyLocal(mb) && !s.look.DirtyRemote(mb) {
			continue
		}
		var err error
		if mb.BaseCount, err = s.DB.Count(ctx, mb.Row.ID); err != nil {
			return err
		}
	}
	return nil
}

func stamps(rows []*state.Mailbox) map[string]maildir.Stamp {
	known := make(map[string]maildir.Stamp, len(rows))
	for _, r := range rows {
		known[r.Name] = view.StampOf(r)
	}
	return known
}
