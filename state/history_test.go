package state_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/state"
)

func TestRuns(t *testing.T) {
	db := open(t)
	at := time.Unix(1700000000, 0)
	if r, err := db.LastRuns(t.Context()); r != (state.Runs{}) || err != nil {
		t.Fatalf("%v %v", r, err)
	}
	var first, second, third int64
	write(t, db, func(tx *state.Tx) (err error) {
		if first, err = tx.StartRun(at, "all"); err != nil {
			return err
		}
		return tx.FinishRun(first, at.Add(time.Minute), "ok", state.Proof{Scope: "all", Agreed: true})
	})
	write(t, db, func(tx *state.Tx) (err error) {
		if second, err = tx.StartRun(at.Add(time.Hour), "all"); err != nil {
			return err
		}
		return tx.FinishRun(second, at.Add(2*time.Hour), "3 problems", state.Proof{Scope: "all", Here: true})
	})
	write(t, db, func(tx *state.Tx) (err error) { third, err = tx.StartRun(at.Add(3*time.Hour), "all"); return err })
	if third <= second || second <= first {
		t.Errorf("runs %d, %d, %d", first, second, third)
	}
	want := state.Runs{
		Last:   &state.Run{ID: third, Started: at.Add(3 * time.Hour), Proof: state.Proof{Scope: "all"}},
		Agreed: &state.Run{ID: first, Started: at, Finished: at.Add(time.Minute), Outcome: "ok", Proof: state.Proof{Scope: "all", Agreed: true}},
		Here: &state.Run{ID: second, Started: at.Add(time.Hour), Finished: at.Add(2 * time.Hour), Outcome: "3 problems",
			Proof: state.Proof{Scope: "all", Here: true}},
	}
	if r, err := db.LastRuns(t.Context()); err != nil || !cmp.Equal(want, r) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, r))
	}
}

func TestConflicts(t *testing.T) {
	db := open(t)
	at := time.Unix(1700000000, 0)
	conflicts := []state.Conflict{{at, "INBOX", "7", "edited and removed", "kept"}, {at.Add(time.Second), "A", "8", "k", "o"}}
	write(t, db, func(tx *state.Tx) error {
		return errors.Join(tx.AddConflict(conflicts[0]), tx.AddConflict(conflicts[1]))
	})
	slices.Reverse(conflicts)
	if got, err := db.Conflicts(t.Context()); err != nil || !cmp.Equal(conflicts, got) {
		t.Errorf("conflicts: %v\n%s", err, cmp.Diff(conflicts, got))
	}
}

func TestNotices(t *testing.T) {
	db := open(t)
	at := time.Unix(1700000000, 0)
	write(t, db, func(tx *state.Tx) error {
		for i, want := range []bool{true, false} {
			if is, err := tx.Notice("INBOX: once", at.Add(time.Duration(i)*time.Hour)); err != nil || is != want {
				t.Errorf("notice %d: new %v, %v", i, is, err)
			}
		}
		if is, err := tx.Notice("INBOX: another", at); err != nil || !is {
			t.Errorf("another notice: %v %v", is, err)
		}
		return nil
	})
	write(t, db, func(tx *state.Tx) error {
		if is, err := tx.Notice("INBOX: once", at); err != nil || is {
			t.Errorf("later: %v %v", is, err)
		}
		return nil
	})
}

func TestMeta(t *testing.T) {
	db := open(t)
	if v, err := db.Meta(t.Context(), state.MetaRoot); v != "" || err != nil {
		t.Errorf("meta %q %v", v, err)
	}
	for _, v := range []string{"one", "two"} {
		write(t, db, func(tx *state.Tx) error { return tx.SetMeta(state.MetaRoot, v) })
		if got, err := db.Meta(t.Context(), state.MetaRoot); got != v || err != nil {
			t.Errorf("meta %q %v", got, err)
		}
	}
}
