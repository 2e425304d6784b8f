package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"satchel/sync/mail"
)

// scanPasses bounds how often a folder is read again because it changes while
// it is read.
const scanPasses = 10

// Listing is what a folder holds.
type Listing struct {
	// Stamp as it was before the files were listed; what changed since shows
	// as a difference.
	Stamp    Stamp
	Files    []File // sorted by Base, then by Name
	Keywords Keywords
	// KeywordsErr says why the letters could not be read. Then Keywords is
	// empty, and what the letters mean is not known.
	KeywordsErr error
	// Ignored are entries of cur and new that are no messages: dotfiles, and
	// second names for a file that is listed.
	Ignored []string
	// Unsettled: the folder never held still. Each file in Files exists, but
	// absence from it proves nothing. The Stamp is zero then.
	Unsettled bool
}

// Scan lists the messages of a folder by their names alone, without a look
// at the files.
//
// Mail programs rename files while a directory is read, and readdir may then
// miss a file or show it twice. So a listing counts only when the directories'
// times prove that nothing moved meanwhile or, where the times are too young
// to prove anything, when two readings in a row agree.
func (s *Store) Scan(ctx context.Context, folder string) (*Listing, error) {
	folder = Canonical(folder)
	dir, err := s.Dir(folder)
	if err != nil {
		return nil, err
	}
	l := &Listing{}
	var prev []entry
	union := map[entry]struct{}{}
	for pass := 0; ; pass++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		now := s.now()
		before, err := s.scanStamp(folder, dir)
		if err != nil {
			return nil, err
		}
		entries, ignored, err := s.readFolder(dir)
		if err != nil {
			return nil, failed("list the messages of", folder, mail.KindMailbox, err)
		}
		entries, doubles, sure, err := s.resolve(dir, entries)
		if err != nil {
			return nil, failed("list the messages of", folder, mail.KindMailbox, err)
		}
		after, err := s.scanStamp(folder, dir)
		if err != nil {
			return nil, err
		}
		l.Stamp, l.Ignored = before.settle(now), append(ignored, doubles...)
		still := sure && before == after
		old := l.Stamp.Cur != 0 && l.Stamp.New != 0
		if still && (old || pass > 0 && slices.Equal(prev, entries)) {
			l.Files = files(folder, entries)
			break
		}
		if pass+1 == scanPasses {
			for _, e := range entries {
				union[e] = struct{}{}
			}
			if l.Files, err = s.unsettled(folder, dir, union); err != nil {
				return nil, failed("list the messages of", folder, mail.KindMailbox, err)
			}
			l.Stamp, l.Unsettled = Stamp{Inode: before.Inode}, true
			break
		}
		if pass+3 >= scanPasses { // the last few readings make up for one another
			for _, e := range entries {
				union[e] = struct{}{}
			}
		}
		prev = entries
	}
	// After the names: a program adds a letter before it uses it.
	l.Keywords, l.KeywordsErr = s.ReadKeywords(folder)
	return l, nil
}

// scanStamp is stamp for a folder that must be whole. An unmounted or half
// removed folder must not look like an empty one (SPEC §7).
func (s *Store) scanStamp(folder, dir string) (Stamp, error) {
	i, err := s.fs.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Stamp{}, failed("scan folder", folder, mail.KindMailbox, fmt.Errorf("%s: %w", dir, mail.ErrGone))
	}
	var st Stamp
	var cur, isNew bool
	if err == nil {
		st, cur, isNew, err = s.stamp(dir, i)
	}
	if err != nil {
		return Stamp{}, failed("scan folder", folder, mail.KindMailbox, err)
	}
	if !cur || !isNew {
		missing := "cur"
		if cur {
			missing = "new"
		}
		path := filepath.Join(dir, missing)
		return Stamp{}, &mail.Error{Op: "scan folder", Mailbox: folder, Kind: mail.KindBrake,
			Err:  fmt.Errorf("%s is missing: %w", path, fs.ErrNotExist),
			Hint: "restore it; if the folder is meant to be empty: mkdir " + mail.ShellWord(path)}
	}
	return st, nil
}

// entry is a name in a folder; base is the length of its base.
type entry struct {
	name string
	base int
	new  bool
}

