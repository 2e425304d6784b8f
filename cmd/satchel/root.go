package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"satchel/cmd/config"
	mailsync "satchel/sync"
	"satchel/sync/mail"
)

// deps is what the verbs share: the world, which tests replace, and the
// global flags.
type deps struct {
	stdout, stderr       io.Writer
	stdoutTTY, stderrTTY bool
	env                  config.Env
	configPath           string // when --config says nothing else
	stateDir             string
	newEngine            func(mailsync.Account, mailsync.Options) (engine, error)
	readPassword         func(ctx context.Context, prompt string) (string, error)
	now                  func() time.Time // nil: time.Now

	flags globalFlags
}

type globalFlags struct {
	config     string
	verbose    int
	quiet      bool
	json       bool
	noProgress bool
}

// engine is what the verbs want of [mailsync.Engine].
type engine interface {
	Sync(context.Context, mailsync.Request) (*mailsync.Report, error)
	Status(context.Context) (*mailsync.Status, error)
	Conflicts(context.Context) ([]mailsync.ConflictEntry, error)
	Check(context.Context, mailsync.CheckRequest) (*mailsync.CheckReport, error)
	UndoRuns(context.Context) ([]mailsync.UndoRun, error)
	Restore(ctx context.Context, run string, files []string) ([]mailsync.RemovedMessage, error)
	Close() error
}

func (d *deps) clock() time.Time {
	if d.now != nil {
		return d.now()
	}
	return time.Now()
}

// logger writes to stderr what -v asks for. Without -v there is no log:
// errors are returned and printed once, not logged as well.
func (d *deps) logger() *slog.Logger {
	if d.flags.verbose == 0 {
		return slog.New(slog.DiscardHandler)
	}
	level := slog.LevelInfo
	if d.flags.verbose > 1 {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(d.stderr, &slog.HandlerOptions{Level: level, ReplaceAttr: clean}))
}

// clean makes the texts of a log line printable.
func clean(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case string:
		a.Value = slog.StringValue(printable(v))
	case error:
		a.Value = slog.StringValue(printable(v.Error()))
	case fmt.Stringer:
		if a.Value.Kind() == slog.KindAny {
			a.Value = slog.StringValue(printable(v.String()))
		}
	}
	return a
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, d *deps, args []string) int {
	out := &checked{Writer: d.stdout}
	defer func(w io.Writer) { d.stdout = w }(d.stdout)
	d.stdout = out
	root := newRootCommand(d)
	if slices.Contains(args, "help") || slices.Contains(args, "completion") {
		strictBuiltins(root)
	}
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var told exitError
	switch {
	case err == nil && out.err != nil:
		// Who reads the result must not take a part of it for the whole.
		d.failure("", &mail.Error{Op: "print the result", Kind: mail.KindMessage, Hint: "look at where the output goes, and run the command again", Err: out.err})
		return exitPartly
	case err == nil:
		return exitOK
	case errors.As(err, &told):
		return int(told)
	}
	d.failure("", err)
	return exitCode(mail.KindOf(err))
}

// checked remembers what went wrong first.
type checked struct {
	io.Writer
	err error
}

func (c *checked) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	if c.err == nil {
		c.err = err
	}
	return n, err
}

func newRootCommand(d *deps) *cobra.Command {
	root := &cobra.Command{
		Use:   "satchel",
		Short: "keep IMAP accounts and local Maildirs the same, both ways",
		Long: `satchel keeps IMAP accounts and local Maildirs the same, both ways. Read, answer,
file and delete mail offline with any program that speaks Maildir; the next
"satchel sync" makes both sides agree. "satchel demo" shows it without an account.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownVerb(cmd, args[0])
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if d.flags.config == "" && cmd.Flags().Changed("config") {
				return usageError(cmd, "--config names no file")
			}
			return nil
		},
		Args: cobra.ArbitraryArgs, // so that an unknown verb arrives at RunE
	}
	root.SetOut(d.stdout)
	root.SetErr(d.stderr)
	root.SetHelpFunc(help)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(cmd, "%w", err)
	})
	f := root.PersistentFlags()
	f.StringVar(&d.flags.config, "config", "", "configuration `FILE` (default "+d.configPath+")")
	f.CountVarP(&d.flags.verbose, "verbose", "v", "log to stderr; twice for every operation")
	f.BoolVar(&d.flags.quiet, "quiet", false, "print errors only")
	f.BoolVar(&d.flags.json, "json", false, "print one JSON object on stdout")
	f.BoolVar(&d.flags.noProgress, "no-progress", false, "show no progress on a terminal")
	root.AddCommand(
		newSyncCommand(d),
		newPlanCommand(d),
		newStatusCommand(d),
		newCheckCommand(d),
		newConflictsCommand(d),
		newUndoCommand(d),
		newLoginCommand(d),
		newDemoCommand(d),
		newVersionCommand(d),
	)
	return root
}

// strictBuiltins makes help and completion refuse what they do not know; cobra's
// own print a page and exit 0.
func strictBuiltins(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				if found, rest, err := root.Find(args); err != nil || len(rest) > 0 {
					return unknownVerb(found, args[len(args)-len(rest)])
				}
				return nil
			}
		case "completion":
			cmd.Args = cobra.ArbitraryArgs
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) == 0 {
					return cmd.Help()
				}
				return unknownVerb(cmd, args[0])
			}
		}
	}
}

// help is cobra's own with the exit codes below.
func help(cmd *cobra.Command, _ []string) {
	about := cmd.Long
	if about == "" {
		about = cmd.Short
	}
	printLine(cmd.OutOrStdout(), "%s\n\n%s\n%s", strings.TrimSpace(about), cmd.UsageString(), strings.TrimSpace(exitTable))
}

// usageError is wrong usage: exit 2, and where to read more.
func usageError(cmd *cobra.Command, format string, args ...any) error {
	return &mail.Error{
		Op: cmd.Name(), Kind: mail.KindConfig, Hint: cmd.CommandPath() + " --help",
		Err: fmt.Errorf(format, args...),
	}
}

func unknownVerb(root *cobra.Command, verb string) error {
	hint := root.CommandPath() + " --help"
	root.SuggestionsMinimumDistance = 2
	if near := root.SuggestionsFor(verb); len(near) > 0 {
		hint = "did you mean " + root.CommandPath() + " " + near[0] + "?"
	}
	return &mail.Error{Op: "unknown command " + quote(verb), Kind: mail.KindConfig, Hint: hint}
}

// noArguments is cobra.NoArgs with our kind of error.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(cmd, "unexpected argument %s", quote(args[0]))
	}
	return nil
}
