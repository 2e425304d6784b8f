package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	mailsync "satchel/sync"
)

func newStatusCommand(d *deps) *cobra.Command {
	return &cobra.Command{
		Use:   "status [ACCOUNT...]",
		Short: "show what is known without the network",
		Long: `status shows, without the network, when a sync of the whole account last ended with the
sides agreeing, how many messages it holds, what changed on disk since, as plan counts it,
how many conflicts were settled, whether all of the mail is complete offline, and how
changes on the server are found: qresync, condstore or plain. Complete is what is proven;
else it says how many messages are missing, or that it is not known. What came of the last
try, where that was another one, is said below. With -v it lists mailboxes as well.`,
		ValidArgsFunction: d.completeAccounts,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := wholeAccounts(cmd, args); err != nil {
				return err
			}
			return runStatus(cmd.Context(), d, args)
		},
	}
}

func runStatus(ctx context.Context, d *deps, args []string) error {
	targets, err := d.targets(args, 0)
	if err != nil {
		return d.refused(err)
	}
	code := exitOK
	var all []*mailsync.Status
	for _, t := range targets {
		s, err := ask(d, t, func(e engine) (*mailsync.Status, error) { return e.Status(ctx) })
		if err != nil {
			d.failure(t.account.Name, err)
			code = worse(code, codeOf(nil, err))
			continue
		}
		s.Mailboxes = nonNil(s.Mailboxes)
		all = append(all, s)
	}
	if d.flags.json {
		return errors.Join(d.object(accountsOf(all, code)), exited(code))
	}
	if len(all) > 0 {
		err = table(d.stdout, statusRows(all, d.clock(), d.flags.verbose > 0))
	}
	for _, s := range all {
		if s.Problem == "" {
			continue
		}
		tried := ""
		if !s.LastTry.IsZero() {
			tried = "last try " + ago(s.LastTry, d.clock()) + ": "
		}
		d.note("%s: %s%s", s.Account, tried, s.Problem)
	}
	return errors.Join(err, exited(code))
}

// ask opens an account's engine for one question.
func ask[T any](d *deps, t target, question func(engine) (T, error)) (T, error) {
	e, err := d.newEngine(t.account, mailsync.Options{Logger: d.logger()})
	if err != nil {
		var none T
		return none, err
	}
	answer, err := question(e)
	return answer, errors.Join(err, e.Close())
}

func statusRows(all []*mailsync.Status, now time.Time, mailboxes bool) []string {
	rows := []string{"account\tlast sync\tmessages\tlocal changes\tconflicts\tcomplete offline\tlevel"}
	for _, s := range all {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%d\t%s\t%d\t%s\t%s", printable(s.Account), ago(s.LastSync, now),
			s.Messages, changes(s.LocalChanges, s.LocalUnknown), s.Conflicts, completeness(s), level(s.Level)))
		if !mailboxes {
			continue
		}
		for _, m := range s.Mailboxes {
			rows = append(rows, fmt.Sprintf("  %s\t\t%s\t%s\t\t%s\t%s", printable(m.Name),
				strconv.Itoa(m.Messages), changes(m.LocalChanges, m.LocalUnknown), proven(m.Complete, m.Unknown, m.Missing), level(m.Level)))
		}
	}
	return rows
}

// completeness is "no" before the first sync: what is not known of is not here.
func completeness(s *mailsync.Status) string {
	never := s.LastSync.IsZero()
	return proven(s.Complete && !never, s.Unknown && !never, s.Missing)
}

// proven is "yes", "unknown", or "no" with what is missing.
func proven(yes, unknown bool, missing int) string {
	switch {
	case yes:
		return "yes"
	case unknown:
		return "unknown"
	case missing > 0:
		return fmt.Sprintf("no, %d missing", missing)
	}
	return "no"
}

// changes says that there may be more than were counted.
func changes(n int, unknown bool) string {
	switch {
	case !unknown:
		return strconv.Itoa(n)
	case n == 0:
		return "unknown"
	}
	return strconv.Itoa(n) + " or more"
}

// level is "-" before the first sync.
func level(name string) string { return cmp.Or(printable(name), "-") }

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return humanize.RelTime(t, now, "ago", "from now")
}
