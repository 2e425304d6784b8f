package maildir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"satchel/sync/mail"
)

// Folder is one mailbox found on disk.
type Folder struct {
	Name  string // canonical: '/' between levels, decoded, INBOX in upper case
	Stamp Stamp  // as of now
	// Cur and New: whether these directories exist. A folder with only one
	// of them is damaged. A directory with neither is no mailbox and is not
	// returned, though what lies below it is.
	Cur, New bool
	// Hides: a directory below it is not in the result, or may not be what it is.
	// It may become a mailbox without a change here, so Stamp.Dir is 0.
	Hides bool
}

func (f *Folder) hides() { f.Hides, f.Stamp.Dir = true, 0 }

// Survey finds all folders, sorted by name, and what it had to leave out.
//
// known holds the stamps of the last survey. A directory whose Dir is as
// known is not read: its children are those in known. So an unchanged folder
// costs three lstats, and only the root, changed directories and directories
// that are no mailboxes are read. A folder's directory may be a symbolic link
// when our own user owns the link and the directory that it leads to; each such
// directory counts once. cur, new and tmp are never links.
func (s *Store) Survey(ctx context.Context, known map[string]Stamp) ([]Folder, []Skipped, error) {
	s.forgetSpellings()
	w := &walk{s: s, ctx: ctx, known: s.foldersOf(known), seen: map[[2]uint64]string{}}
	if !s.naming.flat() {
		w.children = childrenOf(w.known)
	}
	root, err := s.fs.Stat(s.root)
	if err != nil {
		return nil, nil, s.rootGone(err)
	}
	if s.naming.layout == Nested {
		names, err := s.fs.ReadDirNames(s.root)
		if err != nil {
			return nil, nil, failed("survey maildir "+s.root, "", mail.KindAccount, err)
		}
		s.findInbox(names)
		s.findUnfinished(names)
	}
	w.seen[[2]uint64{root.Device, root.Inode}] = s.root
	if s.naming.flat() {
		err = w.flat(root)
	} else {
		_, err = w.below(s.root, "", "", false)
	}
	if err == nil {
		err = w.links()
	}
	if err != nil {
		var e *mail.Error
		if ctx.Err() == nil && !errors.As(err, &e) {
			err = failed("survey maildir "+s.root, "", mail.KindAccount, err)
		}
		return nil, nil, err
	}
	folders := make([]Folder, 0, len(w.found))
	for _, f := range w.found {
		f.Name = s.pretends(f.Name)
		folders = append(folders, *f)
	}
	slices.SortFunc(folders, func(a, b Folder) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(w.skipped, func(a, b Skipped) int { return cmp.Compare(a.Path, b.Path) })
	return folders, w.skipped, nil
}

// foldersOf gives what is known of mailboxes to their folders.
func (s *Store) foldersOf(known map[string]Stamp) map[string]Stamp {
	if len(s.naming.folders) == 0 {
		return known
	}
	folders := make(map[string]Stamp, len(known))
	for mailbox, stamp := range known {
		if folder, err := s.naming.folderOf(mailbox); err == nil {
			folders[folder] = stamp
		}
	}
	return folders
}

// walk is one survey under way. It knows folders by their own names; what is
// found has the names of mailboxes.
type walk struct {
	s        *Store
	ctx      context.Context
	known    map[string]Stamp
	children map[string][]string // folder -> folders one level below, from known
	found    []*Folder
	skipped  []Skipped
	seen     map[[2]uint64]string // device and inode -> path
	halves   int                  // folders found that have only one of cur and new
	pending  []link
}

// link is a directory reached through a symbolic link. Links wait until all
// real directories are known, so that a mailbox keeps its own name and the
// link is the one left out, whatever their order.
type link struct {
	path, name string
	parent     *Folder
	info       Info // of the link itself
}

// childrenOf indexes names by the name one level above; levels that are no
// mailboxes themselves are filled in.
func childrenOf(known map[string]Stamp) map[string][]string {
	c := make(map[string][]string, len(known))
	done := make(map[string]bool, len(known))
	for name := range known {
		for name != "" && !done[name] {
			done[name] = true
			parent := parentOf(name)
			c[parent] = append(c[parent], name)
			name = parent
		}
	}
	return c
}

// dir takes one directory for a mailbox, if it is one, and goes on below it.
// It returns how many mailboxes it found. Trouble stays within the directory.
func (w *walk) dir(path, name string, info Info) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	id := [2]uint64{info.Device, info.Inode}
	if first, ok := w.seen[id]; ok {
		w.skip(path, name, Alias, fmt.Errorf("%s leads to the same directory as %s, which is synced; the link is left alone", path, first))
		return 0, nil
	}
	w.seen[id] = path
	raw, cur, isNew, err := w.s.stamp(path, info)
	if err != nil {
		w.unseen(path, name, info, err)
		return 0, nil
	}
	var f *Folder
	n := 0
	if cur || isNew {
		mailbox, err := w.s.naming.mailboxOf(name)
		if err != nil {
			// What is below it may all the same be the folder of a mailbox.
			w.skip(path, "", Unnamed, fmt.Errorf("%w; rename the directory", err))
		} else {
			f = &Folder{Name: mailbox, Stamp: raw.settle(w.s.now()), Cur: cur, New: isNew}
			w.found = append(w.found, f)
			n = 1
			if cur != isNew {
				w.halves++
			}
		}
	}
	if w.s.naming.flat() {
		return n, nil
	}
	known, ok := w.known[name]
	if f != nil && ok && known.Dir != 0 && known.Dir == f.Stamp.Dir && known.Inode == f.Stamp.Inode {
		for _, child := range w.children[name] {
			m, err := w.knownChild(child, f)
			if n += m; err != nil {
				return n, err
			}
		}
		return n, nil
	}
	m, err := w.belowOf(path, name, info, f)
	return n + m, err
}

