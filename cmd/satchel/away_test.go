package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

func unreachable(err error) error {
	return &mail.Error{Op: "connect to imap.example.org:993", Kind: mail.KindConnection, Hint: "check host", Err: err}
}

// TestAwayIsNoNews: a run that nobody watches is silent about a network that is
// away, until the last good sync is older than complain_after. All else that
// ends with exit code 4 is told at once.
func TestAwayIsNoNews(t *testing.T) {
	refused := unreachable(&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})
	for name, tt := range map[string]struct {
		err    error
		last   time.Duration // ago; 0: never
		status error
		tty    bool
		args   []string
		silent bool
	}{
		"just now":       {refused, time.Minute, nil, false, nil, true},
		"a day":          {refused, 24 * time.Hour, nil, false, nil, true},
		"too long":       {refused, 24*time.Hour + time.Second, nil, false, nil, false},
		"never":          {refused, 0, nil, false, nil, false},
		"in the future":  {refused, -time.Minute, nil, false, nil, false},
		"no status":      {refused, time.Minute, errors.New("the state is locked"), false, nil, false},
		"a terminal":     {refused, time.Minute, nil, true, nil, false},
		"with -v":        {refused, time.Minute, nil, false, []string{"-v"}, false},
		"a plan":         {refused, time.Minute, nil, false, []string{"--dry-run"}, false},
		"no name":        {unreachable(&net.DNSError{Err: "no such host", Name: "imap.example.org", IsNotFound: true}), time.Minute, nil, false, nil, true},
		"no route":       {unreachable(fmt.Errorf("read: %w", syscall.ENETUNREACH)), time.Minute, nil, false, nil, true},
		"read timed out": {unreachable(&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}), time.Minute, nil, false, nil, true},
		"a token":        {unreachable(fmt.Errorf("refresh: %w", &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded})), time.Minute, nil, false, nil, true},
		"login refused":  {unreachable(&remote.ResponseError{Code: "AUTHENTICATIONFAILED"}), time.Minute, nil, false, nil, false},
		"certificate":    {unreachable(errors.New("x509: certificate has expired")), time.Minute, nil, false, nil, false},
		"hung up":        {unreachable(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), time.Minute, nil, false, nil, false},
		"keyring":        {unreachable(fmt.Errorf("no answer: %w", context.DeadlineExceeded)), time.Minute, nil, false, nil, false},
		"another kind":   {&mail.Error{Op: "x", Kind: mail.KindAccount, Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, time.Minute, nil, false, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.deps.newEngine = func(a mailsync.Account, _ mailsync.Options) (engine, error) {
				s := &mailsync.Status{Account: a.Name}
				if tt.last != 0 {
					s.LastSync = b.deps.clock().Add(-tt.last)
				}
				return &fakeEngine{account: a, status: s, err: tt.status,
					sync: func(_ context.Context, r mailsync.Request) (*mailsync.Report, error) {
						return &mailsync.Report{Account: a.Name, DryRun: r.DryRun, Notices: []string{}}, tt.err
					}}, nil
			}
			b.deps.stderrTTY = tt.tty
			code := b.run(t, append([]string{"sync", "--no-progress", "home"}, tt.args...)...)
			if want := exitCode(mail.KindOf(tt.err)); code != want {
				t.Errorf("exit %d, want %d", code, want)
			}
			if silent := b.stdout.Len()+b.stderr.Len() == 0; silent != tt.silent {
				t.Errorf("stdout %q, stderr %q", b.stdout.String(), b.stderr.String())
			}
		})
	}
}

// TestAwayPerAccount: complain_after is the account's, and the other account
// and --json keep their words.
func TestAwayPerAccount(t *testing.T) {
	refused := unreachable(&net.DNSError{Err: "no such host"})
	b := newBench(t, func(mailsync.Account, mailsync.Options) *fakeEngine {
		return &fakeEngine{status: &mailsync.Status{LastSync: time.Date(2026, 3, 4, 4, 6, 7, 0, time.UTC)},
			sync: func(context.Context, mailsync.Request) (*mailsync.Report, error) { return nil, refused }}
	})
	path := filepath.Join(t.TempDir(), "config.toml")
	text := "[defaults]\ncomplain_after = '2h'\n" + strings.Replace(twoAccounts, "[accounts.work]\n", "[accounts.work]\ncomplain_after = '30m'\n", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.deps.configPath = path
	if code := b.run(t, "sync"); code != exitConnection || strings.Contains(b.stderr.String(), "home") || !strings.Contains(b.stderr.String(), "satchel: work: connect to") {
		t.Errorf("exit %d, %q", code, b.stderr.String())
	}
	if code := b.run(t, "sync", "--json", "home"); code != exitConnection || !strings.Contains(b.stdout.String(), "no such host") || b.stderr.Len() > 0 {
		t.Errorf("exit %d, %q, %q", code, b.stdout.String(), b.stderr.String())
	}
}
