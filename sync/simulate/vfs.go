package simulate

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// The functions of SQLite's file layer that a StateDisk stands in front of.
type (
	openFunc     = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	deleteFunc   = func(tls *libc.TLS, vfs, name uintptr, dirSync int32) int32
	writeFunc    = func(tls *libc.TLS, file, buf uintptr, n int32, off int64) int32
	truncateFunc = func(tls *libc.TLS, file uintptr, size int64) int32
	syncFunc     = func(tls *libc.TLS, file uintptr, flags int32) int32
	closeFunc    = func(tls *libc.TLS, file uintptr) int32
)

// StateDisk is a disk below SQLite that forgets what was not synced. It is a
// VFS in front of the one of the system: it looks at what goes by, and passes
// it on. SQLite knows one list of them for the whole process, so there is one
// StateDisk, and worlds take turns with it.
type StateDisk struct {
	under   uintptr // the VFS of the system
	itself  uintptr
	methods map[uintptr]uintptr // of files: ours by theirs
	held    []any               // functions that only C memory points to

	mu    sync.Mutex
	open  map[uintptr]opened
	dir   string // whose files are looked at; empty: none
	step  func(kind string) error
	files map[string]*image // by path
}

// opened is a file that SQLite has open.
type opened struct {
	path   string
	theirs uintptr // methods
}

// at reads an address of SQLite's as a pointer. Its memory is not the garbage
// collector's, so the address stays true.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// address is how SQLite holds a function; function is the way back.
func address[F any](d *StateDisk, f F) uintptr {
	d.held = append(d.held, f)
	return *(*uintptr)(unsafe.Pointer(&f))
}

func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

// NewStateDisk puts a disk that forgets below all databases that the process
// opens from now on. It has to be kept until Close: only SQLite points to it,
// from memory that is not the garbage collector's.
func NewStateDisk() (*StateDisk, error) {
	tls := libc.NewTLS()
	defer tls.Close()
	d := &StateDisk{methods: map[uintptr]uintptr{}, open: map[uintptr]opened{}}
	if d.under = sqlite3.Xsqlite3_vfs_find(tls, 0); d.under == 0 {
		return nil, errors.New("SQLite has no VFS")
	}
	name, err := libc.CString("forgets")
	if err != nil {
		return nil, fmt.Errorf("name a VFS: %w", err)
	}
	d.itself = libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})))
	if d.itself == 0 {
		return nil, errors.New("no memory for a VFS")
	}
	v := at[sqlite3.Tsqlite3_vfs](d.itself)
	*v = *at[sqlite3.Tsqlite3_vfs](d.under)
	v.FpNext, v.FzName = 0, name
	v.FxOpen = address[openFunc](d, d.xOpen)
	v.FxDelete = address[deleteFunc](d, d.xDelete)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, d.itself, 1); rc != sqlite3.SQLITE_OK {
		return nil, fmt.Errorf("register a VFS: %d", rc)
	}
	return d, nil
}

// Close takes the disk away again. All databases have to be closed.
func (d *StateDisk) Close() error {
	d.mu.Lock()
	n := len(d.open)
	d.mu.Unlock()
	if n > 0 {
		return fmt.Errorf("%d files are open still", n)
	}
	tls := libc.NewTLS()
	defer tls.Close()
	if rc := sqlite3.Xsqlite3_vfs_unregister(tls, d.itself); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("unregister a VFS: %d", rc)
	}
	if rc := sqlite3.Xsqlite3_vfs_register(tls, d.under, 1); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("register the VFS of the system again: %d", rc)
	}
	return nil
}

func (d *StateDisk) xOpen(tls *libc.TLS, _, name, file uintptr, flags int32, out uintptr) int32 {
	rc := function[openFunc](at[sqlite3.Tsqlite3_vfs](d.under).FxOpen)(tls, d.under, name, file, flags, out)
	if rc != sqlite3.SQLITE_OK || name == 0 || flags&(sqlite3.SQLITE_OPEN_MAIN_DB|sqlite3.SQLITE_OPEN_WAL|sqlite3.SQLITE_OPEN_MAIN_JOURNAL) == 0 {
		return rc
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	theirs := &at[sqlite3.Tsqlite3_file](file).FpMethods
	d.open[file] = opened{libc.GoString(name), *theirs}
	*theirs = d.ours(tls, *theirs)
	return rc
}

// ours makes the methods of a file that come before theirs.
func (d *StateDisk) ours(tls *libc.TLS, theirs uintptr) uintptr {
	if p := d.methods[theirs]; p != 0 {
		return p
	}
	p := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
	m := at[sqlite3.Tsqlite3_io_methods](p)
	*m = *at[sqlite3.Tsqlite3_io_methods](theirs)
	m.FxClose = address[closeFunc](d, d.xClose)
	m.FxWrite = address[writeFunc](d, d.xWrite)
	m.FxTruncate = address[truncateFunc](d, d.xTruncate)
	m.FxSync = address[syncFunc](d, d.xSync)
	d.methods[theirs] = p
	return p
}

func (d *StateDisk) theirs(file uintptr) (string, *sqlite3.Tsqlite3_io_methods) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.open[file]
	return o.path, at[sqlite3.Tsqlite3_io_methods](o.theirs)
}

func (d *StateDisk) xClose(tls *libc.TLS, file uintptr) int32 {
	_, m := d.theirs(file)
	d.mu.Lock()
	delete(d.open, file)
	d.mu.Unlock()
	return function[closeFunc](m.FxClose)(tls, file)
}

func (d *StateDisk) xWrite(tls *libc.TLS, file, buf uintptr, n int32, off int64) int32 {
	path, m := d.theirs(file)
	data := append([]byte(nil), unsafe.Slice(at[byte](buf), n)...)
	if !d.passes("state: write", path, func(f *image) { f.pending = append(f.pending, change{off: off, data: data}) }) {
		return sqlite3.SQLITE_IOERR_WRITE
	}
	return function[writeFunc](m.FxWrite)(tls, file, buf, n, off)
}

func (d *StateDisk) xTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	path, m := d.theirs(file)
	if !d.passes("state: truncate", path, func(f *image) { f.pending = append(f.pending, change{off: size, cut: true}) }) {
		return sqlite3.SQLITE_IOERR_TRUNCATE
	}
	return function[truncateFunc](m.FxTruncate)(tls, file, size)
}

func (d *StateDisk) xSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	path, m := d.theirs(file)
	if !d.passes("state: sync", path, d.synced) {
		return sqlite3.SQLITE_IOERR_FSYNC
	}
	return function[syncFunc](m.FxSync)(tls, file, flags)
}

func (d *StateDisk) xDelete(tls *libc.TLS, _, name uintptr, dirSync int32) int32 {
	gone := func(f *image) {
		f.pending = append(f.pending, change{gone: true})
		if dirSync != 0 {
			d.names()
		}
	}
	if !d.passes("state: delete", libc.GoString(name), gone) {
		return sqlite3.SQLITE_IOERR_DELETE
	}
	return function[deleteFunc](at[sqlite3.Tsqlite3_vfs](d.under).FxDelete)(tls, d.under, name, dirSync)
}

// passes notes a change of a file that is looked at; false when power is gone.
func (d *StateDisk) passes(kind, path string, what func(*image)) bool {
	d.mu.Lock()
	step, watched := d.step, d.dir != "" && filepath.Dir(path) == d.dir
	d.mu.Unlock()
	if !watched {
		return true
	}
	if step(kind) != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[path]
	if f == nil {
		f = &image{}
		d.files[path] = f
	}
	what(f)
	return true
}
