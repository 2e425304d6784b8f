package sync

import (
	"context"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/remote"
)

// What waits on disk is found without the network by the same steps that a run
// takes, beside a server that is believed to be as it was: so status counts what
// the plan will.

// offline is a session that looks at the Maildir only.
func (e *Engine) offline(ctx context.Context, db *state.DB, store *maildir.Store, generation int64) (*session, error) {
	client, err := remote.New(e.remoteOptions())
	if err != nil {
		return nil, err
	}
	req, err := e.account.Direction.narrow(Request{DryRun: true, AllowMassDelete: true})
	if err != nil {
		return nil, err
	}
	s := newSession(e.env, req, db, store, client, newReport(e.account.Name, true, e.now()))
	s.alone = true
	if err := s.bindNames(ctx); err != nil {
		return nil, err
	}
	client.Recall()
	s.rep.Cycles, s.named = 2, true // the first one asks the server, which knows the names
	s.startCycle()
	s.begin()
	s.boxes = map[string]*remote.Mailbox{}
	rows, err := db.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		s.boxes[r.Name] = &remote.Mailbox{Name: r.Name, Selectable: true, Subscribed: true, Status: r.Cursor, MailboxID: r.MailboxID}
	}
	return s, s.compareGeneration(ctx, generation)
}

// localChanges returns what a run would do on the server, by mailbox. What it
// has to say goes into the report of the session.
func (s *session) localChanges(ctx context.Context) (map[string]int, error) {
	defer func() { s.ahead.wait() }()
	for _, step := range []func(context.Context) error{s.survey, s.scanLocal, s.matchLocal, s.findStumps, s.recoverLocal, s.settleStumps, s.holdHidden, s.tallyRemovals} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	changes := map[string]int{}
	for name, counts := range s.rep.perMailbox { // renames
		for _, n := range counts {
			changes[name] += n
		}
	}
	p := s.plan()
	for _, op := range p.Ops {
		if op.Kind.Remote() {
			changes[op.Mailbox]++
		}
	}
	if p.NoTrash > 0 {
		changes[""] += p.NoTrash // the server may mark a trash that is not known here
	}
	return changes, nil
}
