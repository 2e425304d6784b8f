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
	"slices"
	"time"

	"golang.org/x/text/unicode/norm"

	"satchel/conflict"
	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// Defaults of [Account] (SPEC §3).
const (
	defaultConnections  = 4
	defaultMaxDeletePct = 50
	defaultUndoDays     = 30
)

// Engine syncs one account. Its methods may be called one after the other; a
// lock file keeps several processes apart.
type Engine struct{ *env }

// env is what all runs on an account have in common: what it is, and how the world is reached.
type env struct {
	account Account
	log     *slog.Logger
	notify  func(Progress)
	now     func() time.Time
	sleep   func(context.Context, time.Duration) error

	fs           maildir.FS
	process      int
	host         string
	afterUpload  time.Duration
	window       int
	stateOptions state.Options
	searchGain   int
}

// New validates the account. It does no I/O.
func New(a Account, o Options) (*Engine, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9._-]+$`).MatchString(a.Name) || a.Name[0] == '.' {
		return nil, &mail.Error{Op: fmt.Sprintf("account name %q", a.Name), Kind: mail.KindConfig,
			Err: errors.New("only letters, digits, '.', '_' and '-', and no dot in front")}
	}
	if !filepath.IsAbs(a.Maildir) || !filepath.IsAbs(a.StateDir) {
		return nil, &mail.Error{Op: "account " + a.Name, Kind: mail.KindConfig,
			Err: errors.New("maildir and state folder must be absolute paths")}
	}
	if err := a.Level.validate(); err != nil {
		return nil, err
	}
	if err := a.Direction.Allows(Request{}); err != nil {
		return nil, err
	}
	if _, err := maildir.NewNaming(a.Layout, a.UTF7Folders, a.Separator, a.Folders); err != nil {
		return nil, &mail.Error{Op: "account " + a.Name, Kind: mail.KindConfig, Err: err}
	}
	a.Include, a.Exclude = composed(a.Include), composed(a.Exclude)
	if a.Connections <= 0 {
		a.Connections = defaultConnections
	}
	if a.MaxDeletePct <= 0 {
		a.MaxDeletePct = defaultMaxDeletePct
	}
	if a.UndoDays == 0 {
		a.UndoDays = defaultUndoDays
	}
	e := &Engine{&env{account: a, log: o.Logger, notify: o.Progress, now: o.Now, sleep: o.Sleep,
		fs: o.FS, process: o.Process, host: o.Host, stateOptions: o.State, searchGain: o.SearchGain,
		afterUpload: cmp.Or(o.AfterUpload, afterUpload), window: cmp.Or(o.Window, windowMessages)}}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.log = e.log.With("account", a.Name)
	if e.notify == nil {
		e.notify = func(Progress) {}
	}
	if e.now == nil {
		e.now = time.Now
	}
	return e, nil
}

// composed writes patterns as names of mailboxes are: letters composed.
func composed(patterns []string) []string {
	list := slices.Clone(patterns)
	for i, p := range list {
		list[i] = norm.NFC.String(p)
	}
	return list
}

// Close is there for symmetry; an Engine holds nothing between runs.
func (e *Engine) Close() error { return nil }

// statePath is the file of the state.
func (e *env) statePath() string {
	return filepath.Join(e.account.StateDir, e.account.Name+".db")
}

// maildirOptions is how the Maildir of the account is opened.
func (e *env) maildirOptions() maildir.Options {
	return maildir.Options{
		Layout: e.account.Layout,

		UTF7: e.account.UTF7Folders, Separator: e.account.Separator, Folders: e.account.Folders,
		NoFsync: e.account.NoFsync,
		Undo:    filepath.Join(e.account.StateDir, e.account.Name+".undo"),
		FS:      e.fs,
		Now:     e.now,
		Logger:  e.log,
		Process: e.process,
		Host:    e.host,
	}
}

// remoteOptions is how the server of the account is reached.
func (e *env) remoteOptions() remote.Options {
	a := e.account
	return remote.Options{
		Host: a.Host, Port: a.Port, TLS: a.TLS, RootCA: a.TLSCA, Fingerprint: a.TLSFingerprint,
		AllowCleartext: a.AllowCleartext, Certificate: a.Certificate, User: a.User, Password: a.Password, Token: a.Token,
		Auth: a.Auth, LoginHint: a.LoginHint, Tunnel: a.Tunnel,
		Compress: a.Compress, ReadOnly: a.Direction == Pull, Timeout: a.Timeout, Dial: a.Dial, Without: a.Level.without(a.WithoutCaps), Logger: e.log,
		Wanted: a.wanted,
	}
}

// Sync makes both sides agree, or with Request.DryRun says what it would do.
// The report is never nil and holds what was done even when an error, the one
// that stopped the account, comes with it. The error carries a [mail.Kind].
func (e *Engine) Sync(ctx context.Context, req Request) (*Report, error) {
	rep := newReport(e.account.Name, req.DryRun, e.now())
	err := e.sync(ctx, req, rep)
	e.conclude(rep, err)
	return rep, err
}

// conclude ends a report with the error that stopped the account, if one did.
func (e *Engine) conclude(rep *Report, err error) {
	if err != nil {
		rep.ended(err)
	}
	rep.finish(e.now())
	if err != nil {
		e.notify(Progress{Account: e.account.Name, Phase: PhaseFailed})
	}
}

func (e *Engine) sync(ctx context.Context, req Request, rep *Report) (err error) {
	if req, err = e.account.Direction.narrow(req); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(e.account.StateDir, e.account.Name+".lock"))
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
	client, err := remote.New(e.remoteOptions())
	if err != nil {
		return err
	}
	s := newSession(e.env, req, db, store, client, rep)
	defer s.close()
	if err := s.checkGeneration(ctx); err != nil {
		return err
	}
	return s.run(ctx)
}

// openState opens the state file; a dry run of an account that has none works
// on an empty one that is thrown away.
func (e *Engine) openState(ctx context.Context, dry bool) (*state.DB, func() error, error) {
	path := e.statePath()
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
	db, err := state.Open(ctx, path, e.stateOptions)
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
	root := e.account.Maildir
	if want == "" && dry {
		if _, err := os.Stat(root); errors.Is(err, os.ErrNotExist) {
			// Nothing is there yet and nothing may be made: plan against
			// an empty root.
			dir, err := os.MkdirTemp("", "satchel-plan-")
			if err != nil {
				return nil, nil, fmt.Errorf("make an empty Maildir: %w", err)
			}
			store, err := maildir.Open(dir, e.maildirOptions())
			return store, func() { _ = os.RemoveAll(dir) }, err
		}
	}
	if want == "" {
		open := maildir.Create
		if dry {
			open = maildir.Open
		}
		store, err := open(root, e.maildirOptions())
		if err != nil {
			return nil, nil, err
		}
		return store, nothing, e.adoptRoot(ctx, db, store, dry)
	}
	store, err := maildir.Open(root, e.maildirOptions())
	var brake *mail.Error
	if _, lerr := os.Lstat(root); errors.As(err, &brake) && errors.Is(lerr, os.ErrNotExist) {
		brake.Hint += "; " + e.afresh(db)
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
	return &mail.Error{Op: "open Maildir " + e.account.Maildir, Kind: mail.KindBrake, Err: errors.New(reason),
		Hint: "if a disk is not mounted, mount it; " + e.afresh(db)}
}

// afresh says how to go on with another Maildir, or none. Without a state the
// messages are paired again, and nothing is removed on either side.
func (e *env) afresh(db *state.DB) string {
	return fmt.Sprintf("to start afresh with what is there, which removes nothing: mv %s %s && satchel sync %s",
		mail.ShellWord(db.Path()), mail.ShellWord(db.Path()+".old"), e.account.Name)
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
func (e *Engine) Conflicts(ctx context.Context) (list []ConflictEntry, err error) {
	exists, err := state.Exists(e.statePath())
	if err != nil || !exists {
		return nil, err
	}
	db, err := state.Open(ctx, e.statePath(), e.stateOptions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.Conflicts(ctx)
	for _, c := range rows {
		list = append(list, ConflictEntry{Mailbox: c.Mailbox, Message: c.Message, Kind: c.Kind, Outcome: c.Outcome, Time: c.Time})
	}
	return list, err
}

func conflictEntry(c conflict.Conflict, at time.Time) ConflictEntry {
	return ConflictEntry{Mailbox: c.Mailbox, Message: c.Message, Kind: c.Kind.String(), Outcome: c.Outcome, Time: at}
}
