package config_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"satchel/cmd/config"
	"satchel/sync/mail"
)

// ask parses an account with one source of its password, and asks it.
func ask(ctx context.Context, t *testing.T, source string) (string, error) {
	t.Helper()
	text := strings.Replace(minimal, `password_command = "pass show mail/home"`, source, 1)
	c, err := config.Parse("c.toml", []byte(text), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Accounts[0].Engine("/state")
	if err != nil {
		return "", err
	}
	if a.Token != nil {
		return a.Token(ctx)
	}
	return a.Password(ctx)
}

func TestPasswordSources(t *testing.T) {
	keyring.MockInit()
	if err := keyring.Set("satchel", "ann@example.org@imap.example.org", "from the ring"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	write(t, file, "from the file\r\nsecond line\n", 0o600)
	for source, want := range map[string]string{
		`password = "plain text"`:                            "plain text",
		`password_command = "echo 'first one'; echo second"`: "first one",
		`password_command = "printf 'no end'"`:               "no end",
		`token_command = "echo t0ken; echo 3600"`:            "t0ken",
		"password_command = 'echo t0ken'\nauth = 'xoauth2'":  "t0ken",
		`password_command = "echo said >&2; echo ok"`:        "ok",
		// Only the first line counts, however long the rest is.
		`password_command = "echo first; head -c 1000000 /dev/zero"`:            "first",
		`password_command = "printf fir; printf 'st\\n'; yes | head -n 100000"`: "first",
		`keyring = true`:                                        "from the ring",
		fmt.Sprintf("password_file = %q", file):                 "from the file",
		`password_command = "test \"$0\" = sh && echo 'a  b '"`: "a  b ",
	} {
		if got, err := ask(t.Context(), t, source); err != nil || got != want {
			t.Errorf("%s: %q, %v", source, got, err)
		}
	}
}

func TestPasswordFailures(t *testing.T) {
	keyring.MockInit()
	dir := t.TempDir()
	open, empty := filepath.Join(dir, "open"), filepath.Join(dir, "empty")
	write(t, open, "hunter2\n", 0o644)
	write(t, empty, "\nhunter2\n", 0o600)
	for _, tt := range []struct {
		source, want, hint string
		kind               mail.Kind
	}{
		{`password_command = "echo locked >&2; exit 3"`, "password_command of account home: exit status 3: locked", "in a terminal", mail.KindConnection},
		{`password_command = "true # hunter2"`, "password_command of account home: printed an empty line or nothing", "first line", mail.KindConnection},
		{`password_command = "set -x; echo hunter2; exit 1"`, "password_command of account home: exit status 1: + echo ...; + exit 1", "in a terminal", mail.KindConnection},
		{`token_command = "true # hunter2"`, "token_command of account home: printed an empty line or nothing", "the token is the first line", mail.KindConnection},
		{`keyring = true`, "keyring of account home: no entry for service satchel and user ann@example.org@imap.example.org", "satchel login home", mail.KindConfig},
		{fmt.Sprintf("password_file = %q", open), open + " holds a password and can be read by others", "chmod 600 " + open, mail.KindConfig},
		{fmt.Sprintf("password_file = %q", empty), "password_file of account home: " + empty + " has an empty first line", "", mail.KindConfig},
		{fmt.Sprintf("password_file = %q", dir+"/none"), "password_file of account home: " + dir + "/none does not exist", "", mail.KindConfig},
	} {
		_, err := ask(t.Context(), t, tt.source)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.source, err, tt.want)
			continue
		}
		if mail.KindOf(err) != tt.kind || !strings.Contains(mail.HintOf(err), tt.hint) {
			t.Errorf("%s: kind %v, hint %q", tt.source, mail.KindOf(err), mail.HintOf(err))
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("shown: %v", err)
		}
	}
}

// TestPasswordCommandEnds: a command that hangs ends with the context, even
// when a child of its shell keeps the pipes open.
func TestPasswordCommandEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := ask(ctx, t, `password_command = "sleep 30; echo x"`)
	if err == nil || !strings.Contains(err.Error(), "gave no answer") {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}
