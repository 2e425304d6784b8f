package maildir

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	err := s.eachUndoRoot(func(root Dir, _ string) error {
		names, err := root.Names()
		if err != nil {
			return err
		}
		for _, n := range names {
			if i, err := root.Lstat(n); err == nil && checkRun(n) == nil && s.ownDir(i) {
				runs = append(runs, n)
			}
		}
		return nil
	})
	if err != nil {
		return nil, failed("read the undo folder", "", mail.KindAccount, err)
	}
	slices.Sort(runs)
	return slices.Compact(runs), nil
}

// ownDir reports whether satchel may have made the directory. Links, and what
// another user made, were planted in the undo folder or belong to somebody who
// wants to keep them.
func (s *Store) ownDir(i Info) bool { return i.Mode.IsDir() && s.ours(i) }

// eachUndoRoot opens the undo folders that there are, one after the other.
func (s *Store) eachUndoRoot(do func(root Dir, path string) error) error {
	for _, path := range s.undoRoots() {
		root, err := s.fs.OpenDir(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if err != nil {
			return err
		}
		i, err := root.Info()
		if err == nil && s.ownDir(i) {
			err = do(root, path)
		}
		if err = errors.Join(err, root.Close()); err != nil {
			return err
		}
	}
	return nil
}

// within opens a directory in d and hands it on; it leaves out what is none of
// our own.
func (s *Store) within(d Dir, name string, do func(Dir) error) error {
	sub, err := d.OpenDir(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	i, err := sub.Info()
	if err == nil && s.ownDir(i) {
		err = do(sub)
	}
	return errors.Join(err, sub.Close())
}

// Discarded returns the messages that a run removed, sorted by mailbox and
// name.
func (s *Store) Discarded(ctx context.Context, run string) ([]Removed, error) {
	if err := checkRun(run); err != nil {
		return nil, err
	}
	var all []Removed
	err := s.eachUndoRoot(func(root Dir, path string) error {
		return s.within(root, run, func(d Dir) error {
			return s.undoFolders(ctx, d, filepath.Join(path, run), "", func(folder Dir, name, path string) error {
				return s.undoFiles(folder, func(file string) error {
					if file[0] != '.' {
						all = append(all, Removed{Run: run, Folder: name, Name: file, Path: filepath.Join(path, file)})
					}
					return nil
				})
			})
		})
	})
	if err != nil {
		return nil, failed("read the undo folder", "", mail.KindAccount, err)
	}
	slices.SortFunc(all, func(a, b Removed) int {
		if c := strings.Compare(a.Folder, b.Folder); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all, nil
}

// undoFolders opens the directories of mailboxes in that of a run, whatever
// number of directories their names are spread over.
func (s *Store) undoFolders(ctx context.Context, d Dir, path, partial string, do func(folder Dir, name, path string) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	names, err := d.Names()
	if err != nil {
		return err
	}
	for _, n := range names {
		p := filepath.Join(path, n)
		if strings.HasSuffix(n, more) {
			err = s.within(d, n, func(sub Dir) error { return s.undoFolders(ctx, sub, p, partial+n+"/", do) })
		} else if folder, derr := DecodeLevel(partial+n, Nested); derr == nil {
			err = s.within(d, n, func(sub Dir) error { return do(sub, folder, p) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// undoFiles passes on the files of our own in a directory.
func (s *Store) undoFiles(d Dir, do func(file string) error) error {
	names, err := d.Names()
	if err != nil {
		return err
	}
	for _, n := range names {
		i, err := d.Lstat(n)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && s.notRead(i) == nil {
			err = do(n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// OpenRemoved opens a removed message for reading.
func (s *Store) OpenRemoved(r Removed) (io.ReadCloser, error) { return s.fs.Open(r.Path) }

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

// ForgetRun deletes for good what a run removed, once undo_days are over: the
// files where Discard puts them, and then the directories, if they are empty.
// What else there is stays. Links are not followed.
func (s *Store) ForgetRun(ctx context.Context, run string) error {
	if err := checkRun(run); err != nil {
		return err
	}
	err := s.eachUndoRoot(func(root Dir, path string) error {
		err := s.within(root, run, func(d Dir) error {
			err := s.undoFolders(ctx, d, filepath.Join(path, run), "", func(folder Dir, _, _ string) error {
				return s.forgetFiles(ctx, folder)
			})
			if err != nil {
				return err
			}
			return s.rmEmpty(d)
		})
		if err != nil {
			return err
		}
		return s.rmdirEmpty(root, run)
	})
	if err != nil {
		return failedChange("empty the undo folder", "", mail.KindAccount, fmt.Errorf("run %s: %w", run, err))
	}
	s.mu.Lock()
	clear(s.undoMade)
	clear(s.undoTouch)
	s.mu.Unlock()
	return nil
}

// forgetFiles deletes messages, and what was left of copying one from another
// disk.
func (s *Store) forgetFiles(ctx context.Context, folder Dir) error {
	return s.undoFiles(folder, func(file string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if file[0] == '.' {
			if _, ok := madeAt(file[1:]); !ok {
				return nil
			}
		}
		return ignoreMissing(folder.Remove(file))
	})
}

// rmEmpty removes the directories in d that hold nothing, from the bottom up.
func (s *Store) rmEmpty(d Dir) error {
	names, err := d.Names()
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := s.within(d, n, s.rmEmpty); err != nil {
			return err
		}
		if err := s.rmdirEmpty(d, n); err != nil {
			return err
		}
	}
	return nil
}

// rmdirEmpty removes a directory of our own, if it is one and is empty.
func (s *Store) rmdirEmpty(d Dir, name string) error {
	i, err := d.Lstat(name)
	if err != nil || !s.ownDir(i) {
		return ignoreMissing(err)
	}
	err = d.Rmdir(name)
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return ignoreMissing(err)
}
