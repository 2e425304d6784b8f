package main

import (
	"github.com/spf13/cobra"
)

func newPlanCommand(d *deps) *cobra.Command {
	var o syncFlags
	cmd := &cobra.Command{
		Use:   "plan [ACCOUNT[/MAILBOX]...]",
		Short: "show what sync would do, and change nothing",
		Long: `plan shows what sync would do, message by message, and changes nothing on either
side. It prints one line for each operation, and no line when the sides agree. A brake
that would stop sync stops plan with the same exit code.`,
		Example: `  satchel plan
  satchel plan home/INBOX
  satchel plan --json | jq '.accounts[].operations[]'`,
		ValidArgsFunction: d.completeAccounts,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.request.DryRun = true
			return runSync(cmd, d, o, args)
		},
	}
	o.register(cmd)
	return cmd
}
