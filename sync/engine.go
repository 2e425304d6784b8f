package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/account"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/report"
	"satchel/sync/run"
	"satchel/sync/survey"
)

// Options are what a caller of the engine may want beside the account.
type Options struct {
	Logger   *slog.Logger          // nil: discard
	Progress func(report.Progress) // nil: none; called from several goroutines, must be quick
	Now      func() time.Time
	// Sleep waits for a server that has too much to do; nil: a timer.
	Sleep func(context.Context, time.Duration) error
	// FS and State let tests stop the engine dead, or fail, at any step.
	FS maildir.FS
	// Process and Host stand in the names of files that come down; zero and
	// empty are those of this process and this machine.
	Process int
	Host    string
	// AfterUpload is how long a run waits that finds an upload cut off, for
	// the server to end it; 0: a second.
	AfterUpload time.Duration
	// Window is how many new messages of the server are planned and fetched
	// together; 0 means 4096, and bounds the memory of a first sync.
	Window int
	State  state.Options
	// SearchGain is how many bytes it must save to search for flags instead of
	// fetching them, where the server does not say what changed; 0: 16 KB.
	SearchGain int
}

// Defaults of [Account] (SPEC §3).
const (
	defaultConnections  = 4
	defaultMaxDeletePct = 50
	defaultUndoDays     = 30
)

// Close is there for symmetry; an Engine holds nothing between runs.
func (e *Engine) Close() error { return nil }

// Sync makes both sides agree, or with Request.DryRun says what it would do.
// The report is never nil and holds what was done even when an error, the one
// that stopped the account, comes with it. The error carries a [mail.Kind].
func (e *Engine) Sync(ctx context.Context, req account.Request) (*report.Report, error) {
	rep := report.New(e.Account.Name, req.DryRun, e.Now())
	err := e.sync(ctx, req, rep)
	e.conclude(rep, err)
	return rep, err
}

// conclude ends a report with the error that stopped the account, if one did.
func (e *Engine) conclude(rep *report.Report, err error) {
	if err != nil {
		rep.Ended(err)
	}
	rep.Finish(e.Now())
	if err != nil {
		e.Notify(report.Progress{Account: e.Account.Name, Phase: report.PhaseFailed})
	}
}

