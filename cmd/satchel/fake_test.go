package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"satchel/cmd/config"
	mailsync "satchel/sync"
)

// fakeEngine answers what the test put into it.
type fakeEngine struct {
	account   mailsync.Account
	sync      func(context.Context, mailsync.Request) (*mailsync.Report, error)
	status    *mailsync.Status
	conflicts []mailsync.ConflictEntry
	check     func(mailsync.CheckRequest) *mailsync.CheckReport
	runs      []mailsync.UndoRun
	restore   func(run string, files []string) ([]mailsync.RemovedMessage, error)
	err       error // of all but Sync and Restore
	close     error
}

func (e *fakeEngine) Sync(ctx context.Context, r mailsync.Request) (*mailsync.Report, error) {
	return e.sync(ctx, r)
}
func (e *fakeEngine) Status(context.Context) (*mailsync.Status, error) { return e.status, e.err }
func (e *fakeEngine) Conflicts(context.Context) ([]mailsync.ConflictEntry, error) {
	return e.conflicts, e.err
}
func (e *fakeEngine) Check(_ context.Context, r mailsync.CheckRequest) (*mailsync.CheckReport, error) {
	return e.check(r), e.err
}
func (e *fakeEngine) UndoRuns(context.Context) ([]mailsync.UndoRun, error) { return e.runs, e.err }
func (e *fakeEngine) Restore(_ context.Context, run string, files []string) ([]mailsync.RemovedMessage, error) {
	return e.restore(run, files)
}
func (e *fakeEngine) Close() error { return e.close }

// bench is a command line on fake engines.
type bench struct {
	deps           *deps
	stdout, stderr bytes.Buffer
}

const twoAccounts = `[accounts.home]
host = "imap.example.org"
user = "ann@example.org"
password_command = "false"
maildir = "/nowhere/home"

[accounts.work]
host = "imap.example.com"
user = "ann"
password_command = "false"
maildir = "/nowhere/work"
`

// newBench configures two accounts, home and work, whose engines the
// function makes.
func newBench(t *testing.T, engineOf func(a mailsync.Account, o mailsync.Options) *fakeEngine) *bench {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(twoAccounts), 0o600); err != nil {
		t.Fatal(err)
	}
	b := &bench{}
	b.deps = &deps{
		stdout: &b.stdout, stderr: &b.stderr, configPath: path, stateDir: "/nowhere/state",
		env: config.Env{Home: "/home/ann"},
		now: func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) },
		newEngine: func(a mailsync.Account, o mailsync.Options) (engine, error) {
			e := engineOf(a, o)
			e.account = a
			return e, nil
		},
	}
	return b
}

func (b *bench) run(t *testing.T, args ...string) int {
	t.Helper()
	b.stdout.Reset()
	b.stderr.Reset()
	b.deps.flags = globalFlags{}
	return execute(t.Context(), b.deps, args)
}

// syncing is an engine for each account by name: a report and an error.
func syncing(answers map[string]answer) func(mailsync.Account, mailsync.Options) *fakeEngine {
	return func(a mailsync.Account, _ mailsync.Options) *fakeEngine {
		return &fakeEngine{sync: func(context.Context, mailsync.Request) (*mailsync.Report, error) {
			got := answers[a.Name]
			if got.report != nil {
				got.report.Account = a.Name
			}
			return got.report, got.err
		}}
	}
}

type answer struct {
	report *mailsync.Report
	err    error
}
