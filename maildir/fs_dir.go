//go:build unix

package maildir

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// osDir is an open directory. An os.Root follows links within its tree, so
// each directory is compared with what lstat(2) said of its name.
type osDir struct {
	root *os.Root
	info Info // when it was opened
}

// OpenDir implements [FS].
func (OSFS) OpenDir(name string) (Dir, error) {
	return openReal(name, os.Lstat, os.OpenRoot)
}

// OpenDir implements [Dir].
func (d osDir) OpenDir(name string) (Dir, error) {
	return openReal(name, d.root.Lstat, d.root.OpenRoot)
}

func openReal(name string, lstat func(string) (fs.FileInfo, error), open func(string) (*os.Root, error)) (Dir, error) {
	want, err := lstat(name)
	if err != nil {
		return nil, err
	}
	if !want.IsDir() {
		return nil, &fs.PathError{Op: "open directory", Path: name, Err: unix.ENOTDIR}
	}
	root, err := open(name)
	if err != nil {
		return nil, err
	}
	have, err := root.Stat(".")
	if err == nil && !os.SameFile(want, have) {
		err = &fs.PathError{Op: "open directory", Path: name, Err: unix.ENOTDIR}
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return osDir{root, infoOf(have)}, nil
}

func (d osDir) Close() error { return d.root.Close() }

func (d osDir) Info() (Info, error) { return d.info, nil }

func (d osDir) Lstat(name string) (Info, error) {
	fi, err := d.root.Lstat(name)
	if err != nil {
		return Info{}, err
	}
	return infoOf(fi), nil
}

func (d osDir) Names() (names []string, err error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Readdirnames(-1)
}

// Remove implements [Dir]. os.Root.Remove would take an empty directory too.
func (d osDir) Remove(name string) error { return d.remove(name, false) }

// Rmdir implements [Dir].
func (d osDir) Rmdir(name string) error { return d.remove(name, true) }

func (d osDir) remove(name string, dir bool) error {
	fi, err := d.root.Lstat(name)
	if err != nil {
		return err
	}
	if fi.IsDir() != dir {
		errno := unix.EISDIR
		if dir {
			errno = unix.ENOTDIR
		}
		return &fs.PathError{Op: "remove", Path: name, Err: errno}
	}
	return d.root.Remove(name)
}
