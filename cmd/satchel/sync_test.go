package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	mailsync "satchel/sync"
	"satchel/sync/mail"
)

func kindError(k mail.Kind, text string) error {
	return &mail.Error{Op: text, Kind: k, Hint: "hint of " + text}
}

// TestExitCodes: one account fails in each way while the other is fine, and
// every pair of failures gives the more serious code.
func TestExitCodes(t *testing.T) {
	codes := map[mail.Kind]int{
		mail.KindMessage: 1, mail.KindMailbox: 1, mail.KindAccount: 1, mail.KindConfig: 2,
		mail.KindBusy: 3, mail.KindConnection: 4, mail.KindBrake: 5,
	}
	for k, want := range codes {
		b := newBench(t, syncing(map[string]answer{"home": {nil, kindError(k, "broken")}, "work": {&mailsync.Report{}, nil}}))
		if got := b.run(t, "sync"); got != want {
			t.Errorf("%v: exit %d, want %d", k, got, want)
		}
		if want := "satchel: home: broken\nsatchel: hint: hint of broken\n"; b.stderr.String() != want {
			t.Errorf("%v: stderr %q", k, b.stderr.String())
		}
		// The same as a problem of a mailbox while the account goes on.
		report := &mailsync.Report{Problems: []mailsync.Problem{{Mailbox: "INBOX", Message: "uid 7", Kind: k.String(), Error: "broken", Hint: "mend it"}}}
		b = newBench(t, syncing(map[string]answer{"home": {report, nil}, "work": {&mailsync.Report{}, nil}}))
		if got := b.run(t, "sync"); got != want {
			t.Errorf("problem %v: exit %d, want %d", k, got, want)
		}
		if want := "satchel: home/INBOX uid 7: broken\nsatchel: hint: mend it\n"; b.stderr.String() != want {
			t.Errorf("problem %v: stderr %q", k, b.stderr.String())
		}
	}
	order := []int{2, 5, 3, 4, 1, 0}
	for i, a := range order {
		for j, b := range order {
			if got, want := worse(a, b), order[min(i, j)]; got != want {
				t.Errorf("worse(%d, %d) = %d, want %d", a, b, got, want)
			}
		}
	}
}

// TestSilence: without a terminal a run that went well prints nothing; with
// one it ends with a line for each account.
func TestSilence(t *testing.T) {
	report := func() *mailsync.Report {
		return &mailsync.Report{Mailboxes: 3, DurationMS: 1234, BytesIn: 4_200_000,
			Counts:    map[string]int{"download": 3, "upload": 1, "local-flags": 1, "remote-flags": 1, "remote-move": 1, "odd": 2},
			Conflicts: []mailsync.ConflictEntry{{Mailbox: "INBOX", Message: "uid 1", Kind: "k", Outcome: "o"}}}
	}
	answers := map[string]answer{"home": {report(), nil}, "work": {&mailsync.Report{Mailboxes: 1, DurationMS: 80}, nil}}
	b := newBench(t, syncing(answers))
	if code := b.run(t, "sync"); code != 0 || b.stdout.Len()+b.stderr.Len() > 0 {
		t.Errorf("exit %d, stdout %q, stderr %q", code, b.stdout.String(), b.stderr.String())
	}
	b.deps.stdoutTTY = true
	b.run(t, "sync")
	want := `home: 3 downloaded, 1 uploaded, 1 moved, 2 flag changes, 2 odd, 1 conflict settled; 3 mailboxes, 4.2 MB in 1.2s
work: up to date; 1 mailbox in 80ms
`
	if diff := cmp.Diff(want, b.stdout.String()); diff != "" {
		t.Error(diff)
	}
	b.run(t, "sync", "--quiet")
	if b.stdout.Len()+b.stderr.Len() > 0 {
		t.Errorf("quiet: stdout %q, stderr %q", b.stdout.String(), b.stderr.String())
	}
}

func TestPlan(t *testing.T) {
	b := newBench(t, func(a mailsync.Account, _ mailsync.Options) *fakeEngine {
		return &fakeEngine{sync: func(_ context.Context, r mailsync.Request) (*mailsync.Report, error) {
			if !r.DryRun {
				t.Error("not a dry run")
			}
			report := &mailsync.Report{Account: a.Name, DryRun: true}
			if a.Name == "home" {
				report.Operations = []mailsync.Operation{{Op: "download", Mailbox: "INBOX", UID: 7}, {Op: "local-flags", Mailbox: "Évil\x1b[2J", Add: []string{`\Seen`}, Subject: "tea", From: "Ann"}}
			}
			return report, nil
		}}
	})
	for _, args := range [][]string{{"plan"}, {"sync", "--dry-run"}, {"plan", "--quiet"}} {
		if code := b.run(t, args...); code != 0 {
			t.Errorf("%v: exit %d: %s", args, code, b.stderr.String())
		}
		want := "home: download INBOX: uid 7\nhome: local-flags Évil\uFFFD[2J +\\Seen: tea, from Ann\n"
		if b.stdout.String() != want {
			t.Errorf("%v: %q", args, b.stdout.String())
		}
	}
}

