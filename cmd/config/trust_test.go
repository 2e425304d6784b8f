package config_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"satchel/cmd/config"
	"satchel/sync/mail"
)

// TestWhoseConfiguration: one that others can write, or put in the place of
// ours, is not obeyed; and what to do about it is said.
func TestWhoseConfiguration(t *testing.T) {
	const other = 12345
	for name, x := range map[string]struct {
		plant      func(dir, file string) error
		says, hint string // empty: it is fine
	}{
		"ours":                 {func(_, file string) error { return os.Chmod(file, 0o644) }, "", ""},
		"the group can write":  {func(_, file string) error { return os.Chmod(file, 0o664) }, "written to by others", "chmod go-w FILE"},
		"all can write":        {func(_, file string) error { return os.Chmod(file, 0o602) }, "written to by others", "chmod go-w FILE"},
		"another's":            {func(_, file string) error { return os.Chown(file, other, -1) }, "belongs to another user", "chown"},
		"root's":               {func(_, file string) error { return os.Chown(file, 0, other) }, "", ""},
		"folder for all":       {func(dir, _ string) error { return os.Chmod(dir, 0o777) }, "put another file in its place", "chmod go-w DIR"},
		"folder for the group": {func(dir, _ string) error { return os.Chmod(dir, 0o770) }, "put another file in its place", "chmod go-w DIR"},
		"sticky folder":        {func(dir, _ string) error { return os.Chmod(dir, 0o777|os.ModeSticky) }, "", ""},
		"another's folder":     {func(dir, _ string) error { return os.Chown(dir, other, -1) }, "belongs to another user", "chown"},
		"the folder above":     {func(dir, _ string) error { return os.Chmod(filepath.Dir(dir), 0o777) }, "put another file in its place", "chmod go-w ABOVE"},
		"a link of ours":       {func(_, file string) error { return moved(file, "real.toml") }, "", ""},
		"a link to another's": {func(_, file string) error {
			return errors.Join(moved(file, "real.toml"), os.Chown(file+".d/real.toml", other, -1))
		}, "belongs to another user", "chown"},
		"a link of another's":     {func(_, file string) error { return errors.Join(moved(file, "real.toml"), os.Lchown(file, other, -1)) }, "link that belongs to another user", "move it away"},
		"a link to a folder open": {func(_, file string) error { return errors.Join(moved(file, "real.toml"), os.Chmod(file+".d", 0o777)) }, "put another file in its place", "chmod go-w FILE.d"},
		"links in a circle":       {func(_, file string) error { return errors.Join(os.Remove(file), os.Symlink(file, file)) }, "too many levels", "--config"},
	} {
		t.Run(name, func(t *testing.T) {
			if os.Geteuid() != 0 && (strings.Contains(name, "another") || strings.Contains(name, "root")) {
				t.Skip("only root can give files away")
			}
			above := filepath.Join(t.TempDir(), "above")
			dir := filepath.Join(above, "satchel")
			file := filepath.Join(dir, "config.toml")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, file, minimal, 0o600)
			if err := x.plant(dir, file); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(file, testEnv())
			if x.says == "" {
				if err != nil {
					t.Errorf("%v (%s)", err, mail.HintOf(err))
				}
				return
			}
			hint := strings.NewReplacer("FILE", file, "DIR", dir, "ABOVE", above).Replace(x.hint)
			if mail.KindOf(err) != mail.KindConfig || !strings.Contains(err.Error(), x.says) || !strings.Contains(mail.HintOf(err), hint) {
				t.Errorf("%v (%s)", err, mail.HintOf(err))
			}
		})
	}
}

// moved puts a file into a folder of its own, with a link in its place.
func moved(file, name string) error {
	return errors.Join(os.Mkdir(file+".d", 0o755), os.Rename(file, filepath.Join(file+".d", name)), os.Symlink(filepath.Join(filepath.Base(file)+".d", name), file))
}

// TestOddConfiguration: what is no text file is said to be none, at once.
func TestOddConfiguration(t *testing.T) {
	dir := t.TempDir()
	fifo, socket, huge := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket"), filepath.Join(dir, "huge")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: socket}), syscall.Close(fd))
	}
	if err != nil {
		t.Fatal(err)
	}
	write(t, huge, "", 0o600)
	if err := os.Truncate(huge, 1<<40); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		dir: "is a directory", fifo: "is not a regular file", huge: "is larger than", "/dev/null": "is not a regular file", "/dev/zero": "is not a regular file",
		socket: "no such device",
	} {
		_, err := config.Load(path, testEnv())
		if mail.KindOf(err) != mail.KindConfig || !strings.Contains(err.Error(), says) || !strings.Contains(mail.HintOf(err), "--config") {
			t.Errorf("%s: %v (%s)", path, err, mail.HintOf(err))
		}
	}
	for _, key := range []string{"tls_ca", "tls_cert", "password_file"} {
		for _, path := range []string{dir, fifo, huge, "/dev/zero"} {
			text := with(fmt.Sprintf("%s = %q\ntimeout = \"1s\"", key, path))
			if key == "password_file" {
				text = strings.Replace(text, `password_command = "pass show mail/home"`+"\n", "", 1)
			}
			c, err := config.Parse("c.toml", []byte(text), testEnv())
			if err != nil {
				t.Fatal(err)
			}
			a, err := c.Accounts[0].Engine("/state")
			if err == nil && key == "password_file" {
				_, err = a.Password(t.Context())
			}
			if mail.KindOf(err) != mail.KindConfig || mail.HintOf(err) == "" {
				t.Errorf("%s = %s: %v (%s)", key, path, err, mail.HintOf(err))
			}
		}
	}
}

// TestPasswordPipe: a password_file may be a pipe, of which the first line is
// enough, and which is not waited for without end.
func TestPasswordPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	source := fmt.Sprintf("password_file = \"/dev/fd/%d\"", r.Fd())
	if _, err := w.WriteString("hunter2\nmore"); err != nil {
		t.Fatal(err)
	}
	if got, err := ask(t.Context(), t, source); got != "hunter2" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := ask(ctx, t, source); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

// TestCommandWithoutEnd: what a command prints is not kept without a bound.
func TestCommandWithoutEnd(t *testing.T) {
	for source, says := range map[string]string{
		`password_command = "yes hunter2"`:                                            "printed more than",
		`password_command = "tr '\\0' x < /dev/zero"`:                                 "printed more than",
		`password_command = "head -c 100000000 /dev/zero >&2; echo \"no\"; exit 1"`:   "exit status 1",
		`password_command = "printf '\\033[2Jno\\302\\233' >&2; echo hunter2; false"`: "exit status 1",
	} {
		_, err := ask(t.Context(), t, source)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") || strings.ContainsFunc(err.Error(), mail.Unprintable) {
			t.Errorf("%s: %q", source, err)
		}
	}
}
