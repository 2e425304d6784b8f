package maildir

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"satchel/sync/mail"
)

// tmpAge is after how long the Maildir convention gives up a file in tmp.
const tmpAge = 36 * time.Hour

// SweepTmp removes what an interrupted satchel left in tmp of a folder: files
// that NewBase named on this host before a time at which the caller alone
// was at work, and on any host more than 36 hours ago. Files of other programs
// stay.
func (s *Store) SweepTmp(ctx context.Context, folder string, before time.Time) error {
	dir, err := s.Dir(folder)
	if err != nil {
		return err
	}
	tmp, err := s.fs.OpenDir(filepath.Join(dir, "tmp"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var names []string
	if err == nil {
		defer func() { _ = tmp.Close() }() // only read
		names, err = tmp.Names()
	}
	if err != nil {
		return failed("sweep tmp of", folder, mail.KindMailbox, err)
	}
	var errs []error
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !s.stale(n) && !s.leftBefore(n, before) {
			continue
		}
		if err := ignoreMissing(tmp.Remove(n)); err != nil {
			errs = append(errs, failedChange("sweep tmp of", folder, mail.KindMailbox, err))
		}
	}
	return errors.Join(errs...)
}

// stale reports whether NewBase made the name long ago.
func (s *Store) stale(base string) bool {
	t, ok := madeAt(base)
	return ok && s.now().Sub(t) > tmpAge
}

// leftBefore reports whether NewBase made the name on this host before t.
func (s *Store) leftBefore(base string, t time.Time) bool {
	made, ok := madeAt(base)
	return ok && made.Before(t) && strings.HasSuffix(base, "."+s.host)
}

// findUnfinished notes whether the root holds what SweepRoot removes.
func (s *Store) findUnfinished(names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unfinished = slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, buildPrefix) })
}

// Unfinished reports whether the root, when it was last read, held something that
// an interrupted run had begun to make there.
func (s *Store) Unfinished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unfinished
}

// SweepRoot removes folders that an interrupted CreateFolder left unfinished in
// the root, and temporary files of SetID. Both are empty of mail; before is as for
// SweepTmp. What cannot be removed is left to the next time.
func (s *Store) SweepRoot(before time.Time) {
	names, err := s.fs.ReadDirNames(s.root)
	if err != nil {
		return // whoever needs the root will say so
	}
	for _, n := range names {
		base, ok := strings.CutPrefix(n, buildPrefix)
		if !ok || !s.stale(base) && !s.leftBefore(base, before) {
			continue
		}
		p := filepath.Join(s.root, n)
		if i, err := s.fs.Lstat(p); err == nil && !i.Mode.IsDir() {
			_ = s.fs.Remove(p)
			continue
		}
		for _, sub := range []string{"cur", "new", "tmp", ""} {
			_ = s.fs.Rmdir(filepath.Join(p, sub))
		}
	}
}
