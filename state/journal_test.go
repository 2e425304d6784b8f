package state_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"satchel/state"
	"satchel/sync/mail"
)

// TestIntentIDs: no entry of the journal gets the ID of one that is over, or who ends that
// once more would end another one.
func TestIntentIDs(t *testing.T) {
	db := open(t)
	add := func(n int) (list []*state.Intent) {
		for range n {
			list = append(list, &state.Intent{Kind: state.IntentExpunge})
		}
		write(t, db, func(tx *state.Tx) error { return tx.AddIntents(list) })
		return list
	}
	last := int64(0)
	for n := range 4 {
		for _, i := range add(n) {
			if i.ID <= last {
				t.Errorf("%d after %d", i.ID, last)
			}
			last = i.ID
		}
		list, err := db.Intents(t.Context())
		if err != nil || len(list) != n || n > 0 && list[n-1].ID != last {
			t.Errorf("read %d, %v; want %d up to %d", len(list), err, n, last)
		}
		for _, i := range list {
			write(t, db, func(tx *state.Tx) error { return tx.DeleteIntents(i.ID) })
		}
	}
}

// TestIntentIDsOfBefore: nor that of one which an earlier run left, and this one ended.
func TestIntentIDsOfBefore(t *testing.T) {
	path := t.TempDir() + "/home.db"
	left := &state.Intent{Kind: state.IntentExpunge}
	for range 2 {
		db, err := state.Open(t.Context(), path, state.Options{})
		if err != nil {
			t.Fatal(err)
		}
		list, err := db.Intents(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		was := left.ID
		for _, i := range list {
			write(t, db, func(tx *state.Tx) error { return tx.DeleteIntents(i.ID) })
		}
		write(t, db, func(tx *state.Tx) error { return tx.AddIntents([]*state.Intent{left}) })
		if left.ID <= was {
			t.Errorf("%d after %d", left.ID, was)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestJournal(t *testing.T) {
	db := open(t)
	mb := putMailbox(t, db, "INBOX")
	m := message(mb, 7, "x")
	write(t, db, func(tx *state.Tx) error { return tx.PutMessage(m) })
	want := []*state.Intent{
		{Kind: state.IntentAppend, Mailbox: "INBOX", Home: "INBOX", Base: "y", Digest: mail.Digest{1}, Size: 9},
		{Kind: state.IntentRemoteFlags, Message: m.ID, Mailbox: "INBOX", Home: "INBOX", UID: 7,
			Delta: mail.Delta{Add: mail.NewFlags(`\Seen`, "work"), Remove: mail.NewFlags("$x")}},
		{Kind: state.IntentLocalMove, Message: m.ID, Mailbox: "A", Home: "INBOX", UID: ^mail.UID(0)},
		{Kind: state.IntentTrash, Message: m.ID, Mailbox: "Trash", Home: "INBOX", UID: 7},
	}
	write(t, db, func(tx *state.Tx) error { return tx.AddIntents(want) })
	check := func() {
		t.Helper()
		got, err := db.Intents(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(mail.Flags{})); diff != "" {
			t.Fatalf("(-written +read):\n%s", diff)
		}
	}
	check()
	write(t, db, func(tx *state.Tx) error { return tx.DeleteIntents(want[1].ID) })
	want = slices.Delete(want, 1, 2)
	check()
}
