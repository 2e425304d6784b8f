package sync

import (
	"context"
	"errors"
	"slices"
	"strings"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/report"
	"satchel/sync/run"
)

// Status says what is known without the network. What is not proven is not said:
// a number that is not known is called so.
func (e *Engine) Status(ctx context.Context) (st *report.Status, err error) {
	st = &report.Status{Account: e.Account.Name, Mailboxes: []report.MailboxStatus{}}
	exists, err := state.Exists(e.StatePath())
	if err != nil || !exists {
		return st, err
	}
	db, err := state.Open(ctx, e.StatePath(), e.StateOptions)
	if err != nil {
		return st, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	q := &statusQuery{Engine: e, db: db, st: st}
	for _, step := range []func(context.Context) error{q.runs, q.facts, q.mailboxes} {
		if err := step(ctx); err != nil {
			return st, err
		}
	}
	return st, nil
}

// statusQuery is one question for the status of an account.
type statusQuery struct {
	*Engine
	db   *state.DB
	st   *report.Status
	here bool // the last run behind which all mail was here covered what is configured now

	counts map[int64]int
	seen   map[string]uint32 // what the server has of mailboxes that are not here completely
	levels map[string]string
}

// runs reads when the sides last agreed, and what came of the last try.
func (q *statusQuery) runs(ctx context.Context) error {
	runs, err := q.db.LastRuns(ctx)
	if err != nil || runs.Last == nil {
		return err
	}
	if runs.Agreed != nil {
		q.st.LastSync = runs.Agreed.Finished
	}
	last := runs.Last
	q.st.LastTry = last.Started
	switch {
	case last.Finished.IsZero():
		q.problem("the last sync did not come to an end: it was cut off, or is at work now")
	case last.Outcome != "ok":
		q.problem(last.Outcome)
	case !last.Agreed:
		q.problem("the last sync left changes that wait")
	}
	q.here = runs.Here != nil && runs.Here.Scope == q.Scope() && !last.Finished.IsZero()
	return nil
}

func (q *statusQuery) problem(text string) {
	q.st.Problem = strings.TrimPrefix(q.st.Problem+"; "+text, "; ")
}

// facts reads what needs neither side.
func (q *statusQuery) facts(ctx context.Context) (err error) {
	if q.st.Level, err = q.db.Meta(ctx, state.MetaLevel); err != nil {
		return err
	}
	conflicts, err := q.db.Conflicts(ctx)
	if err != nil {
		return err
	}
	q.st.Conflicts = len(conflicts)
	if q.seen, err = q.db.Seen(ctx); err != nil {
		return err
	}
	if q.counts, err = q.db.Counts(ctx); err != nil {
		return err
	}
	rows, err := q.db.Mailboxes(ctx)
	if err != nil {
		return err
	}
	q.levels, err = q.Engine.levels(ctx, q.st.Level, q.db, rows)
	return err
}

// levels returns, by mailbox, how changes on the server are found.
func (e *Engine) levels(ctx context.Context, server string, db *state.DB, rows []*state.Mailbox) (map[string]string, error) {
	list, err := db.Distrusts(ctx)
	if err != nil {
		return nil, err
	}
	doubts := map[string]remote.Doubts{}
	for _, d := range list {
		for one, name := range run.DoubtNames() {
			if name == d.Fault && e.Now().Sub(d.Since) <= run.DistrustFor {
				doubts[d.Mailbox] |= one
			}
		}
	}
	levels := map[string]string{}
	for _, r := range rows {
		levels[r.Name] = quirk.LevelOf(server, r, doubts[r.Name])
	}
	return levels, nil
}

// mailboxes fills in the mailboxes, with what waits on disk. Only folders whose
// stamps moved are listed, so that the cost follows the change here, too.
func (q *statusQuery) mailboxes(ctx context.Context) error {
	s, changes, err := q.look(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		q.problem(err.Error())
		return q.withoutMaildir(ctx)
	}
	for _, p := range s.Rep.Problems {
		q.problem(strings.TrimPrefix(p.Mailbox+": "+p.Error, ": "))
	}
	for _, err := range s.Braked {
		q.problem(err.Error())
	}
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		ms := report.MailboxStatus{Name: name, LocalChanges: changes[name], LocalUnknown: mb.LocalIncomplete}
		delete(changes, name)
		q.add(ms, mb.Row)
	}
	for _, n := range changes { // of mailboxes that have another name now
		q.st.LocalChanges += n
	}
	q.complete()
	return nil
}

// look finds out what waits on disk, if that is the Maildir of the state.
func (q *statusQuery) look(ctx context.Context) (*session, map[string]int, error) {
	want, err := q.db.Meta(ctx, state.MetaRoot)
	if err != nil {
		return nil, nil, err
	}
	store, err := maildir.Open(q.Account.Maildir, q.MaildirOptions())
	if err != nil {
		return nil, nil, err
	}
	have, generation, err := store.Identity()
	if err == nil && want != "" && have != want {
		err = q.notOurs(have, q.db)
	}
	if err != nil {
		return nil, nil, err
	}
	s, err := q.offline(ctx, q.db, store, generation)
	if err != nil {
		return nil, nil, err
	}
	changes, err := s.localChanges(ctx)
	return s, changes, err
}

// withoutMaildir tells what the state knows, where the Maildir cannot be looked
// at: of what is on disk nothing is known.
func (q *statusQuery) withoutMaildir(ctx context.Context) error {
	rows, err := q.db.Mailboxes(ctx)
	if err != nil {
		return err
	}
	q.here = false
	for _, r := range rows {
		if q.Account.Wanted(r.Name) {
			q.add(report.MailboxStatus{Name: r.Name, LocalUnknown: true}, r)
		}
	}
	q.complete()
	q.st.LocalUnknown = true
	return nil
}

// add tells what is known of a mailbox. The row is nil when only the disk has it.
func (q *statusQuery) add(ms report.MailboxStatus, row *state.Mailbox) {
	if row != nil {
		ms.Messages, ms.Level = q.counts[row.ID], q.levels[row.Name]
	} else {
		ms.Messages = ms.LocalChanges
	}
	there, open := q.seen[ms.Name]
	delete(q.seen, ms.Name)
	missing := int64(there) - int64(ms.Messages)
	if !open && row != nil {
		missing = int64(row.Cursor.Messages) - int64(ms.Messages)
	}
	ms.Missing = int(max(missing, 0))
	ms.Complete = q.here && !open && ms.Missing == 0 && !ms.LocalUnknown
	ms.Unknown = !ms.Complete && ms.Missing == 0
	q.st.Mailboxes = append(q.st.Mailboxes, ms)
	q.st.Messages += ms.Messages
	q.st.LocalChanges += ms.LocalChanges
	q.st.LocalUnknown = q.st.LocalUnknown || ms.LocalUnknown
	q.st.Missing += ms.Missing
}

// complete sums up. What was seen of mailboxes that are not here at all is
// missing.
func (q *statusQuery) complete() {
	for name, n := range q.seen {
		if !q.Account.Wanted(name) {
			continue
		}
		q.st.Missing += int(n)
		q.st.Mailboxes = append(q.st.Mailboxes, report.MailboxStatus{Name: name, Missing: int(n), Unknown: n == 0})
	}
	slices.SortFunc(q.st.Mailboxes, func(a, b report.MailboxStatus) int { return strings.Compare(a.Name, b.Name) })
	q.st.Complete = q.here && !slices.ContainsFunc(q.st.Mailboxes, func(m report.MailboxStatus) bool { return !m.Complete })
	q.st.Unknown = !q.st.Complete && q.st.Missing == 0
}