// knownChild is entry for a folder whose parent need not be read.
func (w *walk) knownChild(name string, parent *Folder) (int, error) {
	rel, err := w.s.naming.encode(name)
	if err != nil {
		return 0, nil //nolint:nilerr // the caller knows a name that has no folder
	}
	path, err := w.s.at(rel)
	if err != nil {
		w.skip(filepath.Join(w.s.root, rel), name, Unseen, failed("look at the folder", name, mail.KindMailbox, err))
		parent.hides()
		return 0, nil
	}
	n, hidden, err := w.entry(path, name, parent)
	if hidden {
		parent.hides()
	}
	return n, err
}

// belowOf reads a directory that may be a mailbox. When something in it is not in the result, its
// own stamp must not spare the next survey from reading it again: what is
// there could become a mailbox without touching this directory.
func (w *walk) belowOf(path, name string, info Info, f *Folder) (int, error) {
	hidden := false
	names, err := w.s.fs.ReadDirNames(path)
	if err != nil {
		w.unseen(path, name, info, err)
		hidden = true
	}
	n, more, err := w.entries(path, name, "", names, f)
	if f != nil && (hidden || more) {
		f.hides()
	}
	return n, err
}

// below reads a directory that is no mailbox: the root, or part of a level
// that is too long for one directory.
func (w *walk) below(path, name, partial string, isPart bool) (int, error) {
	names, err := w.s.fs.ReadDirNames(path)
	if err != nil {
		if !isPart {
			return 0, err
		}
		w.skip(path, "", Unseen, failed("read the folder", name, mail.KindMailbox, err))
		return 0, nil
	}
	n, _, err := w.entries(path, name, partial, names, nil)
	return n, err
}

