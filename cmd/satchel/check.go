package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	mailsync "satchel/sync"
)

func newCheckCommand(d *deps) *cobra.Command {
	var request mailsync.CheckRequest
	cmd := &cobra.Command{
		Use:   "check [ACCOUNT...]",
		Short: "prove that state, Maildir and server agree",
		Long: `check proves that state, Maildir and server agree. It reads every file and compares
it with what was synced, byte for byte, and the flags that it shows with those of the
state. It compares every message that the state knows with the server, which it does not
change, by UID, size, Message-ID and flags, and fetches the content of those that this
does not tell from others; with --full of all. A mailbox or a folder that was not compared
is named. What the next sync will carry over, such as new mail, is no damage; -v counts
it. Damage is named by mailbox and message, with exit 1.

With --repair, check makes the state forget what is untrue in it, and nothing else: the
next sync then looks at those messages anew, and copies what one side is missing. Where a
file was altered, both versions are kept. What it does not understand it leaves alone.`,
		Example: `  satchel check
  satchel check --offline home
  satchel check --repair home; satchel sync home`,
		ValidArgsFunction: d.completeAccounts,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := wholeAccounts(cmd, args); err != nil {
				return err
			}
			if request.Full && request.Offline {
				return usageError(cmd, "--full fetches from the server, and --offline leaves it out")
			}
			return runCheck(cmd.Context(), d, request, args)
		},
	}
	cmd.Flags().BoolVar(&request.Offline, "offline", false, "leave out the server")
	cmd.Flags().BoolVar(&request.Full, "full", false, "fetch every message and compare it byte for byte")
	cmd.Flags().BoolVar(&request.Repair, "repair", false, "mend what can be mended; satchel sync does the rest")
	return cmd
}

// accountCheck is the part of --json about one account.
type accountCheck struct {
	*mailsync.CheckReport
	Errors []mailsync.Problem `json:"errors"`
}

func runCheck(ctx context.Context, d *deps, request mailsync.CheckRequest, args []string) error {
	targets, err := d.targets(args, 0)
	if err != nil {
		return d.refused(err)
	}
	code := exitOK
	var all []accountCheck
	for _, t := range targets {
		r, err := ask(d, t, func(e engine) (*mailsync.CheckReport, error) { return e.Check(ctx, request) })
		if r == nil {
			r = &mailsync.CheckReport{Account: t.account.Name, Offline: request.Offline}
		}
		r.Findings = nonNil(r.Findings)
		one := accountCheck{CheckReport: r, Errors: []mailsync.Problem{}}
		d.tellCheck(r, request.Repair && err == nil)
		if len(r.Findings) > 0 {
			code = worse(code, exitPartly)
		}
		if err != nil {
			one.Errors = problemsOf(err)
			code = worse(code, codeOf(nil, err))
		}
		if interrupted(err) {
			d.say("interrupted; run the command again")
		} else if err != nil {
			d.failure(t.account.Name, err)
		} else if d.stdoutTTY && !d.flags.quiet && !d.flags.json {
			d.result("%s", checkSummary(r))
		}
		all = append(all, one)
		if interrupted(err) {
			break
		}
	}
	if d.flags.json {
		return errors.Join(d.object(accountsOf(all, code)), exited(code))
	}
	return exited(code)
}

// tellCheck prints what a check found in an account, and what to do next.
func (d *deps) tellCheck(r *mailsync.CheckReport, repaired bool) {
	mended := 0
	for _, f := range r.Findings {
		p := mailsync.Problem{Mailbox: f.Mailbox, Message: f.Message, Error: f.Problem}
		if f.Repaired {
			mended++
			p.Error += "; mended"
		}
		d.problem(r.Account, p)
	}
	next := "satchel sync " + r.Account
	switch n := len(r.Findings); {
	case n == 0:
		if r.Waiting > 0 && d.flags.verbose > 0 {
			d.note("%s: %s for the next sync", r.Account, count(r.Waiting, "difference waits", "differences wait"))
		}
	case !repaired:
		d.hint("satchel check --repair " + r.Account)
	case mended == n:
		d.hint(next + " copies what is missing now")
	case mended > 0:
		d.hint(next + " copies what is missing now; then satchel check --repair " + r.Account + " looks at the rest again")
	case r.Offline:
		d.hint("satchel check --repair " + r.Account + " can ask the server which side is damaged")
	default:
		d.hint("nothing of it could be mended; the lines above say why, or " + next + " comes first")
	}
}

// checkSummary is the line that ends an account on a terminal.
func checkSummary(r *mailsync.CheckReport) string {
	verdict := "all agree"
	switch {
	case len(r.Findings) > 0:
		verdict = count(len(r.Findings), "finding", "findings")
	case r.Offline:
		verdict = "state and Maildir agree, the server was left out"
	case r.Waiting > 0:
		verdict = "no damage"
	}
	s := fmt.Sprintf("%s: %s in %s, %s read; %s", r.Account, count(r.Messages, "message", "messages"),
		count(r.Mailboxes, "mailbox", "mailboxes"), byteSize(r.Bytes), verdict)
	if r.Waiting > 0 {
		s += "; " + count(r.Waiting, "difference waits", "differences wait") + " for the next sync"
	}
	return s
}
