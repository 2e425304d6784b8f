package state_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/state"
	"satchel/sync/mail"
)

func TestYoung(t *testing.T) {
	db := open(t)
	at := time.Unix(1700000000, 0)
	a := state.Young{Mailbox: "INBOX", Base: "a", Size: 10, Digest: mail.Digest{1}, Sent: at}
	longer, b := a, a
	longer.Size, longer.Digest = 20, mail.Digest{2}
	b.Base = "b"
	write(t, db, func(tx *state.Tx) error { return tx.PutYoung([]state.Young{b, longer, a}) })
	later := a
	later.Sent = at.Add(time.Hour)
	write(t, db, func(tx *state.Tx) error { return tx.PutYoung([]state.Young{later}) })
	got, err := db.Young(t.Context())
	if d := cmp.Diff([]state.Young{later, longer, b}, got); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	write(t, db, func(tx *state.Tx) error { return tx.DropYoung([]state.Young{a, b}) })
	got, err = db.Young(t.Context())
	if d := cmp.Diff([]state.Young{longer}, got); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
}

// TestYoungForgotten: once all are forgotten, no value of the account says that
// there are any, in the file or in memory.
func TestYoungForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "home.db")
	db := openAt(t, path)
	y := state.Young{Mailbox: "INBOX", Base: "a", Size: 10, Digest: mail.Digest{1}, Sent: time.Unix(1700000000, 0)}
	write(t, db, func(tx *state.Tx) error { return tx.PutYoung([]state.Young{y}) })
	if some, err := db.Meta(t.Context(), "young"); err != nil || some == "" {
		t.Fatal(some, err)
	}
	write(t, db, func(tx *state.Tx) error { return tx.DropYoung([]state.Young{y}) })
	for _, x := range []*state.DB{db, openAt(t, path)} {
		if some, err := x.Meta(t.Context(), "young"); err != nil || some != "" {
			t.Errorf("young is %q, %v", some, err)
		}
	}
}
