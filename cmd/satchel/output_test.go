package main

import (
	"strings"
	"syscall"
	"testing"

	mailsync "satchel/sync"
)

// fullDisk takes so many writes.
type fullDisk struct{ left int }

func (f *fullDisk) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, syscall.ENOSPC
	}
	return len(p), nil
}

// TestOutputIsLost: a result that could not be written is not exit 0, whatever
// the verb.
func TestOutputIsLost(t *testing.T) {
	b := newBench(t, func(a mailsync.Account, _ mailsync.Options) *fakeEngine {
		s := syncing(map[string]answer{"home": {&mailsync.Report{DryRun: true, Operations: []mailsync.Operation{{Op: "download", Mailbox: "INBOX"}, {Op: "upload", Mailbox: "INBOX"}}}, nil}, "work": {&mailsync.Report{}, nil}})(a, mailsync.Options{})
		s.status, s.conflicts = &mailsync.Status{Account: a.Name}, []mailsync.ConflictEntry{{Mailbox: "INBOX"}}
		return s
	})
	for _, args := range [][]string{{"plan"}, {"plan", "--json"}, {"status"}, {"status", "--json"}, {"conflicts"}, {"version"}, {"help"}, {"sync", "--help"}, {"completion", "bash"}} {
		for _, left := range []int{0, 1 << 20} {
			b.stderr.Reset()
			b.deps.flags = globalFlags{}
			b.deps.stdout = &fullDisk{left}
			code := execute(t.Context(), b.deps, args)
			if left > 0 {
				if code != 0 {
					t.Errorf("%q: exit %d: %s", args, code, b.stderr.String())
				}
				continue
			}
			if code != exitPartly || !strings.Contains(b.stderr.String(), syscall.ENOSPC.Error()) {
				t.Errorf("%q: exit %d: %s", args, code, b.stderr.String())
			}
		}
	}
}
