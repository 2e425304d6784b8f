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
	"time"

	"satchel/sync/mail"
)

// CreateFolder makes a mailbox durably. One that exists is fine, and a
// directory that is no mailbox yet becomes one. A damaged folder is a brake:
// mending it here would make lost mail look like removed mail.
func (s *Store) CreateFolder(ctx context.Context, name string) error {
	const op = "create folder"
	if err := ctx.Err(); err != nil {
		return err
	}
	dir, err := s.Dir(name)
	if err != nil {
		return err
	}
	if _, err := s.fs.Stat(s.root); err != nil {
		return s.rootGone(err) // and never made again
	}
	if err := s.checkCase(dir); err != nil {
		return failed(op, name, mail.KindMailbox, err)
	}
	i, err := s.fs.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = s.buildFolder(dir)
		if errors.Is(err, fs.ErrExist) { // another program was faster
			err = s.completeFolder(dir)
		}
	case err == nil && !i.Mode.IsDir():
		err = fmt.Errorf("%s is not a directory; move it away", dir)
	case err == nil:
		err = s.completeFolder(dir)
	}
	if errors.Is(err, errDamaged) {
		return &mail.Error{Op: op, Mailbox: name, Kind: mail.KindBrake, Err: err,
			Hint: "restore it; if the folder is meant to be empty: mkdir -p " + mail.ShellWord(filepath.Join(dir, "cur")) + " " + mail.ShellWord(filepath.Join(dir, "new"))}
	}
	if err != nil {
		return failedChange(op, name, mail.KindMailbox, err)
	}
	return nil
}

// errDamaged: a folder with cur and without new, or the other way round.
var errDamaged = errors.New("cur or new is missing")

// buildFolder makes a whole folder aside and gives it its name in one step,
// so that a crash leaves no folder that looks damaged.
func (s *Store) buildFolder(dir string) error {
	s.SweepRoot(time.Time{})
	if err := ignoreExisting(s.mkdirAll(filepath.Dir(dir))); err != nil {
		return err
	}
	build := filepath.Join(s.root, buildPrefix+s.NewBase())
	parts := []string{"", "tmp", "new", "cur"}
	var err error
	for _, p := range parts {
		if err = s.fs.Mkdir(filepath.Join(build, p), dirPerm); err != nil {
			break
		}
	}
	if err == nil {
		err = s.syncDir(build)
	}
	if err == nil {
		err = s.fs.RenameNoReplace(build, dir)
	}
	if err != nil {
		for _, p := range slices.Backward(parts) {
			_ = s.fs.Rmdir(filepath.Join(build, p)) // swept later
		}
		if !errors.Is(err, syscall.EXDEV) {
			return err
		}
		// The parent is a symbolic link to another disk.
		if err := s.mkdir(dir); err != nil {
			return err
		}
		return s.completeFolder(dir)
	}
	return s.syncDir(filepath.Dir(dir))
}

// completeFolder makes a mailbox of a directory.
func (s *Store) completeFolder(dir string) error {
	_, cur, isNew, err := s.stamp(dir, Info{})
	if err != nil {
		return err
	}
	if cur != isNew {
		return fmt.Errorf("%s: %w", dir, errDamaged)
	}
	for _, sub := range []string{"tmp", "new", "cur"} {
		if err := ignoreExisting(s.fs.Mkdir(filepath.Join(dir, sub), dirPerm)); err != nil {
			return err
		}
	}
	return s.syncDir(dir)
}

// checkCase returns an error when dir, or a directory above it, exists only
// because the disk does not tell upper from lower case, or composed from
// decomposed letters. Two mailboxes would become one there.
func (s *Store) checkCase(dir string) error {
	for ; dir != s.root && len(dir) > len(s.root); dir = filepath.Dir(dir) {
		if _, err := s.fs.Lstat(dir); err != nil {
			continue
		}
		names, err := s.fs.ReadDirNames(filepath.Dir(dir))
		if err != nil {
			return err
		}
		base := filepath.Base(dir)
		if slices.ContainsFunc(names, func(n string) bool { return n == base || s.comparable(n) == s.comparable(base) }) {
			continue
		}
		return fmt.Errorf("this disk cannot tell %s from %s; rename one of the two mailboxes", base, s.sameEntry(dir, names))
	}
	return nil
}

