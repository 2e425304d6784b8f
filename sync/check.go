package sync

import (
	"context"
	"errors"
	"path/filepath"

	"satchel/state"
	"satchel/sync/check"
	"satchel/sync/mail"
)

// Check verifies that the state is whole; that every file is the message that
// was synced, byte for byte, and shows the flags that the state says; that the
// server holds each message under the UID that the state says, with its flags;
// and that nothing is left out. What tells one message from another on the
// server is its size and its Message-ID, against those of the file; of those
// that these do not tell apart, and with Full of all, the content is compared.
func (e *Engine) Check(ctx context.Context, req check.Request) (rep *check.Report, err error) {
	rep = &check.Report{Account: e.Account.Name, Findings: []check.Finding{}, Offline: req.Offline}
	unlock, err := lock(filepath.Join(e.Account.StateDir, e.Account.Name+".lock"))
	if err != nil {
		return rep, err
	}
	defer unlock()
	exists, err := state.Exists(e.StatePath())
	if err != nil {
		return rep, err
	}
	if !exists {
		return rep, &mail.Error{Op: "check", Kind: mail.KindConfig, Err: errors.New("the account was never synced"),
			Hint: "satchel sync " + e.Account.Name}
	}
	db, err := state.Open(ctx, e.StatePath(), e.StateOptions)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	store, done, err := e.openMaildir(ctx, db, true)
	if err != nil {
		return rep, err
	}
	defer done()
	return rep, check.New(e.Env, req, db, store, rep).Run(ctx)
}
