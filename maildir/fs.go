package maildir

import (
	"io"
	"io/fs"
	"time"
)

// FS is every way in which this package touches a disk. [OSFS] is the real
// one. Tests wrap it to fail a call, to stop before any step, or to forget
// what was not synced; a wrapper can rely on these rules:
//
//   - Nothing else in the package changes or reads files.
//   - Names are absolute. Errors satisfy errors.Is with fs.ErrNotExist,
//     fs.ErrExist, fs.ErrPermission and the syscall.Errno behind them.
//   - The content of a file counts as durable after Handle.Sync or SyncFS,
//     a name after SyncDir of its directory or SyncFS.
type FS interface {
	// Lstat describes name itself, Stat what it leads to.
	Lstat(name string) (Info, error)
	Stat(name string) (Info, error)
	// Writable returns an error when entries of the directory cannot be
	// changed by this user.
	Writable(dir string) error
	// ReadDirNames returns the names in dir in any order.
	ReadDirNames(dir string) ([]string, error)
	// OpenDir opens a directory for a walk that removes things. A link is not
	// followed.
	OpenDir(name string) (Dir, error)

	// Open opens a regular file for reading; a handle from Open can also Sync.
	// It follows no link and waits for no other end of a fifo: the error for
	// what is no regular file is ErrLink or ErrNotRegular.
	Open(name string) (Handle, error)
	// Create makes a file for reading and writing and fails when name is
	// taken (O_EXCL).
	Create(name string, perm fs.FileMode) (Handle, error)

	// RenameNoReplace renames a file or directory and fails with
	// fs.ErrExist when newName is taken.
	RenameNoReplace(oldName, newName string) error
	// Rename replaces newName. Only files that satchel or Dovecot own are
	// ever replaced, never a message.
	Rename(oldName, newName string) error
	// Link makes a hard link and fails with fs.ErrExist when newName is taken.
	Link(oldName, newName string) error
	// Remove unlinks a file, never a directory; Rmdir removes an empty
	// directory.
	Remove(name string) error
	Rmdir(dir string) error
	Mkdir(dir string, perm fs.FileMode) error
	// Chtimes sets the modification time of a file, or of a link itself.
	Chtimes(name string, mtime time.Time) error

	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
	// SyncFS makes everything on the file system that holds dir durable, or
	// returns errors.ErrUnsupported where that is not to be relied on.
	SyncFS(dir string) error
}

// Handle is an open file.
type Handle interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
	Info() (Info, error)
}

// Dir is an open directory. Its methods take names in it and follow no link,
// so that a walk stays in the tree in which it began, whoever changes that
// meanwhile.
type Dir interface {
	io.Closer
	Info() (Info, error)
	Names() ([]string, error)
	Lstat(name string) (Info, error)
	OpenDir(name string) (Dir, error)
	// Remove unlinks what is no directory; Rmdir removes an empty directory.
	Remove(name string) error
	Rmdir(name string) error
}

// Info is what is asked about a file or directory.
type Info struct {
	Mode    fs.FileMode
	Size    int64 // bytes
	ModTime int64 // nanoseconds since 1970
	Inode   uint64
	Device  uint64
	Owner   uint32 // user id
}

// sameFile reports whether a and b describe one file under two names.
func sameFile(a, b Info) bool { return a.Inode == b.Inode && a.Device == b.Device }
