package maildir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"satchel/sync/mail"
)

// Rename changes flags, or moves a message to another folder. It never
// replaces a file (ErrExists), and returns ErrGone when nothing is there
// under exactly from's name: somebody renamed it first, and what they meant
// counts. SyncFolders makes it durable.
func (s *Store) Rename(ctx context.Context, from, to File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	src, err := s.path(from)
	if err != nil {
		return err
	}
	dst, err := s.path(to)
	if err != nil {
		return err
	}
	op := fmt.Sprintf("rename %s to %s in", from, to.Name)
	if from.Folder != to.Folder {
		op = fmt.Sprintf("move %s to %s from", from, to)
	}
	if src == dst {
		if _, err := s.fs.Lstat(src); err != nil {
			return s.moveFailed(op, from, src, err)
		}
		return nil
	}
	err = s.fs.RenameNoReplace(src, dst)
	if errors.Is(err, syscall.EXDEV) {
		// Folders may be symbolic links to other disks.
		err = s.moveAcross(ctx, src, dst, s.tmpFor(dst))
	}
	return s.moveFailed(op, from, src, err)
}

// moveFailed turns the error of a rename or copy of src into what callers act
// on; nil stays nil.
func (s *Store) moveFailed(op string, from File, src string, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, mail.ErrGone):
		return fmt.Errorf("%s %s: %w", op, from.Folder, mail.ErrGone)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s %s: %w", op, from.Folder, mail.ErrExists)
	case errors.Is(err, fs.ErrNotExist):
		// Either the file or the directory it was to go to.
		if _, lerr := s.fs.Lstat(src); errors.Is(lerr, fs.ErrNotExist) {
			return fmt.Errorf("%s %s: %w", op, from.Folder, mail.ErrGone)
		}
		return failedChange(op, from.Folder, mail.KindMailbox, err)
	}
	return failedChange(op, from.Folder, mail.KindMessage, err)
}

// tmpFor returns a new name in tmp of the folder in whose cur or new dst is.
func (s *Store) tmpFor(dst string) string {
	return filepath.Join(filepath.Dir(filepath.Dir(dst)), "tmp", s.NewBase())
}

// Copy gives a message a second name: a hard link, or a copy where links are
// not possible. It never replaces a file. SyncFolders makes it durable.
func (s *Store) Copy(ctx context.Context, from, to File) error { return s.copy(ctx, from, to, true) }

// CopyApart makes a copy of a file that somebody may still be writing: what is
// written later does not come to the copy.
func (s *Store) CopyApart(ctx context.Context, from, to File) error {
	return s.copy(ctx, from, to, false)
}

func (s *Store) copy(ctx context.Context, from, to File, link bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	src, err := s.path(from)
	if err != nil {
		return err
	}
	dst, err := s.path(to)
	if err != nil {
		return err
	}
	op := fmt.Sprintf("copy %s to %s from", from, to)
	i, err := s.fs.Lstat(src)
	if err != nil {
		return s.moveFailed(op, from, src, err)
	}
	if odd := s.notRead(i); odd != nil {
		return s.moveFailed(op, from, src, fmt.Errorf("%s %w", src, odd))
	}
	if link {
		err = s.fs.Link(src, dst)
	}
	if !link || cannotLink(err) {
		err = s.copyFile(ctx, src, dst, s.tmpFor(dst), s.sync)
	}
	return s.moveFailed(op, from, src, err)
}

// cannotLink reports whether err says that a hard link is impossible, not
// that something is wrong. EPERM is what disks without links answer, and
// Linux for files of other users; a copy that may not be made fails again.
func cannotLink(err error) bool {
	for _, no := range []error{syscall.EXDEV, syscall.EPERM, syscall.EMLINK, syscall.EOPNOTSUPP, syscall.ENOTSUP, syscall.ENOSYS} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// copyFile copies src to dst by way of tmp, which is in the file system of
// dst, with its modification time and without replacing anything.
func (s *Store) copyFile(ctx context.Context, src, dst, tmp string, durable bool) (err error) {
	in, err := s.fs.Open(src)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	i, err := in.Info()
	if err != nil {
		return err
	}
	if err := s.checkTmp(filepath.Dir(tmp)); err != nil {
		return err
	}
	out, err := s.fs.Create(tmp, filePerm)
	if errors.Is(err, fs.ErrNotExist) {
		if err := ignoreExisting(s.fs.Mkdir(filepath.Dir(tmp), dirPerm)); err != nil {
			return err
		}
		out, err = s.fs.Create(tmp, filePerm)
	}
	if err != nil {
		if errors.Is(err, fs.ErrExist) { // of tmp, not of dst
			err = fmt.Errorf("a temporary name was taken: %s", tmp)
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(s.fs.Remove(tmp)))
		}
	}()
	n, err := s.copyBytes(ctx, out, in)
	if err == nil && n != i.Size {
		err = fmt.Errorf("%s had %d bytes and %d could be read", src, i.Size, n)
	}
	if err == nil && durable {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err = s.fs.Chtimes(tmp, time.Unix(0, i.ModTime)); err != nil {
		return err
	}
	return s.fs.RenameNoReplace(tmp, dst)
}

func ignoreExisting(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func (s *Store) copyBytes(ctx context.Context, w io.Writer, r io.Reader) (total int64, err error) {
	buf := s.buffer()
	defer s.release(buf)
	for {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, err := r.Read(*buf)
		if n > 0 {
			if _, err := w.Write((*buf)[:n]); err != nil {
				return total, err
			}
			total += int64(n)
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// moveAcross moves a file to another file system. The old name goes only
// when the copy and its name are on the disk, with or without NoFsync, and
// when the old name still means what was copied.
func (s *Store) moveAcross(ctx context.Context, src, dst, tmp string) error {
	before, err := s.fs.Lstat(src)
	if err != nil {
		return err
	}
	if err := s.copyFile(ctx, src, dst, tmp, true); err != nil {
		return err
	}
	if err := s.fs.SyncDir(filepath.Dir(dst)); err != nil {
		return err
	}
	after, err := s.fs.Lstat(src)
	if err == nil && after != before {
		err = mail.ErrGone
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(s.fs.Remove(dst)))
	}
	return s.fs.Remove(src)
}

// SetDate makes d the date of a message.
func (s *Store) SetDate(f File, d mail.Date) error {
	path, err := s.path(f)
	if err != nil {
		return err
	}
	return s.moveFailed("set the date of "+f.String()+" in", f, path, s.fs.Chtimes(path, d.Time()))
}
