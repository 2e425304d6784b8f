package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	mailsync "satchel/sync"
)

func newSyncCommand(d *deps) *cobra.Command {
	var o syncFlags
	cmd := &cobra.Command{
		Use:   "sync [ACCOUNT[/MAILBOX]...]",
		Short: "make the sides agree",
		Long: `sync makes the sides agree: everything configured when nothing is named, or the
named accounts and mailboxes. Accounts run side by side; a failure of one leaves the
others alone. Stopping it at any instant loses nothing, the next run goes on.`,
		Example: `  satchel sync
  satchel sync home work/INBOX
  satchel sync --pull --quiet`,
		ValidArgsFunction: d.completeAccounts,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runSync(cmd, d, o, args)
		},
	}
	o.register(cmd)
	cmd.Flags().BoolVar(&o.request.DryRun, "dry-run", false, "show what would be done, and change nothing (same as plan)")
	return cmd
}

// syncFlags are the flags that sync and plan share.
type syncFlags struct {
	request mailsync.Request
	timeout time.Duration
}

func (o *syncFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.request.Full, "full", false, "distrust what is remembered and compare everything; a plan names every operation")
	f.BoolVar(&o.request.AllowMassDelete, "allow-mass-delete", false, "lift the brake on deleting most of a mailbox or of the account, and begin its count anew")
	f.BoolVar(&o.request.AllowDoubles, "allow-doubles", false, "lift the brake on files and messages of the same Message-IDs that are not proven to be the same mail")
	f.BoolVar(&o.request.Pull, "pull", false, "only from the server to the Maildir")
	f.BoolVar(&o.request.Push, "push", false, "only from the Maildir to the server")
	f.DurationVar(&o.timeout, "timeout", 0, "give up after this `DURATION` without an answer, such as 30s (default: the configured one)")
}

func (o *syncFlags) check(cmd *cobra.Command) error {
	if o.request.Pull && o.request.Push {
		return usageError(cmd, "--pull and --push exclude each other; without them changes go both ways")
	}
	if cmd.Flags().Changed("timeout") && o.timeout < time.Second {
		return usageError(cmd, "--timeout must be 1s or more, not %s", o.timeout)
	}
	return nil
}

// outcome is how one account's run ended.
type outcome struct {
	account string
	report  *mailsync.Report // never nil
	err     error            // also among the report's problems
	code    int
	full    bool // every operation of a plan is told
	// withheld: the problem of err is no news.
	withheld bool
}

// runSync is sync and plan.
func runSync(cmd *cobra.Command, d *deps, o syncFlags, args []string) error {
	if err := o.check(cmd); err != nil {
		return err
	}
	targets, err := d.targets(args, o.timeout)
	if err != nil {
		return d.refused(err)
	}
	for _, t := range targets {
		if err := t.account.Direction.Allows(o.request); err != nil {
			return d.refused(fmt.Errorf("%s: %w", t.account.Name, err))
		}
	}
	started := d.clock()
	outcomes := d.syncAll(cmd.Context(), targets, o.request)
	code := exitOK
	for _, r := range outcomes {
		code = worse(code, r.code)
	}
	if d.flags.json {
		err = d.object(newSyncObject(outcomes, code, d.clock().Sub(started)))
	}
	for _, r := range outcomes {
		d.tell(r)
	}
	if errors.Is(context.Cause(cmd.Context()), errInterrupted) {
		d.say("interrupted; what was done is kept, run the command again to go on")
		code = worse(code, exitPartly)
	}
	return errors.Join(err, exited(code))
}

// syncAll runs all accounts side by side. They do not know of each other, so
// that one that hangs or fails holds up none.
func (d *deps) syncAll(ctx context.Context, targets []target, request mailsync.Request) []outcome {
	bars := d.startProgress(targets)
	defer bars.stop()
	log := d.logger() // one for all, so that their lines do not mix
	outcomes := make([]outcome, len(targets))
	var group errgroup.Group
	for i, t := range targets {
		group.Go(func() error {
			outcomes[i] = d.syncOne(ctx, t, request, mailsync.Options{Logger: log, Progress: bars.of(i)})
			return nil
		})
	}
	_ = group.Wait() // each outcome holds its own error
	return outcomes
}

func (d *deps) syncOne(ctx context.Context, t target, request mailsync.Request, opts mailsync.Options) outcome {
	request.Mailboxes = t.mailboxes
	var report *mailsync.Report
	e, err := d.newEngine(t.account, opts)
	if err == nil {
		report, err = e.Sync(ctx, request)
		if closing := e.Close(); err == nil && closing != nil {
			err = fmt.Errorf("close the state: %w", closing)
		}
	}
	if report == nil {
		report = &mailsync.Report{Account: t.account.Name, DryRun: request.DryRun, Started: d.clock()}
	}
	settle(report, err)
	opts.Logger.Info("run ended", "account", t.account.Name, "operations", total(report.Counts), "mailboxes", report.Mailboxes,
		"problems", len(report.Problems), "conflicts", len(report.Conflicts), "bytes_in", report.BytesIn, "bytes_out", report.BytesOut,
		"round_trips", report.RoundTrips, "level", report.Level, "duration", time.Duration(report.DurationMS)*time.Millisecond)
	o := outcome{account: t.account.Name, report: report, err: err, code: codeOf(report, err), full: request.Full}
	d.withhold(ctx, t, &o)
	return o
}

// tell prints what people want to know of one account's run.
func (d *deps) tell(o outcome) {
	if !d.flags.json {
		all := d.flags.verbose > 0 || o.full
		for _, line := range planLines(o.report.Operations, all) {
			d.result("%s: %s", o.account, line)
		}
		for _, line := range heldLines(o.report.Held, all) {
			d.result("%s: held: %s", o.account, line)
		}
	}
	for _, n := range o.report.Notices {
		d.note("%s: %s", o.account, n)
	}
	for _, p := range o.report.Problems {
		if consequence(p, o.err) || o.withheld && tells(p, o.err) { // runSync says that it was interrupted
			continue
		}
		d.problem(o.account, p)
	}
	// A terminal gets its line even when something failed: the rest is done.
	if d.stdoutTTY && !d.flags.quiet && !d.flags.json && (o.err == nil || o.report.Changed()) {
		d.result("%s", summary(o.report))
	}
	if d.flags.verbose > 0 {
		for _, c := range o.report.Conflicts {
			d.say("%s: %s %s: %s; %s", o.account, c.Mailbox, c.Message, c.Kind, c.Outcome)
		}
	}
}
