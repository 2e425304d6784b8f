package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"satchel/sync/mail"
)

// What has the name of a message, or of a file of ours, and is not read.
var (
	ErrNotRegular = errors.New("is not a regular file")
	ErrLink       = errors.New("is a symbolic link")
	// ErrForeign: it belongs neither to the user who runs satchel nor to the
	// owner of the Maildir's root.
	ErrForeign = errors.New("belongs to another user")
)

// irregular says what keeps a file of this mode from being read.
func irregular(mode fs.FileMode) error {
	switch {
	case mode&fs.ModeSymlink != 0:
		return ErrLink
	case !mode.IsRegular():
		return ErrNotRegular
	}
	return nil
}

// ours reports whether a file belongs to the user who runs satchel or to the
// owner of the Maildir's root: some network file systems show one and the same
// other user for everything.
func (s *Store) ours(i Info) bool { return i.Owner == s.user || i.Owner == s.owner.Load() }

// notRead says what keeps a file from being read as a message.
func (s *Store) notRead(i Info) error {
	if err := irregular(i.Mode); err != nil {
		return err
	}
	if !s.ours(i) {
		return fmt.Errorf("%w (user id %d)", ErrForeign, i.Owner)
	}
	return nil
}

// failed wraps err for the caller: op says what was attempted, kind how much
// is unusable unless the cause says that it is more.
func failed(op, folder string, kind mail.Kind, err error) error {
	e := &mail.Error{Op: op, Mailbox: folder, Kind: kind, Err: err}
	switch {
	case errors.Is(err, ErrLink):
		e.Hint = "put what it leads to in its place, or move it out of the Maildir, or exclude the mailbox"
	case errors.Is(err, ErrNotRegular):
		e.Hint = "move it out of the Maildir"
	case errors.Is(err, ErrForeign):
		e.Hint = "give it to the owner of the Maildir (chown), move it out of the Maildir, or exclude the mailbox"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Kind = max(kind, mail.KindAccount)
		e.Hint = "make room on the disk that holds the Maildir, then run satchel again; nothing was lost"
	case errors.Is(err, syscall.EROFS):
		e.Kind = max(kind, mail.KindAccount)
		e.Hint = "the file system is mounted read-only; mount it for writing, then run satchel again"
	case errors.Is(err, fs.ErrPermission):
		e.Kind = max(kind, mail.KindMailbox)
		e.Hint = "give the user who runs satchel the right to read and write the path named above (chown, chmod u+rwX)"
	case errors.Is(err, syscall.EIO):
		e.Kind = max(kind, mail.KindAccount)
		e.Hint = "the disk reports errors; look at the system log and save what can be saved"
	}
	return e
}

// readOnly marks the failure of a change, so that callers can tell a folder
// that may not be changed from one that cannot be read.
func readOnly(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w: %w", mail.ErrReadOnly, err)
	}
	return err
}

// failedChange is failed for an attempt to change something.
func failedChange(op, folder string, kind mail.Kind, err error) error {
	return failed(op, folder, kind, readOnly(err))
}
