package maildir

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"
)

const (
	// settleFine is how old a directory's mtime must be before it can stand
	// for the directory's content. The kernel stamps changes with a clock
	// that ticks every 1 to 10 ms, so two changes can carry the same time;
	// twice the slowest tick is safe.
	settleFine = 20 * time.Millisecond
	// settleCoarse is the same for a file system that keeps whole seconds
	// (or, like FAT, every other one).
	settleCoarse = 2 * time.Second
)

// Stamp tells whether a folder may have changed: the modification times of
// its directories, in nanoseconds since 1970. Zero is absent or not to be
// trusted, and never equals another stamp's zero.
//
// Adding, removing or renaming an entry changes the time of its directory.
// Editing dovecot-keywords in place does not; programs replace it.
type Stamp struct {
	Dir, Cur, New int64
	Inode         uint64 // of the folder's directory
}

// Unchanged reports whether the messages and the table of keywords at stamp known are
// exactly those at s.
func (s Stamp) Unchanged(known Stamp) bool {
	return s.Dir != 0 && s.Cur != 0 && s.New != 0 && s == known
}

// settled returns mtime when it is old enough at the time now to be trusted,
// and 0 otherwise. A time in the future, as a server with a wrong clock gives
// out, is not trusted until now has passed it.
func settled(mtime int64, now time.Time) int64 {
	wait := settleFine
	if mtime%int64(time.Second) == 0 {
		wait = settleCoarse
	}
	if now.UnixNano()-mtime < int64(wait) {
		return 0
	}
	return mtime
}

func (s Stamp) settle(now time.Time) Stamp {
	s.Dir, s.Cur, s.New = settled(s.Dir, now), settled(s.Cur, now), settled(s.New, now)
	return s
}

// stamp reads the times of a folder whose directory is described by info. cur
// and isNew report which of its two directories exist.
func (s *Store) stamp(dir string, info Info) (st Stamp, cur, isNew bool, err error) {
	st = Stamp{Dir: info.ModTime, Inode: info.Inode}
	for _, sub := range [...]struct {
		name  string
		mtime *int64
		there *bool
	}{{"cur", &st.Cur, &cur}, {"new", &st.New, &isNew}} {
		path := filepath.Join(dir, sub.name)
		i, err := s.fs.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return Stamp{}, false, false, err
		case i.Mode&fs.ModeSymlink != 0:
			return Stamp{}, false, false, notDirectory(path, i)
		case i.Mode.IsDir():
			*sub.mtime, *sub.there = i.ModTime, true
		}
	}
	return st, cur, isNew, nil
}
