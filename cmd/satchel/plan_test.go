package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	mailsync "satchel/sync"
	"satchel/sync/mail"
)

// TestPlanCountsWhatIsMany: of each group the first operations are printed and the
// others counted, of what is held back as well; --full and -v print all.
func TestPlanCountsWhatIsMany(t *testing.T) {
	b := newBench(t, func(a mailsync.Account, _ mailsync.Options) *fakeEngine {
		return &fakeEngine{sync: func(context.Context, mailsync.Request) (*mailsync.Report, error) {
			r := &mailsync.Report{Account: a.Name, DryRun: true}
			for i := range mail.UID(2 * (mailsync.NamedOperations + 3)) {
				op := mailsync.Operation{Op: "remote-move", Mailbox: "INBOX", To: fmt.Sprintf("Box%d", i%2), UID: i + 1}
				held := mailsync.Operation{Op: "remote-remove", Mailbox: "INBOX"}
				r.Operations = append(r.Operations, op)
				r.Held = append(r.Held, mailsync.HeldBack{Group: held.Group(), Why: fmt.Sprintf("why %d", i%2), Text: fmt.Sprintf("remote-remove INBOX %d: why %d", i, i%2)})
			}
			return r, nil
		}}
	})
	if code := b.run(t, "plan", "home"); code != 0 {
		t.Errorf("exit %d: %s", code, b.stderr.String())
	}
	out := b.stdout.String()
	for _, want := range []string{
		"home: remote-move INBOX -> Box0: and 3 messages more; --full names all\n", "home: remote-move INBOX -> Box1: and 3 messages more; --full names all\n",
		"home: held: remote-remove INBOX: and 3 messages more: why 0; --full names all\n", "home: held: remote-remove INBOX: and 3 messages more: why 1; --full names all\n",
	} {
		if strings.Count(out, want) != 1 {
			t.Errorf("without %q:\n%s", want, out)
		}
	}
	if n := strings.Count(out, "\n"); n != 4*mailsync.NamedOperations+4 {
		t.Errorf("%d lines", n)
	}
	for _, flag := range []string{"--full", "-v"} {
		if b.run(t, "plan", "home", flag); strings.Count(b.stdout.String(), "\n") != 4*(mailsync.NamedOperations+3) || strings.Contains(b.stdout.String(), "more") {
			t.Errorf("%s:\n%s", flag, b.stdout.String())
		}
	}
	if b.run(t, "plan", "home", "--json"); strings.Count(b.stdout.String(), `"remote-remove INBOX `) != 2*(mailsync.NamedOperations+3) {
		t.Errorf("%s", b.stdout.String())
	}
}
