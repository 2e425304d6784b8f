package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"satchel/cmd/config"
	mailsync "satchel/sync"
	"satchel/sync/mail"
)

// target is an account to work on, and which of its mailboxes.
type target struct {
	account   mailsync.Account
	mailboxes []string // empty: all
	// complainAfter is how old the last good sync may be before a silent run
	// tells of a network that is away.
	complainAfter time.Duration
}

// load reads the configuration that --config names, or the usual one.
func (d *deps) load() (*config.Config, error) {
	if d.flags.config == "" {
		return config.Load(d.configPath, d.env)
	}
	return config.Load(d.flags.config, d.env)
}

// targets reads the configuration and picks what the arguments name, all
// accounts when there are none. Every account is checked before any is used,
// so that wrong configuration means that nothing was done.
func (d *deps) targets(args []string, timeout time.Duration) ([]target, error) {
	c, err := d.load()
	if err != nil {
		return nil, err
	}
	named, err := pick(c, args)
	if err != nil {
		return nil, err
	}
	var out []target
	for _, a := range c.Accounts {
		mailboxes, ok := named[a.Name]
		if !ok {
			continue
		}
		if timeout > 0 {
			a.Timeout = timeout
		}
		account, err := a.Engine(d.stateDir)
		if err != nil {
			return nil, err
		}
		out = append(out, target{account, mailboxes, a.ComplainAfter})
	}
	return out, nil
}

// pick maps the named accounts to the named mailboxes. An account that is
// named without a mailbox is meant as a whole, whatever else is named.
func pick(c *config.Config, args []string) (map[string][]string, error) {
	known := make([]string, len(c.Accounts))
	for i, a := range c.Accounts {
		known[i] = a.Name
	}
	named := make(map[string][]string)
	if len(args) == 0 {
		args = known
	}
	whole := make(map[string]bool)
	for _, arg := range args {
		account, mailbox, cut := strings.Cut(arg, "/")
		if !slices.Contains(known, account) {
			return nil, &mail.Error{
				Op: "unknown account " + quote(account), Kind: mail.KindConfig,
				Hint: "the configuration has: " + strings.Join(known, ", "),
			}
		}
		if cut && mailbox == "" {
			return nil, &mail.Error{
				Op: "no mailbox after the slash in " + quote(arg), Kind: mail.KindConfig,
				Hint: "write " + account + " for the whole account, or " + account + "/INBOX for one mailbox",
			}
		}
		if !cut || whole[account] {
			whole[account] = true
			named[account] = nil
			continue
		}
		if !slices.Contains(named[account], mailbox) {
			named[account] = append(named[account], mailbox)
		}
	}
	return named, nil
}

// wholeAccounts refuses mailboxes, for verbs that know only accounts.
func wholeAccounts(cmd *cobra.Command, args []string) error {
	for _, arg := range args {
		if account, _, cut := strings.Cut(arg, "/"); cut {
			return usageError(cmd, "%s names a mailbox, and this is about whole accounts such as %s", quote(arg), account)
		}
	}
	return nil
}

// completeAccounts offers the accounts to a shell.
func (d *deps) completeAccounts(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	c, err := d.load()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, a := range c.Accounts {
		if strings.HasPrefix(a.Name, prefix) && !slices.Contains(args, a.Name) {
			names = append(names, a.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
