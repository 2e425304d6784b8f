package state_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"satchel/state"
	"satchel/sync/mail"
)

// open opens a state that is checked when the test ends.
func open(t testing.TB) *state.DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "state", "home.db"))
}

func openAt(t testing.TB, path string) *state.DB {
	t.Helper()
	db, err := state.Open(t.Context(), path, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sound(t, db)
		for range 2 { // Close may be called twice
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return db
}

func sound(t testing.TB, db *state.DB) {
	t.Helper()
	findings, err := db.Check(context.Background())
	if err != nil || len(findings) > 0 {
		t.Errorf("check: %v\n%s", err, strings.Join(findings, "\n"))
	}
}

func write(t testing.TB, db *state.DB, f func(*state.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func putMailbox(t testing.TB, db *state.DB, name string) *state.Mailbox {
	t.Helper()
	m := &state.Mailbox{Name: name, Cursor: mail.Cursor{UIDValidity: 1, UIDNext: 1}}
	write(t, db, func(tx *state.Tx) error { return tx.PutMailbox(m) })
	return m
}

func message(mb *state.Mailbox, uid mail.UID, base string) *state.Message {
	return &state.Message{MailboxID: mb.ID, UID: uid, Base: base, Info: ":2,S", LocalFlags: mail.NewFlags(`\Seen`),
		RemoteFlags: mail.NewFlags(`\Seen`), Digest: mail.Digest{byte(uid), 1}, Size: 120, DiskSize: 100, Date: 1700000000}
}

// raw opens the file without satchel.
func raw(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}
