package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"satchel/sync/mail"
)

// Removed is a message in the undo folder.
type Removed struct {
	Run    string
	Folder string // the mailbox it was removed from
	Name   string
	Path   string
}

// UndoRuns returns the runs that removed messages, sorted by name, from every
// place where this Maildir's undo folder may be.
func (s *Store) UndoRuns() ([]string, error) {
	var runs []string
	for _, root := range s.undoRoots() {
		names, err := s.fs.ReadDirNames(root)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, failed("read the undo folder", "", mail.KindAccount, err)
		}
		for _, n := range names {
			if checkRun(n) == nil {
				runs = append(runs, n)
			}
		}
	}
	slices.Sort(runs)
	return slices.Compact(runs), nil
}

// Discarded returns the messages that a run removed, sorted by mailbox and
// name.
func (s *Store) Discarded(ctx context.Context, run string) ([]Removed, error) {
	if err := checkRun(run); err != nil {
		return nil, err
	}
	var all []Removed
	for _, root := range s.undoRoots() {
		found, err := s.discardedIn(ctx, filepath.Join(root, run), run, "")
		if err != nil {
			return nil, failed("read the undo folder", "", mail.KindAccount, err)
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b Removed) int {
		if c := strings.Compare(a.Folder, b.Folder); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all, nil
}

func (s *Store) discardedIn(ctx context.Context, dir, run, partial string) ([]Removed, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	names, err := s.fs.ReadDirNames(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Removed
	for _, n := range names {
		p := filepath.Join(dir, n)
		if strings.HasSuffix(n, more) {
			found, err := s.discardedIn(ctx, p, run, partial+n+"/")
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
			continue
		}
		folder, err := DecodeLevel(partial+n, Nested)
		if err != nil {
			continue // not ours
		}
		files, err := s.fs.ReadDirNames(p)
		if errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if f[0] != '.' {
				all = append(all, Removed{Run: run, Folder: folder, Name: f, Path: filepath.Join(p, f)})
			}
		}
	}
	return all, nil
}

// Restore puts a removed message back into its folder, which must exist, and
// syncs it. It replaces nothing (ErrExists). A name without flags returns to
// new, any other to cur.
func (s *Store) Restore(ctx context.Context, r Removed) (File, error) {
	_, in := parseInfo(r.Name)
	f := File{Folder: r.Folder, New: !in.has, Name: r.Name}
	dst, err := s.path(f)
	if err != nil {
		return File{}, err
	}
	op := "bring back " + f.String() + " to"
	err = s.fs.RenameNoReplace(r.Path, dst)
	if errors.Is(err, syscall.EXDEV) {
		err = s.moveAcross(ctx, r.Path, dst, s.tmpFor(dst))
	}
	if err = s.moveFailed(op, f, r.Path, err); err != nil {
		return File{}, err
	}
	if err := errors.Join(s.syncDir(filepath.Dir(dst)), s.syncDir(filepath.Dir(r.Path))); err != nil {
		return File{}, failed(op, f.Folder, mail.KindMailbox, err)
	}
	return f, nil
}

// ForgetRun deletes for good what a run removed, once undo_days are over.
func (s *Store) ForgetRun(ctx context.Context, run string) error {
	removed, err := s.Discarded(ctx, run)
	if err != nil {
		return err
	}
	for _, r := range removed {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := ignoreMissing(s.fs.Remove(r.Path)); err != nil {
			return failedChange("empty the undo folder", r.Folder, mail.KindAccount, err)
		}
	}
	for _, root := range s.undoRoots() {
		if err := s.rmTree(filepath.Join(root, run)); err != nil {
			return failedChange("empty the undo folder", "", mail.KindAccount, fmt.Errorf("run %s: %w", run, err))
		}
	}
	s.mu.Lock()
	clear(s.undoMade)
	clear(s.undoTouch)
	s.mu.Unlock()
	return nil
}

// rmTree removes directories that hold nothing but directories and our own
// dotfiles; what else there is stays, with what is above it.
func (s *Store) rmTree(dir string) error {
	names, err := s.fs.ReadDirNames(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, n := range names {
		p := filepath.Join(dir, n)
		i, err := s.fs.Lstat(p)
		switch {
		case err != nil:
			return err
		case i.Mode.IsDir():
			err = s.rmTree(p)
		case n[0] == '.':
			if _, ok := madeAt(n[1:]); ok {
				err = s.fs.Remove(p)
			}
		}
		if err != nil {
			return err
		}
	}
	err = s.fs.Rmdir(dir)
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return ignoreMissing(err)
}
