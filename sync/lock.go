package sync

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"satchel/sync/mail"
)

// lock takes the account's lock, or says at once who holds it. The kernel
// drops the lock with its process, so a crash leaves none behind; what the
// file says is for people only.
func lock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, &mail.Error{Op: "make the state folder", Kind: mail.KindConfig, Err: err}
	}
	l := flock.New(path, flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, &mail.Error{Op: "lock " + path, Kind: mail.KindConfig, Err: err}
	}
	if !ok {
		owner, readErr := os.ReadFile(path)
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
	if err := os.WriteFile(path, []byte(note), 0o600); err != nil {
		return nil, &mail.Error{Op: "lock the account", Kind: mail.KindConfig, Err: errors.Join(err, l.Unlock()),
			Hint: "the folder of the state must be writable, with some room: " + filepath.Dir(path)}
	}
	return func() { _ = l.Unlock() }, nil
}
