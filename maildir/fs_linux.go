package maildir

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// renameNoReplace renames in one step, or returns errors.ErrUnsupported where
// kernel or file system (NFS, some FUSE) does not know the flag.
func renameNoReplace(oldName, newName string) error {
	for {
		err := unix.Renameat2(unix.AT_FDCWD, oldName, unix.AT_FDCWD, newName, unix.RENAME_NOREPLACE)
		switch err {
		case unix.EINTR:
			continue
		case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP:
			return errors.ErrUnsupported
		}
		return err
	}
}

// syncFS calls syncfs(2) where it is known to reach the disk and to report
// what failed on the way: since Linux 5.8, on local file systems. On FUSE it
// returns without having asked the daemon to sync anything.
func syncFS(dir string) (err error) {
	if !kernelReportsSyncErrors() {
		return errors.ErrUnsupported
	}
	d, err := openDirectory(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	fd := int(d.Fd())
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	switch uint32(st.Type) { // 32 bits are significant, whatever the width here
	case unix.EXT4_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.XFS_SUPER_MAGIC,
		unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC:
	default:
		return errors.ErrUnsupported
	}
	if err := unix.Syncfs(fd); err != nil {
		return &fs.PathError{Op: "syncfs", Path: dir, Err: err}
	}
	return nil
}

func kernelReportsSyncErrors() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 5 || major == 5 && minor >= 8
}
