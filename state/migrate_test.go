package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"satchel/state"
)

// TestMigrateVersion1: a file of the first schema is brought up to date and
// keeps what it holds.
func TestMigrateVersion1(t *testing.T) {
	schema, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "home.db")
	raw(t, path, string(schema), "PRAGMA application_id=0x53617463", "PRAGMA user_version=1",
		`INSERT INTO mailbox(name, uidvalidity, permanent) VALUES('INBOX', 7, '\Seen')`)
	for range 2 {
		db, err := state.Open(t.Context(), path, state.Options{})
		if err != nil {
			t.Fatal(err)
		}
		list, err := db.Mailboxes(t.Context())
		if err != nil || len(list) != 1 || list[0].Cursor.UIDValidity != 7 || !list[0].Refused.IsEmpty() || list[0].Letters != state.LettersUnknown {
			t.Errorf("mailboxes %+v, error %v", list, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
