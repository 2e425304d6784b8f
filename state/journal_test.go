package state_test

import (
	"errors"
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
			list = append(list, state.Expunge(state.Subject{Message: 1, Home: "INBOX"}, 7, "INBOX", mail.Delta{}))
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
	left := state.Expunge(state.Subject{Message: 1, Home: "INBOX"}, 7, "INBOX", mail.Delta{})
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
	of, inbox := state.Subject{Message: m.ID, Home: "INBOX"}, state.Place{Mailbox: "INBOX", UID: 7}
	delta, mark := mail.Delta{Add: mail.NewFlags(`\Seen`, "work"), Remove: mail.NewFlags("$x")}, mail.Delta{Add: mail.NewFlags(`\Deleted`)}
	want := []*state.Intent{
		state.Append(inbox, state.Sent{Base: "y", Digest: mail.Digest{1}, Size: 9, Flags: mail.NewFlags("z")}),
		state.Copy(state.Place{Mailbox: "A"}, state.Sent{Base: "y"}),
		state.RemoteFlags(of, inbox, delta),
		state.LocalFlags(of, delta),
		state.RemoteRemove(of, inbox, mark),
		state.RemoteMove(of, state.Place{Mailbox: "A", UID: ^mail.UID(0)}, mark),
		state.Trash(of, state.Place{Mailbox: "Trash"}, mail.Delta{}),
		state.LocalMove(of, state.Place{Mailbox: "A", UID: 8}, "z", delta),
		state.Expunge(of, 7, "A", mark),
		state.ExpungeStump(of, 7, "z"),
		state.Rename(state.IntentLocalRename, "A", "B"),
		state.Rename(state.IntentRemoteRename, "A", "B"),
		state.Rename(state.IntentSubscription, "A", "B"),
		state.Rename(state.IntentBaseName, "A", "B"),
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

// TestIntentIDsUndone: nor that of one whose transaction was undone; who announced it has it.
func TestIntentIDsUndone(t *testing.T) {
	db := open(t)
	m := message(putMailbox(t, db, "INBOX"), 7, "x")
	write(t, db, func(tx *state.Tx) error { return tx.PutMessage(m) })
	add := func(fail error) int64 {
		i := state.Expunge(state.Subject{Message: m.ID, Home: "INBOX"}, 7, "INBOX", mail.Delta{})
		err := db.Update(t.Context(), func(tx *state.Tx) error { return errors.Join(tx.AddIntents([]*state.Intent{i}), fail) })
		if !errors.Is(err, fail) {
			t.Fatal(err)
		}
		return i.ID
	}
	first := add(nil)
	if undone, next := add(mail.ErrGone), add(nil); undone <= first || next <= undone {
		t.Errorf("%d, undone %d, then %d", first, undone, next)
	}
}
