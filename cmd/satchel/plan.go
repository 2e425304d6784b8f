package main

import (
	"github.com/spf13/cobra"

	mailsync "satchel/sync"
)

func newPlanCommand(d *deps) *cobra.Command {
	var o syncFlags
	cmd := &cobra.Command{
		Use:   "plan [ACCOUNT[/MAILBOX]...]",
		Short: "show what sync would do, and change nothing",
		Long: `plan shows what sync would do, message by message, and changes nothing on either
side. It prints one line for each operation, with subject and sender, and no line when
the sides agree. Of many operations of one kind in a mailbox it prints the first and
counts the others; --full, -v and --json name all of them. A brake that would stop sync
stops plan with the same exit code.`,
		Example: `  satchel plan
  satchel plan home/INBOX
  satchel plan --json | jq -r '.accounts[].operations[] | .op, .mailbox, .subject'`,
		ValidArgsFunction: d.completeAccounts,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.request.DryRun = true
			return runSync(cmd, d, o, args)
		},
	}
	o.register(cmd)
	return cmd
}

// shownOperations is how many operations of a kind in a mailbox a plan names.
const shownOperations = 20

// planLines are the operations of a plan, of many alike the first ones and a line
// that counts the others.
func planLines(ops []mailsync.Operation, all bool) []string {
	type group struct{ op, mailbox, to string }
	groupOf := func(o mailsync.Operation) group { return group{o.Op, o.Mailbox, o.To} }
	type sum struct {
		shown, more int
		bytes       int64
	}
	sums := map[group]*sum{}
	var lines []string
	var order []group
	for _, o := range ops {
		s := sums[groupOf(o)]
		if s == nil {
			s = &sum{}
			sums[groupOf(o)] = s
			order = append(order, groupOf(o))
		}
		if all || s.shown < shownOperations {
			s.shown++
			lines = append(lines, o.String())
			continue
		}
		s.more++
		s.bytes += o.Bytes
	}
	for _, g := range order {
		s := sums[g]
		if s.more == 0 {
			continue
		}
		line := g.op + " " + g.mailbox
		if g.to != "" {
			line += " -> " + g.to
		}
		line += ": and " + count(s.more, "message", "messages") + " more"
		if s.bytes > 0 {
			line += " (" + byteSize(s.bytes) + ")"
		}
		lines = append(lines, line+"; --full names all")
	}
	return lines
}
