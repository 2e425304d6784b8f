package config

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"satchel/sync/mail"
)

// A configuration names commands that satchel runs, and the host that gets the
// password: whoever can write it can do what its user can. So it is read only
// when nobody else can write it or put another one in its place.

// maxLinks is how many symbolic links a path may have; more are a loop.
const maxLinks = 40

// trusted refuses a file that others than we and root own or can write, and one
// in a folder in which others can put another in its place. Links are followed,
// and each folder on the way has to be as safe as the last.
func trusted(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	at, rest, links := "/", strings.Split(path, "/"), 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if err := alone(next, info); err != nil {
				return err
			}
			at = next
			continue
		}
		// A link in a folder that is safe is as safe as what it leads to, if it is
		// ours; in a sticky folder anybody may have made it.
		if !ownedByUs(info) {
			return refuse(next, "is a link that belongs to another user", "move it away")
		}
		if links++; links > maxLinks {
			return &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return nil
}

// alone refuses what others own or can write. In a sticky folder others can add
// names, and neither remove nor rename what is ours.
func alone(path string, info fs.FileInfo) error {
	open := info.Mode().Perm()&0o022 != 0
	if info.IsDir() && info.Mode()&fs.ModeSticky != 0 {
		open = false
	}
	switch {
	case !ownedByUs(info):
		return refuse(path, "belongs to another user, who could change it",
			"have a look at it, and make it yours: sudo chown \"$(id -un)\" "+mail.ShellWord(path))
	case open && info.IsDir():
		return refuse(path, "can be written to by others, who could put another file in its place", "chmod go-w "+mail.ShellWord(path))
	case open:
		return refuse(path, "can be written to by others", "have a look at it, and then: chmod go-w "+mail.ShellWord(path))
	}
	return nil
}

// ownedByUs reports whether something belongs to us, or to root, who can do
// anything anyway.
func ownedByUs(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Geteuid())
}

func refuse(path, why, hint string) error {
	return &mail.Error{Op: "use " + path, Kind: mail.KindConfig, Err: errors.New("it " + why), Hint: hint}
}

// openNow opens a file and waits for nothing, be it a fifo.
func openNow(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// readRegular reads a whole file of at most limit bytes.
func readRegular(path string, limit int64) ([]byte, fs.FileInfo, error) {
	f, info, err := openNow(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // only read
	switch {
	case info.IsDir():
		return nil, nil, fmt.Errorf("%s is a directory", path)
	case !info.Mode().IsRegular():
		return nil, nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > limit:
		return nil, nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return data, info, err
}

// maxSecret bounds the first line of whatever gives a password or a token.
const maxSecret = 64 << 10

// readLine reads the first line of a file, which may be a pipe, and waits for it
// no longer than ctx.
func readLine(ctx context.Context, path string) (string, error) {
	f, _, err := openNow(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := bufio.NewReaderSize(io.LimitReader(f, maxSecret), 4096).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%s gave no line: %w", path, context.Cause(ctx))
	}
	if err == nil && len(line) == maxSecret && !strings.HasSuffix(line, "\n") {
		err = fmt.Errorf("%s has a first line of more than %d bytes", path, maxSecret)
	}
	return firstLine(line), err
}
