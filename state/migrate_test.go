package state_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"satchel/state"
	"satchel/sync/mail"
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

// TestMigrateSeen: what version 6 noted as seen, before there was a value that says
// so, is known after the upgrade, and can be forgotten.
func TestMigrateSeen(t *testing.T) {
	file := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, c := range map[string]struct {
		insert string
		want   map[string]uint32
	}{
		"some": {"INSERT INTO seen VALUES('INBOX', 7)", map[string]uint32{"INBOX": 7}},
		"none": {"INSERT INTO meta VALUES('level', 'x')", map[string]uint32{}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "home.db")
			raw(t, path, file("schema.sql"),
				"ALTER TABLE mailbox ADD COLUMN files INTEGER NOT NULL DEFAULT -1", "ALTER TABLE mailbox ADD COLUMN names INTEGER NOT NULL DEFAULT 0",
				file("distrust.sql"), "ALTER TABLE mailbox ADD COLUMN refused TEXT NOT NULL DEFAULT ''", file("removal.sql"),
				"ALTER TABLE mailbox ADD COLUMN letters TEXT NOT NULL DEFAULT ''",
				c.insert, "PRAGMA application_id=0x53617463", "PRAGMA user_version=6")
			db := openAt(t, path)
			got, err := db.Seen(t.Context())
			if err != nil || !maps.Equal(got, c.want) {
				t.Errorf("seen %v, %v", got, err)
			}
			write(t, db, func(tx *state.Tx) error { return tx.SetSeen(nil) })
			if got, err = db.Seen(t.Context()); err != nil || len(got) != 0 {
				t.Errorf("seen %v after all were here, %v", got, err)
			}
		})
	}
}

// version12 makes a state of version 12, of testdata.
func version12(t *testing.T) (path string) {
	t.Helper()
	dump, err := os.ReadFile(filepath.Join("..", "testdata", "state", "version12.sql"))
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "home.db")
	raw(t, path, string(dump))
	return path
}

// TestMigrateFileName: rows that said by slashes that they do not name their file say it in
// a column.
func TestMigrateFileName(t *testing.T) {
	db := openAt(t, version12(t))
	want := map[string]state.Message{
		"named":   {Info: ":2,S"},
		"plain":   {New: true},
		"unknown": {FileName: state.FileNameUnknown},
		"away":    {FileName: state.FileNameAway},
		"pending": {Info: ":2,"},
	}
	rows, err := db.ByDigest(t.Context(), mail.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := db.ByUID(t.Context(), 2, 3); err != nil || m == nil {
		t.Errorf("the pending row: %v, %v", m, err)
	} else {
		rows = append(rows, m)
	}
	if len(rows) != len(want) {
		t.Errorf("%d rows, want %d", len(rows), len(want))
	}
	for _, m := range rows {
		w := want[m.Base]
		if m.New != w.New || m.Info != w.Info || m.FileName != w.FileName || m.NamesFile() != (w.FileName == state.FileNameKnown) {
			t.Errorf("%s: %+v", m.Base, m)
		}
	}
	sound(t, db)
}