// sameEntry returns the name among names that leads where dir does.
func (s *Store) sameEntry(dir string, names []string) string {
	want, err := s.fs.Lstat(dir)
	for _, n := range names {
		i, ierr := s.fs.Lstat(filepath.Join(filepath.Dir(dir), n))
		if err == nil && ierr == nil && sameFile(want, i) {
			return n
		}
	}
	return "another one"
}

// RenameFolder renames a mailbox and those below it, durably. It returns
// ErrExists when there is something under the new name, ErrGone when there is
// nothing under the old one. INBOX keeps its name.
func (s *Store) RenameFolder(ctx context.Context, from, to string) error {
	op := fmt.Sprintf("rename to %s the folder", to)
	if err := ctx.Err(); err != nil {
		return err
	}
	from, to = Canonical(from), Canonical(to)
	if from == inbox || to == inbox {
		return failed(op, from, mail.KindMailbox, errors.New("INBOX keeps its name"))
	}
	if strings.HasPrefix(to, from+"/") {
		return failed(op, from, mail.KindMailbox, errors.New("a folder cannot become its own child"))
	}
	s.forgetSpellings()
	defer s.forgetSpellings()
	pairs, err := s.renames(from, to)
	if err == nil {
		err = s.renameDirs(pairs)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, mail.ErrGone):
		return fmt.Errorf("%s %s: %w", op, from, mail.ErrGone)
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTEMPTY):
		return fmt.Errorf("%s %s: %w", op, from, mail.ErrExists)
	}
	return failedChange(op, from, mail.KindMailbox, err)
}

// renames returns the directories to rename, old and new name, with the
// folder itself last: after a crash in between, the same call goes on.
func (s *Store) renames(from, to string) ([][2]string, error) {
	oldFolder, err := s.naming.folderOf(s.real(from))
	if err != nil {
		return nil, err
	}
	newFolder, err := s.naming.folderOf(s.real(to))
	if err != nil {
		return nil, err
	}
	if !s.naming.isolated(from, oldFolder) || !s.naming.isolated(to, newFolder) {
		return nil, errors.New("a mailbox below it has a folder elsewhere")
	}
	src, err := s.dirOfFolder(oldFolder)
	if err != nil {
		return nil, err
	}
	dst, err := s.dirOfFolder(newFolder)
	if err != nil {
		return nil, err
	}
	if _, err := s.fs.Lstat(src); errors.Is(err, fs.ErrNotExist) {
		return nil, mail.ErrGone
	} else if err != nil {
		return nil, err
	}
	if !s.naming.flat() {
		return [][2]string{{src, dst}}, nil
	}
	names, err := s.fs.ReadDirNames(s.root)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var pairs [][2]string
	for _, n := range names {
		if !strings.HasPrefix(n, filepath.Base(src)+string(rune(s.naming.separator))) {
			continue
		}
		rel, err := s.naming.composed(n)
		if err != nil {
			continue // no folder of ours
		}
		child, err := s.naming.decode(rel)
		if err != nil {
			continue
		}
		d, err := s.dirOfFolder(newFolder + strings.TrimPrefix(child, oldFolder))
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, [2]string{filepath.Join(s.root, n), d})
	}
	pairs = append(pairs, [2]string{src, dst})
	for _, p := range pairs { // none is renamed when one cannot be
		if _, err := s.fs.Lstat(p[1]); err == nil {
			return nil, fs.ErrExist
		}
	}
	return pairs, nil
}

func (s *Store) renameDirs(pairs [][2]string) error {
	for _, p := range pairs {
		parent := filepath.Dir(p[1])
		if err := s.checkCase(p[1]); err != nil {
			return err
		}
		if parent != s.root {
			if err := ignoreExisting(s.mkdirAll(parent)); err != nil {
				return err
			}
		}
		if err := s.fs.RenameNoReplace(p[0], p[1]); err != nil {
			return err
		}
		if err := s.syncDir(parent); err != nil {
			return err
		}
		if old := filepath.Dir(p[0]); old != parent {
			if err := s.syncDir(old); err != nil {
				return err
			}
		}
	}
	return nil
}
