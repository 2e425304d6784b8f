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
	"slices"
	"strconv"
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

// owners are those who may own what we obey.
type owners struct {
	us int
	// unmapped is what the owners look like that have no number in our user
	// namespace, where root is often one of them (a unit with PrivateUsers, a
	// container without root); -1: all have one.
	unmapped int
}

// trusted refuses a file that others than we and root own or can write, and one
// in a folder in which others can put another in its place. Links are followed,
// and each folder on the way has to be as safe as the last.
func trusted(path string) error {
	return owners{us: os.Geteuid(), unmapped: overflowUID("/proc")}.trust(path)
}

func (o owners) trust(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	at, rest, links := "/", strings.Split(path, "/"), 0
	shared := false // others can add names to the folder at
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if err := o.alone(next, info); err != nil {
				return err
			}
			at, shared = next, writable(info)
			continue
		}
		// A link in a folder that is safe is as safe as what it leads to, if it is
		// ours; in a sticky folder anybody may have made it.
		if !o.ours(info) && (shared || !o.has(info, o.unmapped)) {
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
			at, shared = "/", false
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return nil
}

// alone refuses what others own or can write. In a sticky folder others can add
// names, and neither remove nor rename what is ours.
func (o owners) alone(path string, info fs.FileInfo) error {
	open := writable(info)
	mine := o.ours(info) || !open && o.has(info, o.unmapped)
	if info.IsDir() && info.Mode()&fs.ModeSticky != 0 {
		open = false
	}
	switch {
	case !mine:
		return refuse(path, "belongs to another user, who could change it",
			"have a look at it, and make it yours: sudo chown \"$(id -un)\" "+mail.ShellWord(path))
	case open && info.IsDir():
		return refuse(path, "can be written to by others, who could put another file in its place", "chmod go-w "+mail.ShellWord(path))
	case open:
		return refuse(path, "can be written to by others", "have a look at it, and then: chmod go-w "+mail.ShellWord(path))
	}
	return nil
}

// writable reports whether the group or others can write to something.
func writable(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }

// ours reports whether something belongs to us, or to root, who can do anything
// anyway.
func (o owners) ours(info fs.FileInfo) bool { return o.has(info, 0) || o.has(info, o.us) }

func (owners) has(info fs.FileInfo, uid int) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == uid
}

// overflowUID is what owners without a number look like in this user namespace;
// -1 where each has one (user_namespaces(7)).
func overflowUID(proc string) int {
	mapped, err := os.ReadFile(filepath.Join(proc, "self", "uid_map"))
	if err != nil || slices.Equal(strings.Fields(string(mapped)), []string{"0", "0", "4294967295"}) {
		return -1
	}
	text, err := os.ReadFile(filepath.Join(proc, "sys", "kernel", "overflowuid"))
	if err != nil {
		return -1
	}
	uid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return -1
	}
	return uid
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
