package sync

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
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

// survey lists the mailboxes of the base and of both sides, brings renames to
// the side that has the old name still, and joins them by name: one
// LIST-STATUS, a few stats a folder, one small query. What it finds unchanged
// is not looked at again.
func (s *session) survey(ctx context.Context) error {
	rows, err := s.db.Mailboxes(ctx)
	if err != nil {
		return err
	}
	if s.intents, err = s.db.Intents(ctx); err != nil {
		return err
	}
	if s.pending, err = s.db.PendingMailboxes(ctx); err != nil {
		return err
	}
	if s.sentYoung, err = s.db.Young(ctx); err != nil {
		return err
	}
	if err := s.settleDown(ctx); err != nil {
		return err
	}
	f := &finding{rows: rows, boxes: s.boxes}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if f.boxes != nil && !s.pool.shares() {
			// A later cycle only looks at what this run changed or left open;
			// what else happens meanwhile is the next run's.
			return nil
		}
		c, err := s.pool.first(gctx)
		if err != nil {
			return err
		}
		list, err := c.Overview(gctx)
		if err != nil {
			return err
		}
		if err := s.strikeGhosts(gctx, c, list); err != nil {
			return err
		}
		s.rep.Level = c.Level().String()
		f.boxes = make(map[string]*remote.Mailbox, len(list))
		for i := range list {
			f.boxes[list[i].Name] = &list[i]
		}
		return s.identify(gctx, c, f)
	})
	g.Go(func() (err error) {
		if f.folders, f.skipped, err = s.store.Survey(gctx, stamps(rows)); err != nil {
			return err
		}
		if f.here, err = (folderProof{s.db, s.store, s.restored}).places(gctx, rows, f.folders); err == nil && !f.movedHere() {
			s.ahead.start(func() map[string]*folderLook { return s.lookAhead(ctx, rows, f.folders) })
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if err := s.sameAccount(ctx, f); err != nil {
		return err
	}
	if err := s.checkLayout(ctx, f); err != nil {
		return err
	}
	if err := s.secondLook(ctx, f); err != nil {
		return err
	}
	s.boxes = f.boxes
	s.listedAfterAll(f.boxes)
	again, err := s.renames(ctx, f)
	if err != nil {
		return err
	}
	if again {
		return s.survey(ctx)
	}
	s.join(f.rows, f.folders, f.boxes)
	s.unsynced(f.folders)
	s.refuseNames(f)
	if err := s.checkNames(f); err != nil {
		return err
	}
	s.freezeSkipped(f.skipped)
	s.freezeAside()
	s.freezeRenaming()
	return s.countBase(ctx)
}

// afterUpload is how long the first look waits after an upload that was cut
// off: the server may still be storing what it received.
const afterUpload = time.Second

// settleDown waits for a server that may still be busy with what an
// interrupted run sent; uploaded once more, it would be there twice.
func (s *session) settleDown(ctx context.Context) error {
	uploading := slices.ContainsFunc(s.intents, func(i *state.Intent) bool { return i.Kind == state.IntentAppend })
	// When this run itself has lost its connection, the server may even still
	// be reading, whatever it was told.
	cutOff := len(s.intents) > 0 && s.limits.losses+s.lostReading() > 0
	if s.req.DryRun || s.rep.Cycles > 1 || !uploading && !cutOff {
		return nil
	}
	return sleepFor(ctx, s.afterUpload)
}

// join makes the mailboxes of the view.
func (s *session) join(rows []*state.Mailbox, folders []maildir.Folder, boxes map[string]*remote.Mailbox) {
	s.mailboxes = make(map[string]*mailbox, len(rows))
	s.byID = make(map[int64]*mailbox, len(rows))
	at := func(name string) *mailbox {
		mb := s.mailboxes[name]
		if mb == nil {
			mb = &mailbox{name: name}
			s.mailboxes[name] = mb
		}
		return mb
	}
	for _, r := range rows {
		mb := at(r.Name)
		mb.row = r
		s.byID[r.ID] = mb
	}
	for i := range folders {
		f := &folders[i]
		if known := s.mailboxes[f.Name] != nil || boxes[f.Name] != nil; s.wanted(f.Name) && !s.halfFolder(f, known) {
			at(f.Name).folder = f
		}
	}
	for name, b := range boxes {
		if b.Selectable && s.wanted(name) {
			mb := at(name)
			mb.remote, mb.again = b, s.askAgain[name]
		}
	}
	for name, mb := range s.mailboxes {
		if mb.row != nil && !s.wanted(name) {
			// Excluded since: remembered, but neither side is looked at.
			delete(s.mailboxes, name)
			continue
		}
		if _, err := s.store.Dir(name); err != nil {
			s.freeze(mb, true, err)
			mb.blindRemote = true
		}
	}
	for _, mb := range s.mailboxes {
		mb.expected = s.expectedIn(mb)
		mb.blindRemote = mb.blindRemote || mb.remote == nil && s.otherName[mb.name]
	}
	s.names = slices.Sorted(maps.Keys(s.mailboxes))
	s.joined = s.mailboxes
	s.rep.Mailboxes = len(s.names)
}

// countBase fills in how many messages the base has, which the brakes need;
// only for mailboxes that may have changed.
func (s *session) countBase(ctx context.Context) error {
	for _, n := range s.names {
		mb := s.mailboxes[n]
		if mb.row == nil || !s.dirtyLocal(mb) && !s.dirtyRemote(mb) {
			continue
		}
		var err error
		if mb.baseCount, err = s.db.Count(ctx, mb.row.ID); err != nil {
			return err
		}
	}
	return nil
}

// dirtyLocal reports whether the folder may differ from the base.
func (s *session) dirtyLocal(mb *mailbox) bool {
	if mb.folder == nil {
		return mb.row != nil
	}
	if mb.row == nil || s.req.Full || s.restored || mb.detached || s.pending[mb.row.ID] || s.hasIntent(mb) {
		return true
	}
	return !mb.folder.Cur || !mb.folder.New || !mb.folderAsKnown()
}

// folderAsKnown reports whether the folder's stamp is the one of the base.
func (mb *mailbox) folderAsKnown() bool {
	return mb.folder != nil && mb.row != nil && mb.folder.Stamp.Unchanged(stampOf(mb.row))
}

// stampOf returns what a folder looked like when it was last compared.
func stampOf(r *state.Mailbox) maildir.Stamp {
	return maildir.Stamp{Dir: r.DirMTime, Cur: r.CurMTime, New: r.NewMTime, Inode: r.Inode}
}

func stamps(rows []*state.Mailbox) map[string]maildir.Stamp {
	known := make(map[string]maildir.Stamp, len(rows))
	for _, r := range rows {
		known[r.Name] = stampOf(r)
	}
	return known
}

// hasIntent reports whether the journal speaks of the mailbox.
func (s *session) hasIntent(mb *mailbox) bool {
	return slices.ContainsFunc(s.intents, func(i *state.Intent) bool { return i.Mailbox == mb.name || i.Home == mb.name })
}

// dirtyRemote reports whether the server's mailbox may differ from the base.
// Without mod-sequences flags may have changed unseen.
func (s *session) dirtyRemote(mb *mailbox) bool {
	if mb.remote == nil {
		return mb.row != nil
	}
	if mb.row == nil || s.req.Full || mb.again {
		return true
	}
	first := s.rep.Cycles == 1
	if s.doubtsAbout(mb.name)&remote.DoubtModSeq != 0 {
		mb.remote.Status.HighestModSeq = 0 // it says nothing
	}
	if first && s.since(fault{mb.name, faultBehind}).Unix() > 0 {
		return true // it may say for ever that nothing has changed
	}
	if first && s.denies(mb) && (s.dirtyLocal(mb) || s.mayGrow(mb)) {
		return true // what waits may be allowed by now, which no counter tells
	}
	return first && mb.remote.Status.HighestModSeq == 0 || mb.remote.Status != mb.row.Cursor
}

// wanted applies include and exclude.
func (s *session) wanted(name string) bool { return s.account.wanted(name) }

// wanted applies include and exclude to the canonical name of a mailbox.
func (a *Account) wanted(name string) bool {
	match := func(pattern string) bool { return matchPattern(pattern, name) }
	return (len(a.Include) == 0 || slices.ContainsFunc(a.Include, match)) && !slices.ContainsFunc(a.Exclude, match)
}

// matchPattern matches a mailbox name as LIST does (RFC 3501 §6.3.8): * stands
// for anything, % for anything within one level. INBOX is the same in any case.
func matchPattern(pattern, name string) bool {
	if len(pattern) >= 5 && strings.EqualFold(pattern[:5], "INBOX") && (len(pattern) == 5 || pattern[5] == '/') {
		pattern = "INBOX" + pattern[5:]
	}
	// Greedy with one point to come back to would not do for two kinds of
	// wildcards, so this walks all at once: possible[n] says that the pattern so
	// far matches the first n bytes of the name.
	possible := make([]bool, len(name)+1)
	possible[0] = true
	for _, p := range []byte(pattern) {
		if p == '*' || p == '%' {
			for n := 1; n <= len(name); n++ {
				possible[n] = possible[n] || possible[n-1] && (p == '*' || name[n-1] != '/')
			}
			continue
		}
		for n := len(name); n > 0; n-- {
			possible[n] = possible[n-1] && name[n-1] == p
		}
		possible[0] = false
	}
	return possible[len(name)]
}

// cursorOf returns how far the server's mailbox was read.
func (mb *mailbox) cursorOf() mail.Cursor {
	if mb.row == nil {
		return mail.Cursor{}
	}
	return mb.row.Cursor
}
