package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	mailsync "satchel/sync"
	"satchel/sync/mail"
)

func TestStatus(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	b := newBench(t, func(a mailsync.Account, _ mailsync.Options) *fakeEngine {
		s := &mailsync.Status{Account: a.Name, Complete: true, Messages: 0}
		if a.Name == "home" {
			s = &mailsync.Status{Account: a.Name, LastSync: now.Add(-3 * time.Minute), Messages: 120, LocalChanges: 2, Conflicts: 1, Complete: true, Level: "qresync",
				Mailboxes: []mailsync.MailboxStatus{{Name: "INBOX", Messages: 100, LocalChanges: 2, Complete: true, Level: "plain"}, {Name: "Lists/go", Messages: 20, Missing: 7},
					{Name: "Lists/rust", LocalUnknown: true, Unknown: true}, {Name: "Work", LocalChanges: 1, LocalUnknown: true}},
				LastTry: now.Add(-time.Minute), Problem: "one folder could not be read"}
		}
		return &fakeEngine{status: s}
	})
	if code := b.run(t, "status"); code != 0 {
		t.Errorf("exit %d", code)
	}
	want := `account  last sync      messages  local changes  conflicts  complete offline  level
home     3 minutes ago  120       2              1          yes               qresync
work     never          0         0              0          no                -
`
	if diff := cmp.Diff(want, b.stdout.String()); diff != "" {
		t.Error(diff)
	}
	if want := "satchel: home: last try 1 minute ago: one folder could not be read\n"; b.stderr.String() != want {
		t.Errorf("stderr %q", b.stderr.String())
	}
	b.run(t, "status", "-v", "home")
	want = `account       last sync      messages  local changes  conflicts  complete offline  level
home          3 minutes ago  120       2              1          yes               qresync
  INBOX                      100       2                         yes               plain
  Lists/go                   20        0                         no, 7 missing     -
  Lists/rust                 0         unknown                   unknown           -
  Work                       0         1 or more                 no                -
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
	l.update(mailsync.Progress{Phase: mailsync.PhaseFailed})
	l.update(mailsync.Progress{Phase: mailsync.PhaseApply, Done: 11, Total: 40}) // late
	if l.phase() != "failed" {
		t.Errorf("a run that failed is %q", l.phase())
	}
	l = &progressLine{now: l.now}
	l.update(mailsync.Progress{Phase: mailsync.PhaseScan})
	now = now.Add(30 * time.Second)
	var bar strings.Builder
	fill := l.fill(mpb.BarFillerFunc(func(w io.Writer, _ decor.Statistics) error { _, err := io.WriteString(w, "[   ]"); return err }))
	if err := fill.Fill(&bar, decor.Statistics{}); err != nil || bar.String() != "" || l.numbers() != " 30s" {
		t.Errorf("before anything is planned: bar %q, %q, %v", bar.String(), l.numbers(), err)
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

func TestCheckVerb(t *testing.T) {
	b := newBench(t, func(a mailsync.Account, _ mailsync.Options) *fakeEngine {
		return &fakeEngine{check: func(r mailsync.CheckRequest) *mailsync.CheckReport {
			rep := &mailsync.CheckReport{Account: a.Name, Messages: 1, Mailboxes: 2, Bytes: 4200, Waiting: 2, Offline: r.Offline}
			if a.Name == "home" {
				rep.Findings = []mailsync.Finding{
					{Mailbox: "INBOX", Message: "uid 7, file x\x1b", Problem: "it is broken", Repaired: r.Repair},
					{Problem: "state: it is odd"},
				}
			}
			return rep
		}}
	})
	if code := b.run(t, "check"); code != 1 || b.stdout.Len() > 0 {
		t.Errorf("exit %d, stdout %q", code, b.stdout.String())
	}
	want := "satchel: home/INBOX uid 7, file x\uFFFD: it is broken\nsatchel: home: state: it is odd\nsatchel: hint: satchel check --repair home\n"
	if diff := cmp.Diff(want, b.stderr.String()); diff != "" {
		t.Error(diff)
	}
	b.run(t, "check", "--repair", "home")
	want = `satchel: home/INBOX uid 7, file x` + "\uFFFD" + `: it is broken; mended
satchel: home: state: it is odd
satchel: hint: satchel sync home copies what is missing now; then satchel check --repair home looks at the rest again
`
	if diff := cmp.Diff(want, b.stderr.String()); diff != "" {
		t.Error(diff)
	}
	b.deps.stdoutTTY = true
	b.run(t, "check")
	want = `home: 1 message in 2 mailboxes, 4.2 kB read; 2 findings; 2 differences wait for the next sync
work: 1 message in 2 mailboxes, 4.2 kB read; no damage; 2 differences wait for the next sync
`
	if diff := cmp.Diff(want, b.stdout.String()); diff != "" {
		t.Error(diff)
	}
	if code := b.run(t, "check", "work", "--offline", "--quiet"); code != 0 || b.stdout.Len()+b.stderr.Len() > 0 {
		t.Errorf("exit %d, stdout %q, stderr %q", code, b.stdout.String(), b.stderr.String())
	}
	if code := b.run(t, "check", "home", "--json"); code != 1 || strings.Contains(b.stdout.String(), "null") {
		t.Errorf("exit %d, stdout %q", code, b.stdout.String())
	}
}

func TestUndoVerb(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.Local)
	removed := []mailsync.RemovedMessage{
		{Mailbox: "INBOX", File: "1:2,S", Subject: "tea\x1b"}, {Mailbox: "INBOX", File: "2"}, {Mailbox: "a", File: "3"},
		{Mailbox: "b", File: "4"}, {Mailbox: "c", File: "5"},
	}
	for i := range removed {
		removed[i].Fate, removed[i].Restorable = mailsync.InUndo, true
	}
	gone := mailsync.RemovedMessage{Mailbox: "INBOX", File: "9", Fate: mailsync.InTrash, Place: "Trash"}
	b := newBench(t, func(a mailsync.Account, _ mailsync.Options) *fakeEngine {
		if a.Name == "work" {
			return &fakeEngine{runs: []mailsync.UndoRun{{Run: "odd", Messages: []mailsync.RemovedMessage{removed[0], gone}}}, restore: func(string, []string) ([]mailsync.RemovedMessage, error) {
				return nil, kindError(mail.KindBusy, "locked")
			}}
		}
		return &fakeEngine{runs: []mailsync.UndoRun{{Run: "R1", Time: at, Messages: removed}}, restore: func(run string, files []string) ([]mailsync.RemovedMessage, error) {
			if run != "R1" || len(files) == 1 {
				t.Errorf("%s %v", run, files)
			}
			if len(files) == 2 {
				return removed[:1], errors.Join(kindError(mail.KindMessage, "one"), kindError(mail.KindMessage, "two"))
			}
			return removed, nil
		}}
	})
	for _, tt := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"undo"}, 0, `account  run  when                 messages        mailboxes
home     R1   2026-03-04 05:06:07  5               INBOX, a, b and 1 more
work     odd  -                    2 (1 not here)  INBOX
`, ""},
		{[]string{"undo", "R1"}, 2, "", "satchel: unknown account \"R1\"\nsatchel: hint: the configuration has: home, work\n"},
		{[]string{"undo", "home", "R1"}, 0, "home: 5 messages brought back; the next \"satchel sync home\" puts them on the server again\n", ""},
		{[]string{"undo", "home", "R1", "1:2,S", "x"}, 1, "home: 1 message brought back; the next \"satchel sync home\" puts it on the server again\n",
			"satchel: home: one\nsatchel: hint: hint of one\nsatchel: home: two\nsatchel: hint: hint of two\n"},
		{[]string{"undo", "work", "odd"}, 3, "", "satchel: work: locked\nsatchel: hint: hint of locked\n"},
		{[]string{"__complete", "undo", ""}, 0, "home\nwork\n:4\n", "Completion ended with directive: ShellCompDirectiveNoFileComp\n"},
		{[]string{"__complete", "undo", "home", "R"}, 0, "R1\t5 messages from INBOX, a, b and 1 more\n:36\n",
			"Completion ended with directive: ShellCompDirectiveNoFileComp, ShellCompDirectiveKeepOrder\n"},
		{[]string{"__complete", "undo", "work", "odd", ""}, 0, "1:2,S\tINBOX: tea\uFFFD\n9\tINBOX:\n:36\n",
			"Completion ended with directive: ShellCompDirectiveNoFileComp, ShellCompDirectiveKeepOrder\n"},
	} {
		if code := b.run(t, tt.args...); code != tt.code {
			t.Errorf("%q: exit %d, want %d", tt.args, code, tt.code)
		}
		if diff := cmp.Diff(tt.stdout, b.stdout.String()); diff != "" {
			t.Errorf("%q: %s", tt.args, diff)
		}
		if diff := cmp.Diff(tt.stderr, b.stderr.String()); diff != "" {
			t.Errorf("%q: %s", tt.args, diff)
		}
	}
	b.run(t, "undo", "-v", "home")
	if want := "account  run  mailbox  file   where  from  subject\nhome     R1   INBOX    1:2,S  kept   -     tea\uFFFD\n"; !strings.HasPrefix(b.stdout.String(), want) {
		t.Errorf("%s", b.stdout.String())
	}
	if b.run(t, "undo", "-v", "work"); !strings.Contains(b.stdout.String(), " in Trash on the server ") {
		t.Errorf("%s", b.stdout.String())
	}
	if code := b.run(t, "undo", "home", "R1", "1:2,S", "x", "--json"); code != 1 || strings.Count(b.stdout.String(), `"error": "`) != 2 {
		t.Errorf("exit %d: %s", code, b.stdout.String())
	}
}
