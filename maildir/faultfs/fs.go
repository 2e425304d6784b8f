package faultfs

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"satchel/maildir"
)

// Op is a kind of call.
type Op string

// The calls that can be refused. Those from Create on change something.
const (
	Stat     Op = "stat"
	Writable Op = "access"
	ReadDir  Op = "readdir"
	Open     Op = "open"
	Read     Op = "read"
	Close    Op = "close"
	Create   Op = "create"
	Write    Op = "write"
	Truncate Op = "truncate"
	Rename   Op = "rename"
	Link     Op = "link"
	Remove   Op = "unlink"
	Rmdir    Op = "rmdir"
	Mkdir    Op = "mkdir"
	Chtimes  Op = "chtimes"
	Sync     Op = "fsync"
	SyncDir  Op = "fsync directory"
	SyncFS   Op = "syncfs"
)

// Changes reports whether the call changes what is on the disk.
func (o Op) Changes() bool {
	switch o {
	case Create, Write, Truncate, Rename, Link, Remove, Rmdir, Mkdir, Chtimes:
		return true
	}
	return false
}

// FS is the real file system behind a gate.
type FS struct {
	// Before is asked before each call, from several goroutines; an error
	// is the result of the call, which then has no effect, except that a
	// refused close closes, as close(2) does. Nil lets everything pass.
	Before func(op Op, name string) error
	// Now is the clock of the disk: every change leaves its time where the
	// kernel would leave that of its own clock. Nil is the kernel's clock.
	Now func() time.Time

	os    maildir.OSFS
	disk  *Disk        // nil without a shadow
	times sync.RWMutex // with Now: nobody sees the kernel's time before it is replaced
}

func (f *FS) gate(op Op, name string) error {
	if f.Before == nil {
		return nil
	}
	if err := f.Before(op, name); err != nil {
		return &fs.PathError{Op: string(op), Path: name, Err: err}
	}
	return nil
}

// change runs a call that changes something, stamps the paths that it gives a
// new time to, and notes it in the shadow.
func (f *FS) change(op Op, name string, do func() error, note func(*Disk), stamps ...string) error {
	if err := f.gate(op, name); err != nil {
		return err
	}
	if f.Now != nil {
		f.times.Lock()
		defer f.times.Unlock()
	}
	if f.disk != nil {
		f.disk.mu.Lock()
		defer f.disk.mu.Unlock()
	}
	if err := do(); err != nil {
		return err
	}
	if err := f.stamp(stamps); err != nil {
		return err
	}
	if f.disk != nil && note != nil {
		note(f.disk)
	}
	return nil
}

