package main

import (
	"fmt"

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
the sides agree. Of many operations of one kind from one mailbox to another it prints the
first 20 and counts the others. --full prints all of them with subject and sender; -v and
--json list all of them, the others by UID or file name. A brake that would stop sync
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

// planLines are the operations of a plan, of many alike the first ones and a line
// that counts the others.
func planLines(ops []mailsync.Operation, all bool) []string {
	var lines []string
	first, rest := firstOfEach(ops, mailsync.Operation.Group, all)
	for _, o := range first {
		lines = append(lines, o.String())
	}
	for _, alike := range rest {
		var bytes int64
		for _, o := range alike {
			bytes += o.Bytes
		}
		line := fmt.Sprintf("%s: and %s more", alike[0].Group(), count(len(alike), "message", "messages"))
		if bytes > 0 {
			line += " (" + byteSize(bytes) + ")"
		}
		lines = append(lines, line+"; --full names all")
	}
	return lines
}

// heldLines are the operations that a plan leaves out, in the same way.
func heldLines(ops []mailsync.HeldBack, all bool) []string {
	type group struct {
		mailsync.Group
		why string
	}
	var lines []string
	first, rest := firstOfEach(ops, func(h mailsync.HeldBack) group { return group{h.Group, h.Why} }, all)
	for _, h := range first {
		lines = append(lines, h.String())
	}
	for _, alike := range rest {
		h := alike[0]
		lines = append(lines, fmt.Sprintf("%s: and %s more: %s; --full names all", h.Group, count(len(alike), "message", "messages"), h.Why))
	}
	return lines
}

// firstOfEach returns the first ones of each group of a list, and what is left of
// each group that has more.
func firstOfEach[T any, K comparable](list []T, key func(T) K, all bool) (first []T, rest [][]T) {
	seen := map[K]int{}
	place := map[K]int{} // in rest
	for _, x := range list {
		k := key(x)
		if seen[k]++; all || seen[k] <= mailsync.NamedOperations {
			first = append(first, x)
			continue
		}
		i, known := place[k]
		if !known {
			i = len(rest)
			place[k] = i
			rest = append(rest, nil)
		}
		rest[i] = append(rest[i], x)
	}
	return first, rest
}
