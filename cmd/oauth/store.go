package oauth

import (
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

	"github.com/google/renameio/v2"

	"satchel/cmd/keyring"
)

// keyringPatience is how long a keyring may take. A locked one asks the person
// at the screen.
const keyringPatience = 30 * time.Second

// errNoToken says that nobody has logged in yet.
var errNoToken = errors.New("there is no refresh token yet")

// store keeps one refresh token. The file wins where both exist: it is
// removed when a token goes to the keyring, which may be out of reach when one
// goes to the file.
type store struct {
	entry, file string
	private     func(path string) error // see Options
}

func (s store) load(ctx context.Context) (token string, inFile bool, err error) {
	data, err := s.read()
	if err == nil {
		if token = strings.TrimSpace(string(data)); token != "" {
			return token, true, nil
		}
		return "", true, errNoToken
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", true, err
	}
	ctx, cancel := context.WithTimeout(ctx, keyringPatience)
	defer cancel()
	token, err = keyring.Get(ctx, s.entry)
	switch {
	case errors.Is(err, keyring.ErrNotFound), err == nil && token == "":
		return "", false, errNoToken
	case err != nil:
		return "", false, fmt.Errorf("%w, and no keyring answers (%w)", errNoToken, err)
	}
	return token, false, nil
}

// read reads the file, and waits for nothing that may be there in its place.
func (s store) read() ([]byte, error) {
	f, err := os.OpenFile(s.file, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link", s.file)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", s.file)
	case info.Mode().Perm()&0o077 != 0:
		return nil, &openError{s.file}
	}
	if err := s.alone(); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxAnswer))
}

// alone makes the folder of the file, and refuses one that is not ours alone:
// whoever can write there can have satchel log in with another's token.
func (s store) alone() error {
	if s.private != nil {
		return s.private(s.file)
	}
	return os.MkdirAll(filepath.Dir(s.file), 0o700)
}

// openError is a file with a secret that others can read.
type openError struct{ path string }

func (e *openError) Error() string { return e.path + " can be read by others" }

// save keeps the token in the keyring or, when there is none or inFile says
// so, in the file. It returns where it is, for people.
func (s store) save(ctx context.Context, token string, inFile bool) (where string, err error) {
	kctx, cancel := context.WithTimeout(ctx, keyringPatience)
	defer cancel()
	if !inFile {
		if keyring.Set(kctx, s.entry, token) == nil {
			if err := os.Remove(s.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err // it would win
			}
			return "the keyring", nil
		}
	}
	if err := s.alone(); err != nil {
		return "", err
	}
	return s.file, renameio.WriteFile(s.file, []byte(token+"\n"), 0o600, renameio.WithStaticPermissions(0o600))
}

// forget removes an older token from the keyring, as far as it can be reached:
// the file wins anyway.
func (s store) forget(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, keyringPatience)
	defer cancel()
	_ = keyring.Delete(ctx, s.entry)
}
