package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	mailsync "satchel/sync"
	"satchel/sync/mail"
)

func newUndoCommand(d *deps) *cobra.Command {
	return &cobra.Command{
		Use:   "undo [ACCOUNT [RUN [FILE...]]]",
		Short: "bring back what a sync removed",
		Long: `undo brings back messages that a sync removed, for as long as undo_days says. satchel keeps
the files that it removes from the Maildir. A message that it removed from the server comes
back from the server's trash, if the trash is synced, or from another mailbox that has the
same message. undo lists messages that the server expunged and that have no file left, but
it cannot bring them back.

Without a run, undo lists the runs that removed messages, the newest first, of the account
or of all accounts; -v lists their messages and where they are. With a run, it brings back
all messages of that run, or only the named files. The next sync then puts them back on the
server.`,
		Example: `  satchel undo -v home
  satchel undo home 20260304T050607Z
  satchel undo home 20260304T050607Z 1772600000.M5P1Q1R00.host:2,S`,
		ValidArgsFunction: d.completeUndo,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := wholeAccounts(cmd, args[:min(1, len(args))]); err != nil {
				return err
			}
			if len(args) < 2 {
				return runUndoList(cmd.Context(), d, args)
			}
			return runUndo(cmd.Context(), d, args[0], args[1], args[2:])
		},
	}
}

// accountUndo is the part of --json about one account when runs are listed.
type accountUndo struct {
	Account string             `json:"account"`
	Runs    []mailsync.UndoRun `json:"runs"`
}

// accountRestored is the same when messages were brought back.
type accountRestored struct {
	Account  string                    `json:"account"`
	Run      string                    `json:"run"`
	Restored []mailsync.RemovedMessage `json:"restored"`
	Errors   []mailsync.Problem        `json:"errors"`
}

func runUndoList(ctx context.Context, d *deps, args []string) error {
	targets, err := d.targets(args, 0)
	if err != nil {
		return d.refused(err)
	}
	code := exitOK
	var all []accountUndo
	var rows []string
	for _, t := range targets {
		runs, err := ask(d, t, func(e engine) ([]mailsync.UndoRun, error) { return e.UndoRuns(ctx) })
		if err != nil {
			d.failure(t.account.Name, err)
			code = worse(code, codeOf(nil, err))
			continue
		}
		all = append(all, accountUndo{t.account.Name, nonNil(runs)})
		for _, r := range runs {
			rows = append(rows, undoRows(t.account.Name, r, d.flags.verbose > 0)...)
		}
	}
	if d.flags.json {
		return errors.Join(d.object(accountsOf(all, code)), exited(code))
	}
	header := "account\trun\twhen\tmessages\tmailboxes"
	if d.flags.verbose > 0 {
		header = "account\trun\tmailbox\tfile\twhere\tfrom\tsubject"
	}
	if len(rows) > 0 {
		err = table(d.stdout, append([]string{header}, rows...))
	} else if d.stdoutTTY && code == exitOK && !d.flags.quiet {
		d.result("no sync removed messages that are still remembered")
	}
	return errors.Join(err, exited(code))
}

// undoRows is a run as one row, or as one for each message.
func undoRows(account string, r mailsync.UndoRun, messages bool) []string {
	if messages {
		var rows []string
		for _, m := range r.Messages {
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", printable(account), printable(r.Run), printable(m.Mailbox),
				printable(m.File), printable(where(m)), printable(cmp.Or(m.From, "-")), printable(cmp.Or(m.Subject, "-"))))
		}
		return rows
	}
	when := "-"
	if !r.Time.IsZero() {
		when = r.Time.Local().Format(time.DateTime)
	}
	lost := 0
	for _, m := range r.Messages {
		if !m.Restorable {
			lost++
		}
	}
	number := strconv.Itoa(len(r.Messages))
	if lost > 0 {
		number += fmt.Sprintf(" (%d not here)", lost)
	}
	return []string{fmt.Sprintf("%s\t%s\t%s\t%s\t%s", printable(account), printable(r.Run), when, number, printable(mailboxesOf(r)))}
}

// where says where a removed message is, and so whether it can be brought back.
func where(m mailsync.RemovedMessage) string {
	switch {
	case m.Fate == mailsync.InUndo:
		return "kept"
	case m.Restorable:
		return "in " + m.Place
	case m.Fate == mailsync.InTrash:
		return "in " + m.Place + " on the server"
	}
	return "expunged, not kept"
}

// mailboxesOf names the mailboxes of a run, the first few of many.
func mailboxesOf(r mailsync.UndoRun) string {
	const some = 3
	var names []string
	for _, m := range r.Messages {
		if !slices.Contains(names, m.Mailbox) {
			names = append(names, m.Mailbox)
		}
	}
	more := ""
	if len(names) > some {
		more = fmt.Sprintf(" and %d more", len(names)-some)
		names = names[:some]
	}
	return strings.Join(names, ", ") + more
}

func runUndo(ctx context.Context, d *deps, account, run string, files []string) error {
	targets, err := d.targets([]string{account}, 0)
	if err != nil {
		return d.refused(err)
	}
	back, err := ask(d, targets[0], func(e engine) ([]mailsync.RemovedMessage, error) { return e.Restore(ctx, run, files) })
	code := codeOf(nil, err)
	if d.flags.json {
		o := accountRestored{Account: account, Run: run, Restored: nonNil(back), Errors: []mailsync.Problem{}}
		if err != nil {
			o.Errors = problemsOf(err)
			d.failure(account, err)
		}
		return errors.Join(d.object(accountsOf([]accountRestored{o}, code)), exited(code))
	}
	if d.flags.verbose > 0 {
		for _, m := range back {
			d.result("%s: brought back %s %s: %s", account, m.Mailbox, m.File, cmp.Or(m.Subject, "-"))
		}
	}
	if len(back) > 0 && !d.flags.quiet {
		d.result("%s: %s brought back; the next \"satchel sync %s\" puts %s on the server again", account,
			count(len(back), "message", "messages"), account, themOrIt(len(back)))
	}
	if err != nil {
		d.failure(account, err)
	}
	return exited(code)
}

func themOrIt(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// completeUndo offers accounts, then runs, then files.
func (d *deps) completeUndo(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return d.completeAccounts(cmd, nil, prefix)
	}
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	targets, err := d.targets(args[:1], 0)
	if err != nil {
		return nil, directive
	}
	runs, err := ask(d, targets[0], func(e engine) ([]mailsync.UndoRun, error) { return e.UndoRuns(cmd.Context()) })
	if err != nil {
		return nil, directive
	}
	var offers []string
	offer := func(text, description string) {
		// What is cleaned would be the name of something else, and what holds a tab
		// or a line break would be several offers.
		if mail.Printable(text) == text && strings.HasPrefix(text, prefix) && !slices.Contains(args[1:], text) {
			offers = append(offers, cobra.CompletionWithDesc(text, printable(description)))
		}
	}
	for _, r := range runs {
		switch {
		case len(args) == 1:
			offer(r.Run, count(len(r.Messages), "message", "messages")+" from "+mailboxesOf(r))
		case r.Run == args[1]:
			for _, m := range r.Messages {
				offer(m.File, m.Mailbox+": "+m.Subject)
			}
		}
	}
	return offers, directive
}
