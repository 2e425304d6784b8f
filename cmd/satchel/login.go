package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"satchel/cmd/config"
	"satchel/cmd/keyring"
	"satchel/sync/mail"
)

type loginFlags struct {
	browser, device, file bool
}

func newLoginCommand(d *deps) *cobra.Command {
	var o loginFlags
	cmd := &cobra.Command{
		Use:   "login ACCOUNT",
		Short: "store what an account logs in with: an OAuth permission, or a password in the keyring",
		Long: `login is for accounts with oauth or keyring = true, and the one verb that asks.

With oauth it shows a URL and a code to enter there, on whatever device (the device flow),
or opens the way by a browser on this computer; for Google always, whose device flow is not
for mail. It stores the refresh token in the keyring, or where there is none in a file of
mode 0600 under the state directory. A sync then gets its access tokens by itself, and says
so when the permission has expired or was revoked.

With keyring = true it reads the password, from the terminal or the first line of its
input, and stores it in the keyring.`,
		Example: `  satchel login work
  satchel login --file work            # for cron, where no keyring answers
  pass show mail/home | satchel login home`,
		ValidArgsFunction: d.completeAccounts,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := wholeAccounts(cmd, args); err != nil {
				return err
			}
			if len(args) != 1 {
				return usageError(cmd, "one account must be named")
			}
			if o.browser && o.device {
				return usageError(cmd, "--browser and --device exclude each other")
			}
			return runLogin(cmd.Context(), d, o, args)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.browser, "browser", false, "allow it in a browser on this computer")
	f.BoolVar(&o.device, "device", false, "allow it by a code, on any device")
	f.BoolVar(&o.file, "file", false, "keep the refresh token in a file, even when there is a keyring")
	return cmd
}

// loginObject is what --json prints.
type loginObject struct {
	Account string `json:"account"`
	Stored  string `json:"stored"` // "the keyring", or the name of the file
	Exit    int    `json:"exit"`
}

func runLogin(ctx context.Context, d *deps, o loginFlags, args []string) error {
	c, err := d.load()
	if err == nil {
		_, err = pick(c, args)
	}
	if err != nil {
		return err
	}
	var account config.Account
	for _, a := range c.Accounts {
		if a.Name == args[0] {
			account = a
		}
	}
	var where string
	switch {
	case account.OAuth.Provider != "":
		where, err = d.permission(ctx, o, account)
	case account.Keyring:
		where, err = d.storePassword(ctx, account)
	default:
		return &mail.Error{Op: "account " + quote(account.Name) + " has nothing that could be stored", Kind: mail.KindConfig,
			Hint: "login is for accounts with oauth or keyring = true"}
	}
	if errors.Is(context.Cause(ctx), errInterrupted) && err != nil {
		d.say("interrupted; nothing was stored")
		return exited(exitPartly)
	}
	if err != nil {
		return err
	}
	if d.flags.json {
		return d.object(loginObject{Account: account.Name, Stored: where})
	}
	d.note("%s: stored in %s; try it with: satchel plan %s", account.Name, where, account.Name)
	return nil
}

// permission asks a person for an OAuth permission.
func (d *deps) permission(ctx context.Context, o loginFlags, account config.Account) (where string, err error) {
	client := account.OAuthClient(d.stateDir, nil)
	if o.browser || client.PrefersBrowser() && !o.device {
		return client.Browser(ctx, o.file, func(url string) {
			d.say("%s: open this in a browser on this computer, and allow it:", account.Name)
			printLine(d.stderr, "%s", printable(url))
		})
	}
	return client.Device(ctx, o.file, func(url, code string, until time.Time) {
		d.say("%s: open %s", account.Name, url)
		d.say("%s: and enter the code %s", account.Name, code)
		if !until.IsZero() {
			d.say("%s: before %s", account.Name, until.Local().Format(time.TimeOnly))
		}
	})
}

func (d *deps) storePassword(ctx context.Context, account config.Account) (where string, err error) {
	fail := func(what error, hint string) error {
		return &mail.Error{Op: "store the password of account " + account.Name, Kind: mail.KindConnection, Hint: hint, Err: what}
	}
	password, err := d.readPassword(ctx, "password of "+account.KeyringUser()+": ")
	if err == nil && password == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", fail(err, "")
	}
	if err := keyring.Set(ctx, account.KeyringUser(), password); err != nil {
		return "", fail(err, "unlock the keyring, or use password_command")
	}
	return "the keyring", nil
}

// passwordFrom reads a password: without an echo where a terminal is in
// front of us, and else the first line.
func passwordFrom(in *os.File, stderr io.Writer) func(ctx context.Context, prompt string) (string, error) {
	return func(ctx context.Context, prompt string) (string, error) {
		fd := int(in.Fd())
		if !term.IsTerminal(fd) {
			line, err := bufio.NewReaderSize(io.LimitReader(in, 64<<10), 64<<10).ReadString('\n')
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return strings.TrimRight(line, "\r\n"), err
		}
		before, err := term.GetState(fd)
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprint(stderr, prompt)
		defer printLine(stderr, "")
		type answer struct {
			typed []byte
			err   error
		}
		read := make(chan answer, 1)
		go func() {
			typed, err := term.ReadPassword(fd)
			read <- answer{typed, err}
		}()
		select {
		case a := <-read:
			return string(a.typed), a.err
		case <-ctx.Done():
			// The read stays until the process ends, which is now.
			return "", errors.Join(context.Cause(ctx), term.Restore(fd, before))
		}
	}
}
