package decide

import (
	"errors"
	"testing"
	"time"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/report"
	"satchel/sync/run"
)

// TestWhatIsHeldIsSaid: one problem a reason names some mailboxes and counts the
// others; a list is no mailbox.
func TestWhatIsHeldIsSaid(t *testing.T) {
	for more, want := range map[int]string{
		0: "remove from the server what is missing of A (1), B (1), C (1), D (1): messages stay there: 4; why",
		1: "remove from the server what is missing of A (1), B (1), C (1), D (1), and 1 more mailbox: messages stay there: 5; why",
		2: "remove from the server what is missing of A (1), B (1), C (1), D (1), and 2 more mailboxes: messages stay there: 6; why",
	} {
		s := &Decide{Run: &run.Run{Rep: report.New("home", false, time.Time{})}}
		p := &plan.Plan{}
		for i := range someMailboxes + more {
			p.Held = append(p.Held, plan.Op{Kind: plan.RemoteRemove, Mailbox: string(rune('A' + i)), Item: &plan.Item{Held: "why"}})
		}
		s.SayHeld(p)
		if len(s.Rep.Problems) != 1 {
			t.Fatalf("%d problems", len(s.Rep.Problems))
		}
		var e *mail.Error
		switch got := s.Rep.Problems[0]; {
		case got.Error != want || got.Mailbox != "A":
			t.Errorf("of %q is said %q, want %q", got.Mailbox, got.Error, want)
		case !errors.As(got.Err(), &e) || e.Mailbox != "":
			t.Errorf("the mailbox of the error is %q", e.Mailbox)
		}
	}
}
