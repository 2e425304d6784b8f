package state

import (
	"errors"
	"path/filepath"
	"testing"
)

// TestFullDisk: SQLite undoes a transaction by itself when the disk is full. What a caller writes
// behind that, as errors.Join does, is not written either.
func TestFullDisk(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.Update(t.Context(), func(tx *Tx) error {
		_, small := tx.exec("PRAGMA max_page_count=60")
		first := tx.SetMeta("first", "1")
		full := tx.SetMeta("big", string(make([]byte, 4<<20)))
		if small != nil || first != nil || full == nil {
			t.Errorf("%v, %v, %v", small, first, full)
		}
		_, large := tx.exec("PRAGMA max_page_count=6000000")
		return errors.Join(full, large, tx.SetMeta("behind", "1"))
	})
	if err == nil {
		t.Error("a transaction that was undone is said to be written")
	}
	for _, key := range []string{"first", "behind"} {
		if v, err := db.Meta(t.Context(), key); v != "" || err != nil {
			t.Errorf("%s is %q, %v", key, v, err)
		}
	}
}
