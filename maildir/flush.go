package maildir

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"satchel/sync/mail"
)

const (
	// syncWorkers is where more goroutines stop to help: 8 reach what the
	// disk's queue gives, 16 measured the same.
	syncWorkers = 8
	// syncFSBatch is from how many messages on one syncfs is cheaper than an
	// fsync of each.
	syncFSBatch = 64
	// syncFSLimit is how long syncfs may take before it is given up for
	// good: it waits for other programs' data, too.
	syncFSLimit = 2 * time.Second
)

// Flush makes the content of spooled messages durable, which Publish insists
// on. After an error the messages that did reach the disk can be published;
// Publish refuses the others.
func (s *Store) Flush(ctx context.Context, items []*Spooled) error {
	byDevice := map[uint64][]*Spooled{}
	for _, sp := range items {
		switch {
		case sp == nil || sp.path == "" || sp.durable:
		case !s.sync:
			sp.durable = true
		default:
			byDevice[sp.device] = append(byDevice[sp.device], sp)
		}
	}
	var rest []*Spooled
	for _, batch := range byDevice {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(batch) < syncFSBatch || !s.syncFS(batch[0].tmp) {
			rest = append(rest, batch...)
			continue
		}
		for _, sp := range batch {
			sp.durable = true
		}
	}
	errs := make([]error, len(rest))
	parallel(ctx, len(rest), syncWorkers, func(ctx context.Context, i int) {
		if errs[i] = ctx.Err(); errs[i] == nil {
			errs[i] = s.syncFile(rest[i].path)
			rest[i].durable = errs[i] == nil
		}
		if errs[i] != nil && ctx.Err() == nil {
			errs[i] = failedChange("sync a message to the disk in", rest[i].Folder, mail.KindMailbox, errs[i])
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// syncFS reports whether the whole file system reached the disk in one go.
// When it did not, each file is synced by itself, and that says which failed.
func (s *Store) syncFS(dir string) bool {
	if s.slowSyncFS.Load() {
		return false
	}
	start := time.Now() // not s.now: how long it takes is no matter of the calendar
	err := s.fs.SyncFS(dir)
	if took := time.Since(start); errors.Is(err, errors.ErrUnsupported) || took > syncFSLimit {
		s.slowSyncFS.Store(true)
		s.log.Debug("syncing single files instead of the file system", "op", "flush", "took", took, "err", err)
	}
	return err == nil
}

func (s *Store) syncFile(path string) error {
	h, err := s.fs.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(h.Sync(), h.Close())
}

// SyncFolders makes the names in cur and new of each folder durable, after
// those in the undo folders used so far: a removed file must have its new name
// before it loses the old one.
func (s *Store) SyncFolders(ctx context.Context, folders ...string) error {
	if !s.sync {
		return nil
	}
	if err := s.syncUndo(ctx); err != nil {
		return err
	}
	var dirs []string
	names := map[string]string{}
	for _, f := range folders {
		dir, err := s.Dir(f)
		if err != nil {
			return err
		}
		for _, sub := range []string{"cur", "new"} {
			d := filepath.Join(dir, sub)
			if _, ok := names[d]; !ok {
				names[d] = f
				dirs = append(dirs, d)
			}
		}
	}
	errs := s.syncDirs(ctx, dirs)
	for i, err := range errs {
		if err != nil {
			errs[i] = failed("sync the folder", names[dirs[i]], mail.KindMailbox, err)
		}
	}
	return errors.Join(errs...)
}

// syncDirs syncs directories side by side; errors stand where their
// directories do.
func (s *Store) syncDirs(ctx context.Context, dirs []string) []error {
	errs := make([]error, len(dirs))
	parallel(ctx, len(dirs), syncWorkers, func(ctx context.Context, i int) {
		if errs[i] = ctx.Err(); errs[i] == nil {
			errs[i] = s.syncDir(dirs[i])
		}
	})
	return errs
}

func (s *Store) syncUndo(ctx context.Context) error {
	s.mu.Lock()
	dirs := make([]string, 0, len(s.undoTouch))
	for d := range s.undoTouch {
		dirs = append(dirs, d)
	}
	clear(s.undoTouch)
	s.mu.Unlock()
	slices.Sort(dirs)
	errs := s.syncDirs(ctx, dirs)
	for i, err := range errs {
		if err != nil {
			s.touchUndo(dirs[i]) // still to be done
			errs[i] = fmt.Errorf("sync the undo folder %s: %w", dirs[i], err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return failed("sync removed messages", "", mail.KindAccount, err)
	}
	return nil
}

func (s *Store) touchUndo(dir string) {
	s.mu.Lock()
	s.undoTouch[dir] = struct{}{}
	s.mu.Unlock()
}
