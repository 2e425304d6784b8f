package state_test

import (
	"errors"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"satchel/state"
)

// TestMetaValues: whatever was set is read again, by the handle that set it and
// by another, and what a transaction did not keep is not.
func TestMetaValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "home.db")
	db := openAt(t, path)
	want := map[string]string{}
	rapid.Check(t, func(r *rapid.T) {
		set := rapid.MapOfN(rapid.SampledFrom([]string{"a", "key", "größe", "1 2 x"}), rapid.StringOf(rapid.RuneFrom([]rune("a 1ü\n\x1e{\"'"))), 0, 3).Draw(r, "set")
		fails := rapid.Bool().Draw(r, "fails")
		refused := errors.New("refused")
		err := db.Update(t.Context(), func(tx *state.Tx) error {
			for k, v := range set {
				if err := tx.SetMeta(k, v); err != nil {
					return err
				}
			}
			if fails {
				return refused
			}
			return nil
		})
		if fails != errors.Is(err, refused) {
			r.Fatal(err)
		}
		if !fails {
			maps.Copy(want, set)
		}
		other, err := state.Open(t.Context(), path, state.Options{})
		if err != nil {
			r.Fatal(err)
		}
		defer func() { _ = other.Close() }()
		for _, x := range []*state.DB{db, other} {
			for _, k := range []string{"a", "key", "größe", "1 2 x"} {
				if got, err := x.Meta(t.Context(), k); err != nil || got != want[k] {
					r.Fatalf("%q is %q, want %q: %v", k, got, want[k], err)
				}
			}
		}
	})
}

// TestForgetAside: repairs up to a time are forgotten, and others are not.
func TestForgetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "home.db")
	db := openAt(t, path)
	old, at, young := time.Unix(1_700_000_000, 0), time.Unix(1_700_000_010, 0), time.Unix(1_700_000_020, 0)
	write(t, db, func(tx *state.Tx) error { return errors.Join(tx.NoteAside(old), tx.NoteAside(at), tx.NoteAside(young)) })
	if err := db.ForgetAside(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*state.DB{db, openAt(t, path)} {
		for when, want := range map[time.Time]bool{old: false, at: false, young: true} {
			if is, err := x.Ran(t.Context(), when); err != nil || is != want {
				t.Errorf("%v: %v, %v", when, is, err)
			}
		}
	}
}
