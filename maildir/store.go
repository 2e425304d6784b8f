package maildir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"satchel/sync/mail"
)

const (
	dirPerm  fs.FileMode = 0o700
	filePerm fs.FileMode = 0o600
)

// Options are the choices of [Open]; the zero value works.
type Options struct {
	Layout Layout
	// UTF7 writes the names of folders in modified UTF-7, as mbsync, offlineimap
	// and Dovecot do.
	UTF7 bool
	// Separator stands between the levels of a folder in the Nested layout, all
	// in one directory, as in offlineimap's Archive.2026; "" and "/": each level
	// has its own directory.
	Separator string
	// Folders are the folders of some mailboxes by name, where they have others than
	// their own; what is below them follows.
	Folders map[string]string
	NoFsync bool // leaves durability to the kernel's own time
	// Undo receives removed files. It is made on demand, and passed over for
	// a folder beside or in the root when it is on another file system, or
	// empty.
	Undo   string
	FS     FS               // default OSFS
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default: discards
	// Process and Host stand in the names of files that this store makes;
	// zero and empty are those of this process and this machine.
	Process int
	Host    string
}

// Store is one Maildir root and the mailboxes below it. Its methods may be
// called from several goroutines.
type Store struct {
	root   string // absolute
	naming Naming
	undo   string
	sync   bool
	fs     FS
	user   uint32        // who runs this process
	owner  atomic.Uint32 // of the root
	now    func() time.Time
	log    *slog.Logger

	host    string // escaped for file names
	pid     int
	counter atomic.Uint64
	buffers sync.Pool // *[]byte of bufferSize

	// slowSyncFS is set once syncfs proved slow or missing; it is then not
	// tried again.
	slowSyncFS atomic.Bool

	mu         sync.Mutex
	pretended  [][2]string         // renames that Pretend was told, in their order
	inbox      string              // directory of INBOX in Nested
	unfinished bool                // the last survey of the root saw what SweepRoot removes
	spellings  map[string]string   // directories that may be written in several ways, as the disk has them
	undoRoot   string              // settled by the first Discard
	undoMade   map[string]struct{} // undo folders known to exist
	undoTouch  map[string]struct{} // undo folders to sync
	tmpChecked map[string]struct{} // directories known to be real
	keywordsMu sync.Mutex          // held while a keyword file is rewritten
}

