package run

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"satchel/conflict"
	"satchel/maildir"
	"satchel/state"
	"satchel/sync/account"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/report"
)

// Only returns the mailboxes that the run is about, nil for all.
func (s *Run) Only() []string {
	var only []string
	for _, name := range s.Req.Mailboxes {
		only = append(only, maildir.Canonical(name))
	}
	return only
}

// Asked reports whether the run is about a mailbox.
func (s *Run) Asked(name string) bool {
	only := s.Only()
	return len(only) == 0 || slices.Contains(only, name)
}

// UndoRun names the folder that keeps what this run removes.
func (s *Run) UndoRun() string { return s.Start.UTC().Format(UndoLayout) }

// UndoLayout is how runs are named in the undo folder: the time at which the
// run began, in UTC, so that names sort by time.
const UndoLayout = "20060102T150405Z"

func conflictEntry(c conflict.Conflict, at time.Time) report.ConflictEntry {
	return report.ConflictEntry{Mailbox: c.Mailbox, Message: c.Message, Kind: c.Kind.String(), Outcome: c.Outcome, Time: at}
}

// StatePath is the file of the state.
func (e *Env) StatePath() string {
	return filepath.Join(e.Account.StateDir, e.Account.Name+".db")
}

// MaildirOptions is how the Maildir of the account is opened.
func (e *Env) MaildirOptions() maildir.Options {
	return maildir.Options{
		Layout: e.Account.Layout,

		UTF7: e.Account.UTF7Folders, Separator: e.Account.Separator, Folders: e.Account.Folders,
		NoFsync: e.Account.NoFsync,
		Undo:    filepath.Join(e.Account.StateDir, e.Account.Name+".undo"),
		FS:      e.FS,
		Now:     e.Now,
		Logger:  e.Log,
		Process: e.Process,
		Host:    e.Host,
	}
}

// RemoteOptions is how the server of the account is reached.
func (e *Env) RemoteOptions() remote.Options {
	a := e.Account
	return remote.Options{
		Host: a.Host, Port: a.Port, TLS: a.TLS, RootCA: a.TLSCA, Fingerprint: a.TLSFingerprint,
		AllowCleartext: a.AllowCleartext, Certificate: a.Certificate, User: a.User, Password: a.Password, Token: a.Token,
		Auth: a.Auth, LoginHint: a.LoginHint, Tunnel: a.Tunnel,
		Compress: a.Compress, ReadOnly: a.Direction == account.Pull, Timeout: a.Timeout, Dial: a.Dial, Without: a.Level.Without(a.WithoutCaps), Logger: e.Log,
		Wanted: a.Wanted,
	}
}

// Afresh says how to go on with another Maildir, or none. Without a state the
// messages are paired again, and nothing is removed on either side.
func (e *Env) Afresh(db *state.DB) string {
	return fmt.Sprintf("to start afresh with what is there, which removes nothing: mv %s %s && satchel sync %s",
		mail.ShellWord(db.Path()), mail.ShellWord(db.Path()+".old"), e.Account.Name)
}

// Identity names the account on its server.
func (e *Env) Identity() string {
	a := e.Account
	if a.Tunnel != "" {
		return strings.ToLower(a.User) + " through " + a.Tunnel
	}
	port := a.Port
	if port == 0 {
		port = 143
		if a.TLS == "" || a.TLS == "implicit" {
			port = 993
		}
	}
	return fmt.Sprintf("%s at %s:%d", strings.ToLower(a.User), strings.TrimSuffix(strings.ToLower(a.Host), "."), port)
}

// Scope says what a run on the whole account covers, in all the directions that the
// account goes; a run on less has none. A configuration that includes other
// mailboxes, or goes other ways, has another one.
func (e *Env) Scope() string {
	s := fmt.Sprintf("include %q exclude %q", e.Account.Include, e.Account.Exclude)
	if d := e.Account.Direction; d == account.Pull || d == account.Push {
		s += " " + string(d)
	}
	return s
}

// Examines reports whether mailboxes are opened read-only: then not even
// \Recent changes (RFC 3501 §6.3.2). What such a session says of permanent
// flags is about itself.
func (s *Run) Examines() bool { return s.Req.DryRun || s.Account.Direction == account.Pull }

// Wanted applies include and exclude.
func (s *Run) Wanted(name string) bool { return s.Account.Wanted(name) }