// TestDirection: with one account that must not be changed, nothing is done at
// all where the command line asks for it.
func TestDirection(t *testing.T) {
	var ran atomic.Bool // accounts run side by side
	b := newBench(t, func(mailsync.Account, mailsync.Options) *fakeEngine {
		ran.Store(true)
		return &fakeEngine{sync: func(context.Context, mailsync.Request) (*mailsync.Report, error) { return &mailsync.Report{}, nil }}
	})
	path := filepath.Join(t.TempDir(), "config.toml")
	text := twoAccounts + "direction = 'pull'\n" // of work
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.deps.configPath = path
	if code := b.run(t, "sync", "--push"); code != exitUsage || ran.Load() || !strings.Contains(b.stderr.String(), `satchel: work: sync: --push would change the server, and direction = "pull" keeps it`) {
		t.Errorf("exit %d, ran %v: %s", code, ran.Load(), b.stderr.String())
	}
	for _, args := range [][]string{{"sync", "--push", "home"}, {"sync", "--pull"}, {"sync"}} {
		if code := b.run(t, args...); code != exitOK || !ran.Load() {
			t.Errorf("%v: exit %d: %s", args, code, b.stderr.String())
		}
	}
}

// TestRequest: arguments and flags reach the engine.
func TestRequest(t *testing.T) {
	var mu sync.Mutex
	got := map[string]mailsync.Request{}
	timeouts := map[string]string{}
	b := newBench(t, func(a mailsync.Account, o mailsync.Options) *fakeEngine {
		if o.Progress != nil {
			t.Error("progress without a terminal")
		}
		return &fakeEngine{sync: func(_ context.Context, r mailsync.Request) (*mailsync.Report, error) {
			mu.Lock()
			defer mu.Unlock()
			got[a.Name], timeouts[a.Name] = r, a.Timeout.String()
			return &mailsync.Report{}, nil
		}}
	})
	b.run(t, "sync", "--full", "--allow-mass-delete", "--pull", "--timeout", "5s", "home/INBOX", "home/Lists/go", "home/INBOX", "work/INBOX", "work")
	want := map[string]mailsync.Request{
		"home": {Mailboxes: []string{"INBOX", "Lists/go"}, Full: true, AllowMassDelete: true, Pull: true},
		"work": {Full: true, AllowMassDelete: true, Pull: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if timeouts["home"] != "5s" {
		t.Errorf("timeout %s", timeouts["home"])
	}
	clear(got)
	b.run(t, "sync", "work")
	if len(got) != 1 || timeouts["work"] != "1m0s" {
		t.Errorf("%v, %v", got, timeouts)
	}
}

func TestJSON(t *testing.T) {
	home := &mailsync.Report{Mailboxes: 2, Counts: map[string]int{"download": 2}, BytesIn: 10, BytesOut: 1, RoundTrips: 5,
		Conflicts: []mailsync.ConflictEntry{{}}, Notices: []string{"a keyword stays"}}
	b := newBench(t, syncing(map[string]answer{"home": {home, nil}, "work": {nil, kindError(mail.KindConnection, "no route")}}))
	if code := b.run(t, "sync", "--json"); code != 4 {
		t.Errorf("exit %d", code)
	}
	var got struct {
		Accounts []struct {
			Account string
			Errors  []struct{ Kind, Error, Hint string }
			Mailbox []string
		}
		Exit, Mailboxes, Conflicts, Errors int
		Counts                             map[string]int
		BytesIn                            int `json:"bytes_in"`
		BytesOut                           int `json:"bytes_out"`
		RoundTrips                         int `json:"round_trips"`
	}
	if err := json.Unmarshal(b.stdout.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, b.stdout.String())
	}
	if got.Exit != 4 || got.Mailboxes != 2 || got.Conflicts != 1 || got.Errors != 1 || got.Counts["download"] != 2 || got.BytesIn != 10 || got.RoundTrips != 5 {
		t.Errorf("%+v", got)
	}
	if len(got.Accounts) != 2 || got.Accounts[1].Account != "work" || len(got.Accounts[1].Errors) != 1 || got.Accounts[1].Errors[0].Kind != "connection" {
		t.Errorf("%+v", got.Accounts)
	}
	if strings.Contains(b.stdout.String(), "null") {
		t.Errorf("null in %s", b.stdout.String())
	}
	b.run(t, "sync", "--json", "nobody")
	if err := json.Unmarshal(b.stdout.Bytes(), &got); err != nil || got.Exit != 2 {
		t.Errorf("%v in %s", err, b.stdout.String())
	}
}

// TestInterrupted: a signal is told once, not as an error of each account.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	b := newBench(t, func(mailsync.Account, mailsync.Options) *fakeEngine {
		return &fakeEngine{sync: func(ctx context.Context, _ mailsync.Request) (*mailsync.Report, error) {
			cancel(errInterrupted)
			<-ctx.Done()
			return nil, &mail.Error{Op: "fetch", Kind: mail.KindConnection, Err: fmt.Errorf("%w: %w", ctx.Err(), context.Cause(ctx))}
		}}
	})
	code := execute(ctx, b.deps, []string{"sync"})
	if want := "satchel: interrupted; what was done is kept, run the command again to go on\n"; code != 1 || b.stderr.String() != want {
		t.Errorf("exit %d, stderr %q", code, b.stderr.String())
	}
}

// TestNotices and the state that does not close.
func TestStderr(t *testing.T) {
	b := newBench(t, func(mailsync.Account, mailsync.Options) *fakeEngine {
		return &fakeEngine{close: errors.New("disk full"), sync: func(context.Context, mailsync.Request) (*mailsync.Report, error) {
			return &mailsync.Report{Notices: []string{"the keyword x stays on the server"}}, nil
		}}
	})
	code := b.run(t, "sync", "home")
	want := "satchel: home: the keyword x stays on the server\nsatchel: home: close the state: disk full\n"
	if code != 1 || b.stderr.String() != want {
		t.Errorf("exit %d, stderr %q", code, b.stderr.String())
	}
	b.run(t, "sync", "--quiet", "home")
	if want := "satchel: home: close the state: disk full\n"; b.stderr.String() != want {
		t.Errorf("stderr %q", b.stderr.String())
	}
}
