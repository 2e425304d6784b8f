package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	mailsync "satchel/sync"
)

func newConflictsCommand(d *deps) *cobra.Command {
	return &cobra.Command{
		Use:   "conflicts [ACCOUNT...]",
		Short: "list what both sides changed, and how it was settled",
		Long: `conflicts lists the messages that both sides changed between two syncs, and how each
was settled. Nothing is left to do: they are settled by the rules of the configuration.`,
		ValidArgsFunction: d.completeAccounts,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := wholeAccounts(cmd, args); err != nil {
				return err
			}
			return runConflicts(cmd.Context(), d, args)
		},
	}
}

// accountConflicts is the part of --json about one account.
type accountConflicts struct {
	Account   string                   `json:"account"`
	Conflicts []mailsync.ConflictEntry `json:"conflicts"`
}

func runConflicts(ctx context.Context, d *deps, args []string) error {
	targets, err := d.targets(args, 0)
	if err != nil {
		return d.refused(err)
	}
	code := exitOK
	var all []accountConflicts
	var rows []string
	for _, t := range targets {
		list, err := ask(d, t, func(e engine) ([]mailsync.ConflictEntry, error) { return e.Conflicts(ctx) })
		if err != nil {
			d.failure(t.account.Name, err)
			code = worse(code, codeOf(nil, err))
			continue
		}
		all = append(all, accountConflicts{t.account.Name, nonNil(list)})
		for _, c := range list {
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s", c.Time.Local().Format(time.DateTime),
				printable(t.account.Name+"/"+c.Mailbox), printable(c.Message), printable(c.Kind), printable(c.Outcome)))
		}
	}
	if d.flags.json {
		return errors.Join(d.object(accountsOf(all, code)), exited(code))
	}
	if len(rows) > 0 {
		err = table(d.stdout, append([]string{"time\tmailbox\tmessage\twhat\toutcome"}, rows...))
	} else if d.stdoutTTY && code == exitOK && !d.flags.quiet {
		d.result("no conflicts")
	}
	return errors.Join(err, exited(code))
}