// stamp gives paths the time of the disk's own clock.
func (f *FS) stamp(paths []string) error {
	if f.Now == nil {
		return nil
	}
	now := f.Now()
	for _, p := range paths {
		if err := f.os.Chtimes(p, now); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// look runs a call that may show a time.
func (f *FS) look(op Op, name string, do func()) error {
	if err := f.gate(op, name); err != nil {
		return err
	}
	if f.Now != nil {
		f.times.RLock()
		defer f.times.RUnlock()
	}
	do()
	return nil
}

// Lstat implements [maildir.FS].
func (f *FS) Lstat(name string) (i maildir.Info, err error) {
	if gerr := f.look(Stat, name, func() { i, err = f.os.Lstat(name) }); gerr != nil {
		return maildir.Info{}, gerr
	}
	return i, err
}

// Stat implements [maildir.FS].
func (f *FS) Stat(name string) (i maildir.Info, err error) {
	if gerr := f.look(Stat, name, func() { i, err = f.os.Stat(name) }); gerr != nil {
		return maildir.Info{}, gerr
	}
	return i, err
}

// Writable implements [maildir.FS].
func (f *FS) Writable(dir string) error {
	if err := f.gate(Writable, dir); err != nil {
		return err
	}
	return f.os.Writable(dir)
}

// ReadDirNames implements [maildir.FS].
func (f *FS) ReadDirNames(dir string) ([]string, error) {
	if err := f.gate(ReadDir, dir); err != nil {
		return nil, err
	}
	return f.os.ReadDirNames(dir)
}

// OpenDir implements [maildir.FS].
func (f *FS) OpenDir(name string) (maildir.Dir, error) {
	return f.openDir(name, func() (maildir.Dir, error) { return f.os.OpenDir(name) })
}

func (f *FS) openDir(name string, open func() (maildir.Dir, error)) (maildir.Dir, error) {
	if err := f.gate(ReadDir, name); err != nil {
		return nil, err
	}
	d, err := open()
	if err != nil {
		return nil, err
	}
	return &dir{Dir: d, fs: f, name: name}, nil
}

// dir is an open directory behind the gate.
type dir struct {
	maildir.Dir
	fs   *FS
	name string
}

func (d *dir) at(name string) string { return filepath.Join(d.name, name) }

func (d *dir) Lstat(name string) (i maildir.Info, err error) {
	if gerr := d.fs.look(Stat, d.at(name), func() { i, err = d.Dir.Lstat(name) }); gerr != nil {
		return maildir.Info{}, gerr
	}
	return i, err
}

func (d *dir) OpenDir(name string) (maildir.Dir, error) {
	return d.fs.openDir(d.at(name), func() (maildir.Dir, error) { return d.Dir.OpenDir(name) })
}

func (d *dir) Remove(name string) error {
	return d.fs.change(Remove, d.at(name), func() error { return d.Dir.Remove(name) }, func(disk *Disk) { disk.remove(d.at(name)) }, d.name)
}

func (d *dir) Rmdir(name string) error {
	return d.fs.change(Rmdir, d.at(name), func() error { return d.Dir.Rmdir(name) }, func(disk *Disk) { disk.remove(d.at(name)) }, d.name)
}

// Open implements [maildir.FS].
func (f *FS) Open(name string) (maildir.Handle, error) {
	if err := f.gate(Open, name); err != nil {
		return nil, err
	}
	h, err := f.os.Open(name)
	if err != nil {
		return nil, err
	}
	return &handle{Handle: h, fs: f, name: name, node: f.disk.lookup(name)}, nil
}

// Create implements [maildir.FS].
func (f *FS) Create(name string, perm fs.FileMode) (maildir.Handle, error) {
	var h maildir.Handle
	var n *node
	err := f.change(Create, name, func() (err error) {
		h, err = f.os.Create(name, perm)
		return err
	}, func(d *Disk) { n = d.create(name, false) }, name, filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	return &handle{Handle: h, fs: f, name: name, node: n}, nil
}

// RenameNoReplace implements [maildir.FS].
func (f *FS) RenameNoReplace(oldName, newName string) error {
	return f.change(Rename, oldName, func() error { return f.os.RenameNoReplace(oldName, newName) },
		func(d *Disk) { d.rename(oldName, newName) }, filepath.Dir(oldName), filepath.Dir(newName))
}

// Rename implements [maildir.FS].
func (f *FS) Rename(oldName, newName string) error {
	return f.change(Rename, oldName, func() error { return f.os.Rename(oldName, newName) },
		func(d *Disk) { d.rename(oldName, newName) }, filepath.Dir(oldName), filepath.Dir(newName))
}

// Link implements [maildir.FS].
func (f *FS) Link(oldName, newName string) error {
	return f.change(Link, oldName, func() error { return f.os.Link(oldName, newName) },
		func(d *Disk) { d.link(oldName, newName) }, filepath.Dir(newName))
}

// Remove implements [maildir.FS].
func (f *FS) Remove(name string) error {
	return f.change(Remove, name, func() error { return f.os.Remove(name) }, func(d *Disk) { d.remove(name) }, filepath.Dir(name))
}

// Rmdir implements [maildir.FS].
func (f *FS) Rmdir(dir string) error {
	return f.change(Rmdir, dir, func() error { return f.os.Rmdir(dir) }, func(d *Disk) { d.remove(dir) }, filepath.Dir(dir))
}

// Mkdir implements [maildir.FS].
func (f *FS) Mkdir(dir string, perm fs.FileMode) error {
	return f.change(Mkdir, dir, func() error { return f.os.Mkdir(dir, perm) }, func(d *Disk) { d.create(dir, true) },
		dir, filepath.Dir(dir))
}

// Chtimes implements [maildir.FS].
func (f *FS) Chtimes(name string, mtime time.Time) error {
	return f.change(Chtimes, name, func() error { return f.os.Chtimes(name, mtime) }, nil)
}

// SyncDir implements [maildir.FS].
func (f *FS) SyncDir(dir string) error {
	return f.change(SyncDir, dir, func() error { return f.os.SyncDir(dir) }, func(d *Disk) { d.syncDir(dir) })
}

// SyncFS implements [maildir.FS].
func (f *FS) SyncFS(dir string) error {
	return f.change(SyncFS, dir, func() error { return f.os.SyncFS(dir) }, func(d *Disk) { d.syncAll() })
}

// handle is an open file behind the gate.
type handle struct {
	maildir.Handle
	fs   *FS
	name string
	node *node
}

func (h *handle) Read(p []byte) (int, error) {
	if err := h.fs.gate(Read, h.name); err != nil {
		return 0, err
	}
	return h.Handle.Read(p)
}

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	if err := h.fs.gate(Read, h.name); err != nil {
		return 0, err
	}
	return h.Handle.ReadAt(p, off)
}

func (h *handle) Write(p []byte) (n int, err error) {
	err = h.fs.change(Write, h.name, func() error { n, err = h.Handle.Write(p); return err }, func(*Disk) { h.node.dirty() }, h.name)
	return n, err
}

func (h *handle) WriteAt(p []byte, off int64) (n int, err error) {
	err = h.fs.change(Write, h.name, func() error { n, err = h.Handle.WriteAt(p, off); return err }, func(*Disk) { h.node.dirty() }, h.name)
	return n, err
}

func (h *handle) Truncate(size int64) error {
	return h.fs.change(Truncate, h.name, func() error { return h.Handle.Truncate(size) }, func(*Disk) { h.node.dirty() }, h.name)
}

func (h *handle) Sync() error {
	return h.fs.change(Sync, h.name, h.Handle.Sync, func(*Disk) { h.node.sync(h.Handle) })
}

// Info is no call of its own that could be refused: fstat(2) does not fail.
func (h *handle) Info() (maildir.Info, error) {
	if h.fs.Now != nil {
		h.fs.times.RLock()
		defer h.fs.times.RUnlock()
	}
	return h.Handle.Info()
}

func (h *handle) Close() error {
	err := h.fs.gate(Close, h.name)
	if cerr := h.Handle.Close(); err == nil {
		err = cerr
	}
	return err
}
