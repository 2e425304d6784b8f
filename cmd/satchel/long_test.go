package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	mailsync "satchel/sync"
	"satchel/sync/mail"
)

// TestLongErrorIsOne: an error of which the report lists only a part is told
// once, is known to be the interruption or the network that is away, and each of
// several that were joined is listed.
func TestLongErrorIsOne(t *testing.T) {
	long := strings.Repeat("said the server ", 400)
	broken := &mail.Error{Op: "select", Kind: mail.KindAccount, Err: fmt.Errorf("%s", long)}
	stopped := &mail.Error{Op: "select", Kind: mail.KindConnection, Err: fmt.Errorf("%s: %w", long, context.Canceled)}
	gone := unreachable(fmt.Errorf("%s: %w", long, &net.DNSError{Err: "no such host"}))
	both := fmt.Errorf("%w\n%w", broken, &mail.Error{Op: "close the state", Kind: mail.KindAccount})
	for name, tt := range map[string]struct {
		err         error
		listed      []mailsync.Problem
		code, lines int // lines: of stderr
		problems    int // in JSON
	}{
		"an answer":       {broken, []mailsync.Problem{mailsync.ProblemOf(broken)}, exitPartly, 1, 1},
		"not listed":      {broken, nil, exitPartly, 1, 1},
		"an interruption": {stopped, []mailsync.Problem{mailsync.ProblemOf(stopped)}, exitPartly, 0, 1},
		"away":            {gone, []mailsync.Problem{mailsync.ProblemOf(gone)}, exitConnection, 0, 1},
		"away, in full":   {gone, nil, exitConnection, 0, 1},
		"half listed":     {both, []mailsync.Problem{mailsync.ProblemOf(broken)}, exitPartly, 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var b *bench
			b = newBench(t, func(a mailsync.Account, _ mailsync.Options) *fakeEngine {
				s := &mailsync.Status{Account: a.Name, LastSync: b.deps.clock()}
				return &fakeEngine{status: s, sync: func(context.Context, mailsync.Request) (*mailsync.Report, error) {
					return &mailsync.Report{Account: a.Name, Problems: tt.listed}, tt.err
				}}
			})
			if code := b.run(t, "sync", "home"); code != tt.code || strings.Count(b.stderr.String(), "\n") != tt.lines {
				t.Errorf("exit %d, stderr %q", code, b.stderr.String())
			}
			if b.run(t, "sync", "--json", "home"); strings.Count(b.stdout.String(), `"error": "`) != tt.problems {
				t.Errorf("%s", b.stdout.String())
			}
		})
	}
}
