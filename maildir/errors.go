package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"satchel/sync/mail"
)

// failed wraps err for the caller: op says what was attempted, kind how much
// is unusable unless the cause says that it is more.
func failed(op, folder string, kind mail.Kind, err error) error {
	e := &mail.Error{Op: op, Mailbox: folder, Kind: kind, Err: err}
	switch {
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
