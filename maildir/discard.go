package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"satchel/sync/mail"
)

// maxSuffix bounds the search for a free name in the undo folder.
const maxSuffix = 10_000

// Discard takes a message out of its folder by renaming it to
// UNDO/run/FOLDER/NAME, where FOLDER is the mailbox name as a single encoded
// level. It replaces nothing there: a name that is taken gets a suffix to its
// base. It returns ErrGone when the name is not there. SyncFolders makes it
// durable.
func (s *Store) Discard(ctx context.Context, from File, run string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	src, err := s.path(from)
	if err != nil {
		return err
	}
	op := "remove " + from.String() + " from"
	for try := 0; ; try++ {
		dir, err := s.undoFolder(run, from.Folder)
		if err != nil {
			return failedChange(op, from.Folder, mail.KindAccount, err)
		}
		err = s.discard(ctx, src, dir, from.Name)
		if err == nil {
			s.touchUndo(dir)
			return nil
		}
		if try == 0 && errors.Is(err, fs.ErrNotExist) {
			if _, lerr := s.fs.Lstat(src); lerr == nil {
				// Somebody tidied the undo folder away meanwhile.
				s.mu.Lock()
				clear(s.undoMade)
				s.undoRoot = ""
				s.mu.Unlock()
				continue
			}
		}
		return s.moveFailed(op, from, src, err)
	}
}

func (s *Store) discard(ctx context.Context, src, dir, name string) error {
	base, rest := name[:baseLen(name)], name[baseLen(name):]
	for n := range maxSuffix {
		dst := filepath.Join(dir, name)
		if n > 0 {
			dst = filepath.Join(dir, base+"~"+strconv.Itoa(n)+rest)
		}
		err := s.fs.RenameNoReplace(src, dst)
		if errors.Is(err, syscall.EXDEV) {
			err = s.moveAcross(ctx, src, dst, filepath.Join(dir, "."+s.NewBase()))
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return fmt.Errorf("%s holds %d files of this name", dir, maxSuffix)
}

// undoFolder returns the directory for what is removed from a mailbox, and
// makes it when it is missing.
func (s *Store) undoFolder(run, folder string) (string, error) {
	if err := checkRun(run); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.undoRoot == "" {
		root, err := s.findUndoRoot()
		if err != nil {
			return "", err
		}
		s.undoRoot = root
	}
	dir := filepath.Join(s.undoRoot, run, EncodeLevel(Canonical(folder), Nested))
	if _, ok := s.undoMade[dir]; ok {
		return dir, nil
	}
	if err := ignoreExisting(s.mkdirAll(dir)); err != nil {
		return "", err
	}
	for p := dir; p != s.undoRoot; p = filepath.Dir(p) {
		i, err := s.fs.Lstat(p)
		if err == nil && !s.ownDir(i) {
			err = fmt.Errorf("%s is no directory of our own; move it away", p)
		}
		if err != nil {
			return "", err
		}
	}
	s.undoMade[dir] = struct{}{}
	return dir, nil
}

func checkRun(run string) error {
	if run == "" || run[0] == '.' || len(run) > maxName || strings.ContainsAny(run, "/\x00") {
		return fmt.Errorf("%q cannot be the name of a run in the undo folder", run)
	}
	return nil
}

// undoRoots returns where the undo folder may be, the first choice first.
func (s *Store) undoRoots() []string {
	roots := []string{
		filepath.Join(filepath.Dir(s.root), "."+filepath.Base(s.root)+undoName),
		filepath.Join(s.root, undoName),
	}
	if s.undo != "" {
		roots = append([]string{s.undo}, roots...)
	}
	return roots
}

// findUndoRoot returns the first undo folder that a message can be renamed
// into, which takes one on the file system of the Maildir.
func (s *Store) findUndoRoot() (string, error) {
	root, err := s.fs.Stat(s.root)
	if err != nil {
		return "", err
	}
	var errs []error
	for _, dir := range s.undoRoots() {
		err := s.tryUndoRoot(dir, root.Device)
		if err == nil {
			return dir, nil
		}
		s.log.Debug("undo folder passed over", "path", dir, "err", err)
		errs = append(errs, err)
	}
	return "", fmt.Errorf("no undo folder can be made: %w", errors.Join(errs...))
}

func (s *Store) tryUndoRoot(dir string, device uint64) error {
	// What exists decides before anything is made: the nearest directory.
	near := dir
	i, err := s.fs.Stat(near)
	for errors.Is(err, fs.ErrNotExist) && filepath.Dir(near) != near {
		near = filepath.Dir(near)
		i, err = s.fs.Stat(near)
	}
	switch {
	case err != nil:
		return err
	case !i.Mode.IsDir():
		return fmt.Errorf("%s is not a directory", near)
	case i.Device != device:
		return fmt.Errorf("%s is on another file system than %s", dir, s.root)
	case near == dir:
		if i, err = s.fs.Lstat(dir); err != nil {
			return err
		}
		if !s.ownDir(i) {
			return fmt.Errorf("%s is a link, or belongs to another user", dir)
		}
		return s.fs.Writable(dir)
	}
	return ignoreExisting(s.mkdirAll(dir))
}
