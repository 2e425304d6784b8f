package sync

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"satchel/state"
	"satchel/sync/mail"
)

// lock takes the account's lock, or says at once who holds it. The kernel
// drops the lock with its process, so a crash leaves none behind; what the
// file says is for people only.
func lock(path string) (unlock func(), err error) {
	if err := state.Private(path); err != nil {
		return nil, noLock("use the state folder", path, err)
	}
	l := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDONLY|noFollow), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, noLock("lock "+path, path, err)
	}
	if !ok {
		owner, readErr := os.ReadFile(path) // a regular file, which is ours
		who := strings.TrimSpace(string(owner))
		if readErr != nil || who == "" {
			who = "another process"
		}
		if i, err := os.Stat(path); err == nil {
			who += fmt.Sprintf(", for %s", time.Since(i.ModTime()).Round(time.Second))
		}
		return nil, &mail.Error{Op: "lock the account", Kind: mail.KindBusy,
			Err: fmt.Errorf("held by %s", who), Hint: "wait until it is done"}
	}
	note := fmt.Sprintf("process %d since %s\n", os.Getpid(), time.Now().Format(time.RFC3339))
	if err := writeNote(path, note); err != nil {
		return nil, noLock("lock the account", path, errors.Join(err, l.Unlock()))
	}
	return func() { _ = l.Unlock() }, nil
}

// noFollow has open(2) fail at a link, and not wait at a fifo.
const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

func writeNote(path, note string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC|noFollow, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(note)
	return errors.Join(err, f.Close())
}

// noLock says why there is no lock. A full disk is no mistake in the
// configuration, and passes.
func noLock(op, path string, err error) error {
	var refused *mail.Error
	if errors.As(err, &refused) {
		return err
	}
	e := &mail.Error{Op: op, Kind: mail.KindConfig, Err: err, Hint: "the folder of the state must be writable: " + filepath.Dir(path)}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		e.Kind, e.Hint = mail.KindAccount, "make room and sync again; nothing was lost"
	}
	return e
}
