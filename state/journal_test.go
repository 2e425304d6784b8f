package state_test

import (
	"testing"

	"satchel/state"
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
