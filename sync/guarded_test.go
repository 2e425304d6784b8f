package sync

import (
	"sync"
	"testing"
	"time"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// TestWorkersShareDistrust: what the server was caught at is noted by one worker
// while others ask for it. The race detector judges.
func TestWorkersShareDistrust(t *testing.T) {
	mb := &mailbox{name: "INBOX", row: &state.Mailbox{ID: 1, Name: "INBOX", Cursor: mail.Cursor{UIDValidity: 1}, Permanent: mail.NewFlags(`\Seen`)}}
	s := &session{start: time.Unix(1_700_000_000, 0), distrust: map[fault]time.Time{}}
	s.mailboxes = map[string]*mailbox{mb.name: mb}
	a := &applier{session: s}
	change := func() *laneChange {
		return &laneChange{op: &plan.Op{Kind: plan.RemoteRemove, Mailbox: mb.name}, err: &remote.NotDoneError{Op: "expunge"}}
	}
	m := &message{uid: 1}
	m.item.Ref = m
	op := &plan.Op{Kind: plan.Download, Mailbox: mb.name, Item: &m.item}
	var workers sync.WaitGroup
	for _, work := range []func(){
		func() { a.notRemoved(mb, []*laneChange{change()}) },
		func() { a.clear(op) },
		func() { a.known(op) },
		func() { a.keeps(mb) },
		func() { s.noteAlias("Work", "work") },
	} {
		workers.Go(func() {
			for range 200 {
				work()
			}
		})
	}
	workers.Wait()
	if !a.keeps(mb).KeepsAll {
		t.Error("what a worker noted is not known")
	}
}
