package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"satchel/sync/mail"
)

// Whoever can write to the state folder can have satchel remove and send what
// they like, and with a link in it write where they like. So it is used only
// when it is ours alone.

// Private makes the folder of path when it is missing, and refuses one that
// another user owns or can write to, and a file at path that is a link or not
// ours. A folder that is a link of our own is fine: only we can change it.
func Private(path string) error {
	dir := filepath.Dir(path)
	link, err := os.Lstat(dir)
	if err != nil {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if link, err = os.Lstat(dir); err != nil {
			return err
		}
	}
	fi := link
	if !link.IsDir() {
		if fi, err = os.Stat(dir); err != nil {
			return err
		}
		if !fi.IsDir() {
			return &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
		}
	}
	if !owned(link) || !owned(fi) {
		return refuse(dir, "belongs to another user", "set XDG_STATE_HOME to a folder of your own")
	}
	if fi.Mode().Perm()&0o022 != 0 {
		return refuse(dir, "can be written to by others", "chmod go-w "+mail.ShellWord(dir))
	}
	return ownFile(path)
}

// ownFile refuses what is in the way of a file of ours.
func ownFile(path string) error {
	var st syscall.Stat_t
	err := syscall.Lstat(path, &st)
	switch kind := st.Mode & syscall.S_IFMT; {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &fs.PathError{Op: "lstat", Path: path, Err: err}
	case kind == syscall.S_IFLNK:
		return refuse(path, "is a symbolic link", "move it away")
	case kind != syscall.S_IFREG:
		return refuse(path, "is not a regular file", "move it away")
	case int(st.Uid) != os.Geteuid():
		return refuse(path, "belongs to another user", "move it away")
	}
	return nil
}

func owned(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

func refuse(path, why, hint string) error {
	return &mail.Error{Op: "use " + path, Kind: mail.KindConfig, Err: fmt.Errorf("it %s", why), Hint: hint}
}