// Open returns the store of an existing Maildir root.
func Open(root string, o Options) (*Store, error) {
	s, err := newStore(root, o)
	if err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// Create makes a missing root, with its parents, and opens it.
func Create(root string, o Options) (*Store, error) {
	s, err := newStore(root, o)
	if err != nil {
		return nil, err
	}
	if err := s.mkdirAll(s.root); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, failedChange("create maildir "+s.root, "", mail.KindConfig, err)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

func newStore(root string, o Options) (*Store, error) {
	if root == "" {
		return nil, &mail.Error{Op: "open maildir", Kind: mail.KindConfig,
			Hint: "set maildir in the account's configuration", Err: errors.New("no path is given")}
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, failed("open maildir "+root, "", mail.KindConfig, err)
	}
	naming, err := NewNaming(o.Layout, o.UTF7, o.Separator, o.Folders)
	if err != nil {
		return nil, failed("open maildir "+root, "", mail.KindConfig, err)
	}
	s := &Store{
		root: abs, naming: naming, spellings: map[string]string{}, undo: o.Undo, sync: !o.NoFsync,
		fs: o.FS, now: o.Now, log: o.Logger, inbox: inbox, pid: cmp.Or(o.Process, os.Getpid()),
		undoMade: map[string]struct{}{}, undoTouch: map[string]struct{}{}, tmpChecked: map[string]struct{}{},
		user: uint32(os.Geteuid()),
	}
	if s.undo != "" {
		if s.undo, err = filepath.Abs(s.undo); err != nil {
			return nil, failed("find undo folder "+o.Undo, "", mail.KindConfig, err)
		}
	}
	if s.fs == nil {
		s.fs = OSFS{}
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.buffers.New = func() any { b := make([]byte, bufferSize); return &b }
	host := o.Host
	if host == "" {
		// Without a name nothing is lost: the random part is what makes a
		// file name unique.
		host, _ = os.Hostname()
	}
	s.host = escapeHost(cmp.Or(host, "localhost"))
	return s, nil
}

// check makes sure that the root is a directory that can be used. A missing
// one is more often a disk that is not mounted than mail that was deleted, so
// that is a brake and not an empty Maildir (SPEC §7).
func (s *Store) check() error {
	op := "open maildir " + s.root
	i, err := s.fs.Stat(s.root)
	if errors.Is(err, fs.ErrNotExist) {
		hint := "mount the disk that holds it, or correct maildir in the configuration"
		if l, lerr := s.fs.Lstat(s.root); lerr == nil && l.Mode&fs.ModeSymlink != 0 {
			err, hint = fmt.Errorf("a symbolic link that leads nowhere: %w", err), "mount the disk that it leads to, or correct the link"
		}
		return &mail.Error{Op: op, Kind: mail.KindBrake, Hint: hint, Err: err}
	}
	if err != nil {
		return failed(op, "", mail.KindConfig, err)
	}
	if !i.Mode.IsDir() {
		return &mail.Error{Op: op, Kind: mail.KindConfig,
			Hint: "name a directory as maildir in the configuration", Err: errors.New("is not a directory")}
	}
	s.owner.Store(i.Owner)
	names, err := s.fs.ReadDirNames(s.root)
	if err != nil {
		return failed(op, "", mail.KindConfig, err)
	}
	if err := s.fs.Writable(s.root); err != nil {
		return failedChange(op, "", mail.KindConfig, err)
	}
	if s.naming.layout == Nested {
		s.findInbox(names)
	}
	return nil
}

// rootGone explains why the root could not be looked at. It never returns nil,
// even when the root is back meanwhile: a nil here would read as a Maildir
// without a single folder.
func (s *Store) rootGone(err error) error {
	if why := s.check(); why != nil {
		return why
	}
	return failed("look at maildir "+s.root, "", mail.KindAccount, err)
}

// Root returns the absolute path of the root.
func (s *Store) Root() string { return s.root }

// Layout returns the layout with which the store was opened.
func (s *Store) Layout() Layout { return s.naming.layout }

// Naming returns how mailboxes are called on disk.
func (s *Store) Naming() Naming { return s.naming }

// mkdirAll makes dir and what is missing above it, each durably.
func (s *Store) mkdirAll(dir string) error {
	err := s.mkdir(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if parent == dir {
		return err
	}
	if err := s.mkdirAll(parent); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.mkdir(dir)
}

// mkdir makes one directory durably: a name that a crash takes away would
// take all mail below along.
func (s *Store) mkdir(dir string) error {
	if err := s.fs.Mkdir(dir, dirPerm); err != nil {
		return err
	}
	return s.syncDir(filepath.Dir(dir))
}

// syncDir makes the names in dir durable, unless the user chose otherwise.
func (s *Store) syncDir(dir string) error {
	if !s.sync {
		return nil
	}
	return s.fs.SyncDir(dir)
}

// writeFile replaces a file of ours durably: temporary file, fsync, rename by put,
// fsync of the directory.
func (s *Store) writeFile(name, tmp string, perm fs.FileMode, data []byte, put func(tmp, name string) error) (err error) {
	h, err := s.fs.Create(tmp, perm)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(s.fs.Remove(tmp)))
		}
	}()
	_, err = h.Write(data)
	if err == nil && s.sync {
		err = h.Sync()
	}
	if err = errors.Join(err, h.Close()); err != nil {
		return err
	}
	if err = put(tmp, name); err != nil {
		return err
	}
	return s.syncDir(filepath.Dir(name))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// parallel calls do for each of n items from a few goroutines and returns
// when all have returned. It calls do for every item, whatever happened to
// the others; do looks at ctx itself if it wants to.
func parallel(ctx context.Context, n, workers int, do func(ctx context.Context, i int)) {
	workers = min(workers, n)
	if workers <= 1 {
		for i := range n {
			do(ctx, i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(ctx, i)
			}
		})
	}
	wg.Wait()
}