// entries looks at the names in a directory. hidden reports whether one of
// them is a directory that is not fully in the result.
func (w *walk) entries(path, name, partial string, names []string, parent *Folder) (n int, hidden bool, err error) {
	slices.Sort(names)
	for _, entry := range names {
		if strings.HasPrefix(entry, ".") || strings.HasPrefix(entry, buildPrefix) || partial == "" && (entry == "cur" || entry == "new" || entry == "tmp") {
			continue
		}
		p := filepath.Join(path, entry)
		if strings.HasSuffix(entry, more) {
			hidden = true
			if i, err := w.s.fs.Lstat(p); err == nil && i.Mode.IsDir() {
				m, err := w.below(p, name, partial+entry+"/", true)
				if n += m; err != nil {
					return n, hidden, err
				}
			}
			continue
		}
		child, derr := w.childName(name, partial+entry)
		if derr != nil {
			hidden = w.unnamed(p, child, derr) || hidden
			continue
		}
		m, h, err := w.entry(p, child, parent)
		n, hidden = n+m, hidden || h
		if err != nil {
			return n, hidden, err
		}
	}
	return n, hidden, nil
}

// childName returns the folder of a directory below that of another folder. With
// an error it is the one whose directory this may be, which is not known, or "".
func (w *walk) childName(parent, dir string) (string, error) {
	if parent == "" && len(dir) == len(inbox) && strings.EqualFold(dir, inbox) {
		if used := w.s.inboxName(); dir != used {
			return "", fmt.Errorf("INBOX is already %s", filepath.Join(w.s.root, used))
		}
		return inbox, nil
	}
	level, err := w.s.naming.decode(dir)
	if err != nil {
		return "", err
	}
	folder := level
	if parent != "" {
		folder = parent + "/" + level
	}
	return w.compose(folder, dir)
}

// compose returns a folder by the name that it has in any spelling. Of two
// directories that differ in the spelling alone only one is taken. What it returns
// with an error is that of childName.
func (w *walk) compose(folder, dir string) (string, error) {
	name := Canonical(folder)
	if name == folder {
		return name, nil
	}
	rel, err := w.s.naming.encode(name)
	if err != nil {
		return "", err
	}
	used, err := w.s.at(rel)
	if err != nil {
		return name, err
	}
	if filepath.Base(used) != filepath.Base(dir) {
		return "", fmt.Errorf("the folder of that name is %s", used)
	}
	return name, nil
}

// entry looks at one possible folder directory.
func (w *walk) entry(path, name string, parent *Folder) (n int, hidden bool, err error) {
	i, err := w.s.fs.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		w.skip(path, name, Unseen, failed("look at the folder", name, mail.KindMailbox, err))
		return 0, true, nil
	}
	if i.Mode&fs.ModeSymlink != 0 {
		w.pending = append(w.pending, link{path, name, parent, i})
		return 0, false, nil
	}
	if !i.Mode.IsDir() {
		return 0, false, nil
	}
	halves := w.halves
	n, err = w.dir(path, name, i)
	// One that has only one of cur and new may be no mailbox yet.
	return n, n == 0 || w.halves > halves, err
}

// links follows the symbolic links; more may turn up behind them.
func (w *walk) links() error {
	for len(w.pending) > 0 {
		l := w.pending[0]
		w.pending = w.pending[1:]
		i, err := w.s.fs.Stat(l.path)
		n := 0
		switch {
		case err != nil:
			// A link to a disk that is not mounted looks like a mailbox that
			// was removed, and is not.
			w.skip(l.path, l.name, Nowhere, failed("follow the symbolic link to", l.name, mail.KindMailbox, err))
		case !i.Mode.IsDir():
			continue
		case !w.s.ours(l.info) || !w.s.ours(i):
			w.skip(l.path, l.name, Nowhere, failed("follow the symbolic link to", l.name, mail.KindMailbox,
				fmt.Errorf("%s, or what it leads to, %w", l.path, ErrForeign)))
		default:
			if n, err = w.dir(l.path, l.name, i); err != nil {
				return err
			}
		}
		if n == 0 && l.parent != nil {
			l.parent.hides()
		}
	}
	return nil
}
