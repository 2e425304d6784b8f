//go:build unix

package maildir

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// OSFS is the real file system.
type OSFS struct{}

type osHandle struct{ *os.File }

func (h osHandle) Info() (Info, error) {
	fi, err := h.Stat()
	if err != nil {
		return Info{}, err
	}
	return infoOf(fi), nil
}

// infoOf reads inode and device from the one place where the standard library
// keeps them; their width differs between Unixes.
func infoOf(fi fs.FileInfo) Info {
	i := Info{Mode: fi.Mode(), Size: fi.Size(), ModTime: fi.ModTime().UnixNano()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		i.Inode, i.Device = uint64(st.Ino), uint64(st.Dev) //nolint:unconvert // narrower on other Unixes
		i.Owner = st.Uid
	}
	return i
}

// Lstat implements [FS].
func (OSFS) Lstat(name string) (Info, error) {
	fi, err := os.Lstat(name)
	if err != nil {
		return Info{}, err
	}
	return infoOf(fi), nil
}

// Stat implements [FS].
func (OSFS) Stat(name string) (Info, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return Info{}, err
	}
	return infoOf(fi), nil
}

// Writable implements [FS].
func (OSFS) Writable(dir string) error {
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "write to", Path: dir, Err: err}
	}
	return nil
}

// ReadDirNames implements [FS].
func (OSFS) ReadDirNames(dir string) (names []string, err error) {
	d, err := openDirectory(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Readdirnames(-1)
}

// openDirectory fails at once for what is no directory, such as a fifo, which
// an ordinary open would wait at.
func openDirectory(dir string) (*os.File, error) {
	return os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
}

// Open implements [FS].
func (OSFS) Open(name string) (Handle, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		// Links, sockets and devices are refused with errors of their own.
		if fi, lerr := os.Lstat(name); lerr == nil {
			if odd := irregular(fi.Mode()); odd != nil {
				return nil, &fs.PathError{Op: "open", Path: name, Err: odd}
			}
		}
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil {
		if odd := irregular(fi.Mode()); odd != nil {
			err = &fs.PathError{Op: "open", Path: name, Err: odd}
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return osHandle{f}, nil
}

// Create implements [FS].
func (OSFS) Create(name string, perm fs.FileMode) (Handle, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	return osHandle{f}, nil
}

// RenameNoReplace implements [FS].
func (o OSFS) RenameNoReplace(oldName, newName string) error {
	err := renameNoReplace(oldName, newName)
	if err != nil && errors.Is(err, errors.ErrUnsupported) {
		err = o.linkAndUnlink(oldName, newName)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: errnoOf(err)}
	}
	return nil
}

// linkAndUnlink renames where the system call that does it in one step is
// missing. A crash in between leaves two names for one file, which Scan
// recognises by the inode.
func (o OSFS) linkAndUnlink(oldName, newName string) error {
	fi, err := os.Lstat(oldName)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		err = os.Link(oldName, newName)
		if err == nil {
			err = o.Remove(oldName)
			// Already gone: another program renamed it, or a network file
			// system repeated our own call. Taking the link back could take
			// the last name away, so it stays; see Store.resolve.
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return err
		}
		if !cannotLink(err) || errors.Is(err, unix.EXDEV) {
			return err
		}
	}
	// Directories, and disks without hard links such as FAT: a check and a
	// rename, the best that is left. rename(2) itself never replaces a
	// directory that holds anything.
	if _, err := os.Lstat(newName); err == nil {
		return unix.EEXIST
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(oldName, newName)
}

// Rename implements [FS].
func (OSFS) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }

// Link implements [FS].
func (OSFS) Link(oldName, newName string) error { return os.Link(oldName, newName) }

// Remove implements [FS]. os.Remove would take an empty directory too.
func (OSFS) Remove(name string) error {
	if err := unix.Unlink(name); err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	return nil
}

// Rmdir implements [FS].
func (OSFS) Rmdir(dir string) error {
	if err := unix.Rmdir(dir); err != nil {
		return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// Mkdir implements [FS].
func (OSFS) Mkdir(dir string, perm fs.FileMode) error { return os.Mkdir(dir, perm) }

// Chtimes implements [FS].
func (OSFS) Chtimes(name string, mtime time.Time) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(mtime.UnixNano())}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, name, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "chtimes", Path: name, Err: err}
	}
	return nil
}

// SyncDir implements [FS].
func (OSFS) SyncDir(dir string) error {
	d, err := openDirectory(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	// Some file systems have nothing to sync for a directory and say so.
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

// SyncFS implements [FS].
func (OSFS) SyncFS(dir string) error { return syncFS(dir) }

func errnoOf(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
