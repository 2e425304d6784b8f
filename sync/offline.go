package sync

import (
	"context"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/account"
	"satchel/sync/remote"
	"satchel/sync/report"
)

// What waits on disk is found without the network by the same steps that a run
// takes, beside a server that is believed to be as it was: so status counts what
// the plan will.

// offline is a session that looks at the Maildir only.
func (e *Engine) offline(ctx context.Context, db *state.DB, store *maildir.Store, generation int64) (*session, error) {
	client, err := remote.New(e.RemoteOptions())
	if err != nil {
		return nil, err
	}
	req, err := e.Account.Direction.Narrow(account.Request{DryRun: true, AllowMassDelete: true})
	if err != nil {
		return nil, err
	}
	s := newSession(e.Env, req, db, store, client, report.New(e.Account.Name, true, e.Now()))
	s.Alone = true
	if err := s.survey.BindNames(ctx); err != nil {
		return nil, err
	}
	client.Recall()
	s.Rep.Cycles, s.survey.Named = 2, true // the first one asks the server, which knows the names
	s.startCycle()
	s.begin()
	s.Boxes = map[string]*remote.Mailbox{}
	rows, err := db.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		s.Boxes[r.Name] = &remote.Mailbox{Name: r.Name, Selectable: true, Subscribed: true, Status: r.Cursor, MailboxID: r.MailboxID}
	}
	return s, s.compareGeneration(ctx, generation)
}

// localChanges returns what a run would do on the server, by mailbox. What it
// has to say goes into the report of the session.
func (s *session) localChanges(ctx context.Context) (map[string]int, error) {
	defer func() { s.Ahead.Wait() }()
	for _, step := range []func(context.Context) error{s.survey.Survey, s.look.ScanLocal, s.match.MatchLocal, s.match.FindStumps, s.recovery.RecoverLocal, s.absence.ConfirmStumps, s.absence.HoldHidden, s.decide.TallyRemovals} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	changes := s.Rep.CountedIn() // renames
	p := s.decide.Plan()
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