func (e *Engine) sync(ctx context.Context, req account.Request, rep *report.Report) (err error) {
	if req, err = e.Account.Direction.Narrow(req); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(e.Account.StateDir, e.Account.Name+".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	db, cleanup, err := e.openState(ctx, req.DryRun)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanup()) }()

	store, done, err := e.openMaildir(ctx, db, req.DryRun)
	if err != nil {
		return err
	}
	defer done()
	client, err := remote.New(e.RemoteOptions())
	if err != nil {
		return err
	}
	s := newSession(e.Env, req, db, store, client, rep)
	defer s.close()
	if err := s.checkGeneration(ctx); err != nil {
		return err
	}
	return s.run(ctx)
}

// openState opens the state file; a dry run of an account that has none works
// on an empty one that is thrown away.
func (e *Engine) openState(ctx context.Context, dry bool) (*state.DB, func() error, error) {
	path := e.StatePath()
	remove := func() error { return nil }
	if dry {
		exists, err := state.Exists(path)
		if err != nil {
			return nil, nil, fmt.Errorf("look for state: %w", err)
		}
		if !exists {
			dir, err := os.MkdirTemp("", "satchel-plan-")
			if err != nil {
				return nil, nil, fmt.Errorf("make an empty state: %w", err)
			}
			path = filepath.Join(dir, "state.db")
			remove = func() error { return os.RemoveAll(dir) }
		}
	}
	db, err := state.Open(ctx, path, e.StateOptions)
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return db, func() error { return errors.Join(db.Close(), remove()) }, nil
}

// openMaildir opens the root and makes sure that it is the one that the state
// belongs to: a missing or another root is an unmounted disk until the user
// says otherwise (SPEC §4).
func (e *Engine) openMaildir(ctx context.Context, db *state.DB, dry bool) (*maildir.Store, func(), error) {
	nothing := func() {}
	want, err := db.Meta(ctx, state.MetaRoot)
	if err != nil {
		return nil, nil, err
	}
	root := e.Account.Maildir
	if want == "" && dry {
		if _, err := os.Stat(root); errors.Is(err, os.ErrNotExist) {
			// Nothing is there yet and nothing may be made: plan against
			// an empty root.
			dir, err := os.MkdirTemp("", "satchel-plan-")
			if err != nil {
				return nil, nil, fmt.Errorf("make an empty Maildir: %w", err)
			}
			store, err := maildir.Open(dir, e.MaildirOptions())
			return store, func() { _ = os.RemoveAll(dir) }, err
		}
	}
	if want == "" {
		open := maildir.Create
		if dry {
			open = maildir.Open
		}
		store, err := open(root, e.MaildirOptions())
		if err != nil {
			return nil, nil, err
		}
		return store, nothing, e.adoptRoot(ctx, db, store, dry)
	}
	store, err := maildir.Open(root, e.MaildirOptions())
	var brake *mail.Error
	if _, lerr := os.Lstat(root); errors.As(err, &brake) && errors.Is(lerr, os.ErrNotExist) {
		brake.Hint += "; " + e.Afresh(db)
	}
	if err != nil {
		return nil, nil, err
	}
	have, err := store.ID()
	if err != nil {
		return nil, nil, err
	}
	if have != want {
		return nil, nil, e.notOurs(have, db)
	}
	return store, nothing, nil
}

// notOurs is the brake on a Maildir that has another id than the state, or none.
func (e *Engine) notOurs(have string, db *state.DB) error {
	reason := "it is not the Maildir that was synced before"
	if have == "" {
		reason = "it has no .satchel.json, so it is not the Maildir that was synced before"
	}
	return &mail.Error{Op: "open Maildir " + e.Account.Maildir, Kind: mail.KindBrake, Err: errors.New(reason),
		Hint: "if a disk is not mounted, mount it; " + e.Afresh(db)}
}

// adoptRoot ties a new state to the root.
func (e *Engine) adoptRoot(ctx context.Context, db *state.DB, store *maildir.Store, dry bool) error {
	if dry {
		return nil
	}
	id, err := store.ID()
	if err != nil {
		return err
	}
	if id == "" {
		id = store.NewBase()
		if err := store.SetID(id); err != nil {
			return err
		}
	}
	return db.Update(ctx, func(tx *state.Tx) error { return tx.SetMeta(state.MetaRoot, id) })
}

// Conflicts returns the remembered conflicts, the newest first.
func (e *Engine) Conflicts(ctx context.Context) (list []report.ConflictEntry, err error) {
	exists, err := state.Exists(e.StatePath())
	if err != nil || !exists {
		return nil, err
	}
	db, err := state.Open(ctx, e.StatePath(), e.StateOptions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.Conflicts(ctx)
	for _, c := range rows {
		list = append(list, report.ConflictEntry{Mailbox: c.Mailbox, Message: c.Message, Kind: c.Kind, Outcome: c.Outcome, Time: c.Time})
	}
	return list, err
}

// Engine syncs one account. Its methods may be called one after the other; a
// lock file keeps several processes apart.
type Engine struct{ *run.Env }

// New validates the account. It does no I/O.
func New(a account.Account, o Options) (*Engine, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9._-]+$`).MatchString(a.Name) || a.Name[0] == '.' {
		return nil, &mail.Error{Op: fmt.Sprintf("account name %q", a.Name), Kind: mail.KindConfig,
			Err: errors.New("only letters, digits, '.', '_' and '-', and no dot in front")}
	}
	if !filepath.IsAbs(a.Maildir) || !filepath.IsAbs(a.StateDir) {
		return nil, &mail.Error{Op: "account " + a.Name, Kind: mail.KindConfig,
			Err: errors.New("maildir and state folder must be absolute paths")}
	}
	if err := a.Level.Validate(); err != nil {
		return nil, err
	}
	if err := a.Direction.Allows(account.Request{}); err != nil {
		return nil, err
	}
	if _, err := maildir.NewNaming(a.Layout, a.UTF7Folders, a.Separator, a.Folders); err != nil {
		return nil, &mail.Error{Op: "account " + a.Name, Kind: mail.KindConfig, Err: err}
	}
	a.Include, a.Exclude = account.Composed(a.Include), account.Composed(a.Exclude)
	if a.Connections <= 0 {
		a.Connections = defaultConnections
	}
	if a.MaxDeletePct <= 0 {
		a.MaxDeletePct = defaultMaxDeletePct
	}
	if a.UndoDays == 0 {
		a.UndoDays = defaultUndoDays
	}
	e := &Engine{&run.Env{Account: a, Log: o.Logger, Notify: o.Progress, Now: o.Now, Sleep: o.Sleep,
		FS: o.FS, Process: o.Process, Host: o.Host, StateOptions: o.State, SearchGain: o.SearchGain,
		AfterUpload: cmp.Or(o.AfterUpload, survey.AfterUpload), Window: cmp.Or(o.Window, windowMessages)}}
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	e.Log = e.Log.With("account", a.Name)
	if e.Notify == nil {
		e.Notify = func(report.Progress) {}
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	return e, nil
}