func compareEntries(a, b entry) int {
	if c := strings.Compare(a.name[:a.base], b.name[:b.base]); c != 0 {
		return c
	}
	if c := strings.Compare(a.name[a.base:], b.name[b.base:]); c != 0 {
		return c
	}
	switch {
	case a.new == b.new:
		return 0
	case b.new:
		return -1
	}
	return 1
}

// readFolder reads new before cur: files move that way, and one that moves in
// between is then seen twice rather than not at all.
func (s *Store) readFolder(dir string) (entries []entry, ignored []string, err error) {
	for _, sub := range []string{"new", "cur"} {
		names, err := s.fs.ReadDirNames(filepath.Join(dir, sub))
		if err != nil {
			return nil, nil, err
		}
		entries = slices.Grow(entries, len(names))
		for _, n := range names {
			if strings.HasPrefix(n, ".") {
				ignored = append(ignored, sub+"/"+n)
				continue
			}
			entries = append(entries, entry{n, baseLen(n), sub == "new"})
		}
	}
	slices.SortFunc(entries, compareEntries)
	slices.Sort(ignored)
	return entries, ignored, nil
}

// resolve looks at the files behind entries that share a base: a file seen
// before and after a rename, a rename by link and unlink half done, or really
// two. sure is false when a name was gone, so that its successor may have
// been missed.
func (s *Store) resolve(dir string, entries []entry) (kept []entry, doubles []string, sure bool, err error) {
	sure = true
	kept = entries[:0]
	for i := 0; i < len(entries); {
		j := i + 1
		for j < len(entries) && entries[j].name[:entries[j].base] == entries[i].name[:entries[i].base] {
			j++
		}
		if j == i+1 {
			kept = append(kept, entries[i])
			i = j
			continue
		}
		group := slices.Clone(entries[i:j])
		i = j
		// Of two names for one file the one in cur is kept, of two there the
		// last: the one with more letters, as a rule.
		slices.SortStableFunc(group, func(a, b entry) int {
			switch {
			case a.new == b.new:
				return compareEntries(b, a)
			case b.new:
				return -1
			}
			return 1
		})
		var infos []Info
		first := len(kept)
		for _, e := range group {
			info, err := s.fs.Lstat(filepath.Join(dir, e.sub(), e.name))
			if errors.Is(err, fs.ErrNotExist) {
				sure = false
				continue
			}
			if err != nil {
				return nil, nil, false, err
			}
			if slices.ContainsFunc(infos, func(o Info) bool { return sameFile(o, info) }) {
				doubles = append(doubles, e.sub()+"/"+e.name)
				continue
			}
			infos, kept = append(infos, info), append(kept, e)
		}
		slices.SortFunc(kept[first:], compareEntries)
	}
	return kept, doubles, sure, nil
}

func (e entry) sub() string { return File{New: e.new}.sub() }

// unsettled returns those entries that still exist.
func (s *Store) unsettled(folder, dir string, union map[entry]struct{}) ([]File, error) {
	var there []entry
	for e := range union {
		_, err := s.fs.Lstat(filepath.Join(dir, e.sub(), e.name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		there = append(there, e)
	}
	slices.SortFunc(there, compareEntries)
	return files(folder, there), nil
}

func files(folder string, entries []entry) []File {
	fs := make([]File, len(entries))
	for i, e := range entries {
		fs[i] = File{Folder: folder, New: e.new, Name: e.name}
	}
	return fs
}

// Exists reports whether f is there under exactly this name.
func (s *Store) Exists(f File) (bool, error) {
	path, err := s.path(f)
	if err != nil {
		return false, err
	}
	_, err = s.fs.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, failed("look for "+f.String()+" in", f.Folder, mail.KindMessage, err)
	}
	return true, nil
}

// DiskSize returns the size of a message's file, in bytes, without reading it.
func (s *Store) DiskSize(f File) (int64, error) {
	p, err := s.path(f)
	if err != nil {
		return 0, err
	}
	i, err := s.fs.Lstat(p)
	if err != nil {
		return 0, failed("look at", f.String(), mail.KindMessage, err)
	}
	return i.Size, nil
}
