//go:build unix && !linux

package maildir

import "errors"

// renameNoReplace has no portable form; the caller links and unlinks.
func renameNoReplace(_, _ string) error { return errors.ErrUnsupported }

// syncFS has no portable form that waits for the disk.
func syncFS(string) error { return errors.ErrUnsupported }
