package config

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"satchel/cmd/keyring"
	"satchel/sync/mail"
)

// Secret is text that is never shown: every way of printing it gives the
// same word.
type Secret string

const hidden = "[hidden]"

// String hides the text from fmt.
func (Secret) String() string { return hidden }

// GoString hides the text from %#v.
func (Secret) GoString() string { return hidden }

// LogValue hides the text from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the text from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// KeyringUser is the name of the account's entry in the system's keyring:
// user@host, as in "ann@example.org@imap.example.org", because one name may
// have different passwords at different servers. Behind a tunnel without a
// host it is user@account.
func (a Account) KeyringUser() string { return a.User + "@" + cmp.Or(a.Host, a.Name) }

// LogValue keeps a log line to the facts that find the account.
func (a Account) LogValue() slog.Value {
	return slog.GroupValue(slog.String("account", a.Name),
		slog.String("addr", net.JoinHostPort(a.Host, strconv.Itoa(a.Port))))
}

// String is the account without its secrets.
func (a Account) String() string { return a.Name }

// fetchPassword asks the account's one source.
//
// A source that does not answer is often one that will later, such as a
// locked keyring, so it counts as no login (exit 4); what the user has to
// mend in a file is configuration (exit 2).
func (a Account) fetchPassword(ctx context.Context) (string, error) {
	switch {
	case a.Password != "":
		return string(a.Password), nil
	case a.PasswordCommand != "":
		return a.fromCommand(ctx, "password_command", a.PasswordCommand)
	case a.PasswordFile != "":
		return a.fromFile(ctx)
	case a.Keyring:
		return a.fromKeyring(ctx)
	}
	return "", a.problem("password", mail.KindConfig, "", errors.New("no source of the password"))
}

func (a Account) problem(key string, kind mail.Kind, hint string, err error) error {
	return &mail.Error{Op: key + " of account " + a.Name, Kind: kind, Hint: hint, Err: err}
}

// fromTokenCommand runs token_command, which refreshes as it sees fit.
func (a Account) fromTokenCommand(ctx context.Context) (string, error) {
	return a.fromCommand(ctx, "token_command", a.TokenCommand)
}

// bounded ends ctx after the account's timeout, unless it ends by itself.
func (a Account) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ends := ctx.Deadline(); ends || a.Timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, a.Timeout, fmt.Errorf("%v passed (timeout)", a.Timeout))
}

// fromCommand runs the command that key holds and returns the first line that
// it prints.
func (a Account) fromCommand(ctx context.Context, key string, command Secret) (string, error) {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	stdout, stderr := &lineOne{}, &tail{}
	cmd := exec.CommandContext(ctx, "sh", "-c", string(command))
	cmd.Stdout, cmd.Stderr = stdout, stderr
	// A child of the shell may keep the pipes open after the shell is gone.
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	secret := firstLine(string(stdout.text))
	if stdout.err != nil {
		return "", a.problem(key, mail.KindConnection, "run the command in a terminal to see what it prints", stdout.err)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("gave no answer: %w", cause)
		}
		var secrets mail.Secrets
		secrets.Add(secret) // a trace of the shell shows it
		if said := lastLines(secrets.Hide(string(stderr.text))); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return "", a.problem(key, mail.KindConnection, "run the command in a terminal to see what it wants", err)
	}
	if secret == "" {
		what, _, _ := strings.Cut(key, "_")
		return "", a.problem(key, mail.KindConnection, "the "+what+" is the first line that the command prints",
			errors.New("printed an empty line or nothing"))
	}
	return secret, nil
}

func (a Account) fromFile(ctx context.Context) (string, error) {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	if err := a.checkPasswordFile(); err != nil {
		return "", err
	}
	password, err := readLine(ctx, a.PasswordFile)
	if err != nil {
		return "", a.problem("password_file", mail.KindConfig, "it is a file whose first line is the password", err)
	}
	if password == "" {
		return "", a.problem("password_file", mail.KindConfig, "write the password into its first line", fmt.Errorf("%s has an empty first line", a.PasswordFile))
	}
	return password, nil
}

// checkPasswordFile refuses a file that is not there or that others can read.
func (a Account) checkPasswordFile() error {
	info, err := os.Stat(a.PasswordFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a.problem("password_file", mail.KindConfig, "write the password into its first line, and chmod 600 "+mail.ShellWord(a.PasswordFile), fmt.Errorf("%s does not exist", a.PasswordFile))
	case err != nil:
		return a.problem("password_file", mail.KindConfig, "", err)
	case info.IsDir():
		return a.problem("password_file", mail.KindConfig, "it is a file whose first line is the password", fmt.Errorf("%s is a directory", a.PasswordFile))
	case !info.Mode().IsRegular():
		return nil // a pipe or a descriptor of the caller
	case openToOthers(info):
		return readable(a.PasswordFile, "holds a password and can be read by others")
	}
	return nil
}

func (a Account) fromKeyring(ctx context.Context) (string, error) {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	password, err := keyring.Get(ctx, a.KeyringUser())
	if errors.Is(err, keyring.ErrNotFound) {
		return "", a.problem("keyring", mail.KindConfig, "satchel login "+a.Name,
			fmt.Errorf("no entry for service %s and user %s", keyring.Service, a.KeyringUser()))
	}
	if err != nil {
		return "", a.problem("keyring", mail.KindConnection, "unlock the keyring, or use password_command", err)
	}
	if password == "" {
		return "", a.problem("keyring", mail.KindConfig, "", fmt.Errorf("the entry for user %s is empty", a.KeyringUser()))
	}
	return password, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r")
}

// lastLines is the end of what a command said, on one line: the cause is
// usually there.
func lastLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > 3 {
		lines = lines[len(lines)-3:]
	}
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	text := strings.ToValidUTF8(strings.Join(lines, "; "), "?")
	if len(text) > 300 {
		text = "..." + strings.ToValidUTF8(text[len(text)-300:], "")
	}
	return mail.Printable(text)
}

// maxPrinted bounds all that such a command prints; one that prints without end
// would hold up the run.
const maxPrinted = 16 << 20

// lineOne keeps the first line of what is written to it and discards the rest. Where
// either is too long it breaks the pipe.
type lineOne struct {
	text  []byte
	ended bool
	total int
	err   error
}

func (l *lineOne) Write(p []byte) (int, error) {
	line, _, ends := bytes.Cut(p, []byte("\n"))
	if !l.ended {
		l.text, l.ended = append(l.text, line...), ends
	}
	switch l.total += len(p); {
	case len(l.text) > maxSecret:
		l.err = fmt.Errorf("printed more than %d bytes in its first line", maxSecret)
	case l.total > maxPrinted:
		l.err = fmt.Errorf("printed more than %d bytes", maxPrinted)
	}
	if l.err != nil {
		return 0, l.err
	}
	return len(p), nil
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 4 << 10
	t.text = append(t.text, p...)
	if over := len(t.text) - most; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}
