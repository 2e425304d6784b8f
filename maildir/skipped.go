package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"satchel/sync/mail"
)

// Skipped is a directory that Survey could not take for a mailbox.
type Skipped struct {
	Path string
	// Rel is where it is below the root, as it stands on disk.
	Rel string
	// Name is the mailbox that it would be, "" when its name cannot be
	// decoded. Nothing is known of that mailbox or of those below it: they
	// must not be taken for removed.
	Name string
	Odd  Odd
	Err  error // why, and what to do
}

// Odd says what a directory is that was left out, and so what may be in it.
type Odd uint8

// What a directory that was left out is.
const (
	// Unseen is a directory that cannot be read now. Anything may be in it.
	Unseen Odd = iota
	// Alias is a link to a directory that is surveyed under its own name.
	Alias
	// Nowhere is a link that is not followed: it leads nowhere, as one to a disk
	// that is not mounted, or to what is not our user's.
	Nowhere
	// Closed is a directory of another user that we may not open: lost+found.
	Closed
	// Unnamed is a directory that can be read, but whose name no mailbox has.
	Unnamed
)

func (w *walk) skip(path, folder string, odd Odd, err error) {
	rel, rerr := filepath.Rel(w.s.root, path)
	if rerr != nil {
		rel = path
	}
	sk := Skipped{Path: path, Rel: filepath.ToSlash(rel), Odd: odd, Err: err}
	if folder != "" {
		sk.Name, _ = w.s.naming.mailboxOf(folder) // none: it is no mailbox's
	}
	w.skipped = append(w.skipped, sk)
	if folder == "" {
		return
	}
	for _, p := range w.s.naming.folders { // what is below it by its folder alone
		if p[0] != sk.Name && mail.Within(p[1], folder) {
			below := sk
			below.Name = p[0]
			w.skipped = append(w.skipped, below)
		}
	}
}

// unseen tells a directory that cannot be read now from one that is closed to us.
func (w *walk) unseen(path, name string, info Info, err error) {
	if errors.Is(err, fs.ErrPermission) && !w.s.ours(info) {
		w.skip(path, name, Closed, failed("look at the folder", name, mail.KindMailbox, fmt.Errorf("%s %w and may not be opened", path, ErrForeign)))
		return
	}
	w.skip(path, name, Unseen, failed("look at the folder", name, mail.KindMailbox, err))
}

// unnamed leaves out a directory whose name is not that of a mailbox, or of which
// it is not known whether it is that folder, and reports whether it is one.
func (w *walk) unnamed(path, folder string, why error) bool {
	i, err := w.s.fs.Stat(path)
	if folder != "" && !isMissing(err) && (err != nil || i.Mode.IsDir()) {
		w.skip(path, folder, Unseen, failed("look at the folder", folder, mail.KindMailbox, why))
		return true
	}
	if err != nil || !i.Mode.IsDir() {
		return false
	}
	w.skip(path, "", Unnamed, &mail.Error{Op: "name the mailbox in " + path, Kind: mail.KindMailbox, Err: why, Hint: "rename the directory"})
	return true
}

// Stray is a file in a directory that is no mailbox which is synced.
type Stray struct {
	File File // as far as the directory is a folder; Folder is "" otherwise
	path string
}

// Strays lists the files in cur and new of a directory that is not synced. One
// without these has none.
func (s *Store) Strays(ctx context.Context, dir, folder string) ([]Stray, error) {
	var list []Stray
	for _, sub := range []string{"new", "cur"} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d := filepath.Join(dir, sub)
		if i, err := s.fs.Lstat(d); errors.Is(err, fs.ErrNotExist) || err == nil && !i.Mode.IsDir() {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("look at %s: %w", d, err)
		}
		names, err := s.fs.ReadDirNames(d)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", d, err)
		}
		for _, n := range names {
			if !strings.HasPrefix(n, ".") {
				list = append(list, Stray{File{Folder: folder, New: sub == "new", Name: n}, filepath.Join(d, n)})
			}
		}
	}
	return list, nil
}

// StraySize returns the size on disk of a file that Strays listed; ok is false
// when it is no message, or not there any more.
func (s *Store) StraySize(f Stray) (size int64, ok bool) {
	i, err := s.fs.Lstat(f.path)
	return i.Size, err == nil && s.notRead(i) == nil
}
