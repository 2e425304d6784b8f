package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"satchel/sync/mail"
)

// knownExtra reports whether a file beside cur and new, or one with a dot in them, belongs to a mail
// program's bookkeeping and is worthless without the mail.
func knownExtra(name string) bool {
	switch name {
	case "maildirfolder", "maildirsize", ".uidvalidity", ".isyncuidmap.db", ".DS_Store",
		"courierimapuiddb", "courierimapacl", "courierimapsubscribed":
		return true
	}
	return strings.HasPrefix(name, "dovecot") || strings.HasPrefix(name, ".mbsyncstate")
}

// RemoveFolder removes a mailbox without messages. It refuses one that holds a
// message, and INBOX. The bookkeeping of mail programs goes along. Files of
// anybody else stay in the directory, which without cur and new is no mailbox any
// more; what was beside the messages gets a name with a dot there. Folders below
// it stay.
func (s *Store) RemoveFolder(ctx context.Context, name string) error {
	const op = "remove folder"
	if err := ctx.Err(); err != nil {
		return err
	}
	dir, err := s.Dir(name)
	if err != nil {
		return err
	}
	if Canonical(name) == inbox {
		return failed(op, name, mail.KindMailbox, errors.New("INBOX always exists"))
	}
	i, err := s.fs.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s %s: %w", op, name, mail.ErrGone)
	case err != nil:
		return failed(op, name, mail.KindMailbox, err)
	case i.Mode&fs.ModeSymlink != 0:
		return failed(op, name, mail.KindMailbox, fmt.Errorf("%s is a symbolic link; remove it by hand", dir))
	}
	p, err := s.removable(dir)
	if err == nil {
		err = s.removeParts(dir, p)
	}
	if err != nil {
		return failedChange(op, name, mail.KindMailbox, err)
	}
	return nil
}

// parting is what a folder holds that is to be removed: files that go with it,
// and entries of cur, new and tmp that are nobody's mail and stay.
type parting struct {
	extras, foreign []string
}

// removable returns what becomes of the files in a folder, or why it stays.
func (s *Store) removable(dir string) (p parting, err error) {
	for _, sub := range []string{"cur", "new", "tmp"} {
		d := filepath.Join(dir, sub)
		names, err := s.fs.ReadDirNames(d)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return p, err
		}
		for _, n := range names {
			if err := s.part(&p, d, n); err != nil {
				return p, err
			}
		}
	}
	names, err := s.fs.ReadDirNames(dir)
	if err != nil {
		return p, err
	}
	for _, n := range names {
		path := filepath.Join(dir, n)
		i, err := s.fs.Lstat(path)
		if err != nil {
			return p, err
		}
		if i.Mode.IsRegular() && knownExtra(n) {
			p.extras = append(p.extras, path)
		}
	}
	return p, nil
}

// part decides about one entry of cur, new or tmp. A message is whatever a scan
// lists and a program may read, whatever its name looks like; in tmp, one may be on
// its way in.
func (s *Store) part(p *parting, d, name string) error {
	path := filepath.Join(d, name)
	i, err := s.fs.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	tmp := filepath.Base(d) == "tmp"
	switch {
	case i.Mode.IsRegular() && (name[0] == '.' && knownExtra(name) || tmp && s.stale(name)):
		p.extras = append(p.extras, path)
	case name[0] == '.' || s.notRead(i) != nil || tmp && s.now().Sub(time.Unix(0, i.ModTime)) > tmpAge:
		p.foreign = append(p.foreign, path)
	default:
		return fmt.Errorf("%s is not empty: it holds %s", d, name)
	}
	return nil
}

// putAside moves an entry of cur, new or tmp into the folder itself.
func (s *Store) putAside(path string) error {
	sub := filepath.Dir(path)
	base := shortName("."+filepath.Base(sub)+"-"+strings.TrimLeft(filepath.Base(path), "."), maxName-len("~9999"))
	for n := range maxSuffix {
		name := base
		if n > 0 {
			name = fmt.Sprintf("%s~%d", base, n)
		}
		err := s.fs.RenameNoReplace(path, filepath.Join(filepath.Dir(sub), name))
		if !errors.Is(err, fs.ErrExist) {
			return ignoreMissing(err)
		}
	}
	return fmt.Errorf("%s holds %d files of the name %s", filepath.Dir(sub), maxSuffix, base)
}

// shortName returns what fits of a name into so many bytes, in whole characters.
func shortName(name string, most int) string {
	if len(name) <= most {
		return name
	}
	for n := most; n > most-utf8.UTFMax; n-- {
		if utf8.RuneStart(name[n]) {
			return name[:n]
		}
	}
	return name[:most] // it is no UTF-8
}

// removeParts takes a folder apart. rmdir is what proves that a directory is
// empty: a message may have arrived since removable looked.
func (s *Store) removeParts(dir string, p parting) error {
	for _, path := range p.foreign {
		if err := s.putAside(path); err != nil {
			return err
		}
	}
	cur, isNew := filepath.Join(dir, "cur"), filepath.Join(dir, "new")
	for _, path := range p.extras {
		// What is beside cur and new goes only when these are gone.
		if filepath.Dir(path) != dir {
			if err := ignoreMissing(s.fs.Remove(path)); err != nil {
				return err
			}
		}
	}
	if err := ignoreMissing(s.fs.Rmdir(isNew)); err != nil {
		return err
	}
	if err := ignoreMissing(s.fs.Rmdir(cur)); err != nil {
		return errors.Join(err, s.fs.Mkdir(isNew, dirPerm)) // whole again
	}
	for _, path := range p.extras {
		if err := ignoreMissing(s.fs.Remove(path)); err != nil {
			return err
		}
	}
	if err := ignoreMissing(s.fs.Rmdir(filepath.Join(dir, "tmp"))); err != nil {
		return err
	}
	err := s.fs.Rmdir(dir)
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) {
		return s.syncDir(dir) // there are folders below, or files of others
	}
	if err != nil {
		return err
	}
	return s.syncDir(filepath.Dir(dir))
}
