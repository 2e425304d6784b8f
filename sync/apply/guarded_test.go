package apply

import (
	"sync"
	"testing"
	"time"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/run"
	"satchel/sync/survey"
	"satchel/sync/view"
)

// TestWorkersShareDistrust: what the server was caught at is noted by one worker
// while others ask for it. The race detector judges.
func TestWorkersShareDistrust(t *testing.T) {
	mb := &view.Mailbox{Name: "INBOX", Row: &state.Mailbox{ID: 1, Name: "INBOX", Cursor: mail.Cursor{UIDValidity: 1}, Permanent: mail.NewFlags(`\Seen`)}}
	r := &run.Run{Start: time.Unix(1_700_000_000, 0)}
	q := quirk.New(r)
	s := &Apply{Run: r, quirks: q, survey: survey.New(r, q, nil)}
	s.Mailboxes = map[string]*view.Mailbox{mb.Name: mb}
	a := &applier{Apply: s}
	change := func() *laneChange {
		return &laneChange{op: &plan.Op{Kind: plan.RemoteRemove, Mailbox: mb.Name}, err: &remote.NotDoneError{Op: "expunge"}}
	}
	m := &view.Message{UID: 1}
	m.Item.Ref = m
	op := &plan.Op{Kind: plan.Download, Mailbox: mb.Name, Item: &m.Item}
	var workers sync.WaitGroup
	for _, work := range []func(){
		func() { a.notRemoved(mb, []*laneChange{change()}) },
		func() { a.clear(op) },
		func() { a.known(op) },
		func() { a.quirks.PermanentFlags(mb) },
		func() { s.survey.NoteAlias("Work", "work") },
	} {
		workers.Go(func() {
			for range 200 {
				work()
			}
		})
	}
	workers.Wait()
	if !a.quirks.PermanentFlags(mb).KeepsAll {
		t.Error("what a worker noted is not known")
	}
}
