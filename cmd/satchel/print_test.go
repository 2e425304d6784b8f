package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	mailsync "satchel/sync"
	"satchel/sync/mail"
)

func TestStatus(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	b := newBench(t, func(a mailsync.Account, _ mailsync.Options) *fakeEngine {
		s := &mailsync.Status{Account: a.Name, Complete: true, Messages: 0}
		if a.Name == "home" {
			s = &mailsync.Status{Account: a.Name, LastSync: now.Add(-3 * time.Minute), Messages: 120, LocalChanges: 2, Conflicts: 1, Complete: true,
				Mailboxes: []mailsync.MailboxStatus{{Name: "INBOX", Messages: 100, LocalChanges: 2, Complete: true}, {Name: "Lists/go", Messages: 20}},
				Problem:   "one folder could not be read"}
		}
		return &fakeEngine{status: s}
	})
	if code := b.run(t, "status"); code != 0 {
		t.Errorf("exit %d", code)
	}
	want := `account  last sync      messages  local changes  conflicts  complete offline
home     3 minutes ago  120       2              1          yes
work     never          0         0              0          no
`
	if diff := cmp.Diff(want, b.stdout.String()); diff != "" {
		t.Error(diff)
	}
	if want := "satchel: home: one folder could not be read\n"; b.stderr.String() != want {
		t.Errorf("stderr %q", b.stderr.String())
	}
	b.run(t, "status", "-v", "home")
	want = `account     last sync      messages  local changes  conflicts  complete offline
home        3 minutes ago  120       2              1          yes
  INBOX                    100       2                         yes
  Lists/go                 20        0                         no
`
	if diff := cmp.Diff(want, b.stdout.String()); diff != "" {
		t.Error(diff)
	}
}

func TestConflicts(t *testing.T) {
	b := newBench(t, func(a mailsync.Account, _ mailsync.Options) *fakeEngine {
		if a.Name == "work" {
			return &fakeEngine{err: kindError(mail.KindBusy, "locked")}
		}
		at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.Local)
		return &fakeEngine{conflicts: []mailsync.ConflictEntry{{Mailbox: "INBOX", Message: "uid 7", Kind: "moved to two places", Outcome: "the server's place wins", Time: at}}}
	})
	if code := b.run(t, "conflicts"); code != 3 {
		t.Errorf("exit %d", code)
	}
	want := `time                 mailbox     message  what                 outcome
2026-03-04 05:06:07  home/INBOX  uid 7    moved to two places  the server's place wins
`
	if diff := cmp.Diff(want, b.stdout.String()); diff != "" {
		t.Error(diff)
	}
}

func TestSplit(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	for _, tt := range []struct {
		err  error
		want int
	}{
		{a, 1}, {errors.Join(a, b), 2}, {errors.Join(a, errors.Join(b, c)), 3}, {fmt.Errorf("%w and %w", a, b), 1},
	} {
		if got := split(tt.err); len(got) != tt.want {
			t.Errorf("%q: %d parts, want %d", tt.err, len(got), tt.want)
		}
	}
}

func TestVersion(t *testing.T) {
	info := &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "true"}}}
	read := func() (*debug.BuildInfo, bool) { return info, true }
	v := readVersion("1.2.3", read)
	v.Go, v.Platform = "go1", "os/cpu"
	if want := "satchel 1.2.3 (commit 0123456789ab of 2026-01-02T03:04:05Z with changes, go1, os/cpu)"; v.String() != want {
		t.Errorf("%s, want %s", v, want)
	}
	if v := readVersion("", read); v.Version != "development" {
		t.Error(v.Version)
	}
	info.Main.Version = "v1.4.0"
	if v := readVersion("", read); v.Version != "v1.4.0" {
		t.Error(v.Version)
	}
}

func TestProgressLine(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	l := &progressLine{now: func() time.Time { return now }}
	if l.phase() != "connecting" || l.numbers() != "" {
		t.Errorf("at first %q %q", l.phase(), l.numbers())
	}
	l.update(mailsync.Progress{Phase: mailsync.PhaseApply, Done: 0, Total: 40, BytesTotal: 4_000_000})
	now = now.Add(10 * time.Second)
	l.update(mailsync.Progress{Phase: mailsync.PhaseApply, Done: 10, Total: 40, BytesDone: 1_000_000, BytesTotal: 4_000_000})
	l.update(mailsync.Progress{Phase: mailsync.PhaseApply, Done: 9, Total: 40, BytesDone: 900_000, BytesTotal: 4_000_000}) // late
	if want := " 10/40  1.0 MB/4.0 MB  30s left"; l.numbers() != want {
		t.Errorf("%q, want %q", l.numbers(), want)
	}
	if left := timeLeft(mailsync.Progress{Done: 1, Total: 4}, time.Second); left != 0 {
		t.Errorf("a guess after a second: %v", left)
	}
}

// TestBars: progress on a terminal disappears and holds up nothing.
func TestBars(t *testing.T) {
	b := newBench(t, syncing(nil))
	b.deps.stderrTTY = true
	bars := b.deps.startProgress([]target{{account: mailsync.Account{Name: "home"}}})
	bars.of(0)(mailsync.Progress{Phase: mailsync.PhaseApply, Done: 1, Total: 2})
	bars.stop()
	b.deps.flags.quiet = true
	bars = b.deps.startProgress([]target{{}})
	if bars.of(0) != nil {
		t.Error("progress with --quiet")
	}
	bars.stop()
}
