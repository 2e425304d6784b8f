package state_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// TestMigrateIntents: an append without a home is a copy, and the entries have the fields
// of their kind.
func TestMigrateIntents(t *testing.T) {
	db := openAt(t, version12(t))
	sent := state.Sent{Digest: mail.Digest(bytes.Repeat([]byte{1}, 32)), Size: 120}
	up, copied := sent, sent
	up.Base, up.Flags, copied.Base = "up", mail.NewFlags(`\Seen`), "copy"
	want := []*state.Intent{
		state.Append(state.Place{Mailbox: "INBOX", UID: 20}, up),
		state.Copy(state.Place{Mailbox: "Archive", UID: 5}, copied),
		state.RemoteFlags(state.Subject{Message: 1, Home: "INBOX"}, state.Place{Mailbox: "INBOX", UID: 11}, mail.Delta{Add: mail.NewFlags(`\Flagged`)}),
		state.RemoteMove(state.Subject{Message: 2, Home: "INBOX"}, state.Place{Mailbox: "Archive", UID: 5}, mail.Delta{Add: mail.NewFlags(`\Draft`)}),
	}
	want[0].Confirmed = true
	for k, i := range want {
		i.ID = int64(k + 3)
	}
	got, err := db.Intents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(mail.Flags{})); d != "" {
		t.Error(d)
	}
	again := state.Append(state.Place{Mailbox: "INBOX"}, up)
	write(t, db, func(tx *state.Tx) error { return tx.AddIntents([]*state.Intent{again}) })
	if again.ID != 7 {
		t.Errorf("the next entry is %d", again.ID)
	}
}

// TestMigrateUIDs: a UID that no message will have becomes none; a row that the schema
// rejects is left out, and its mailbox is looked at from the start.
func TestMigrateUIDs(t *testing.T) {
	path := version12(t)
	raw(t, path, `UPDATE message SET form=9 WHERE base='pending'`, `UPDATE mailbox SET dir_mtime=5`)
	db := openAt(t, path)
	var got []string
	if err := db.All(t.Context(), 1, func(m *state.Message) error { got = append(got, fmt.Sprint(m.Base, m.UID)); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"away0", "named11", "plain12", "unknown13"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	boxes, err := db.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, mb := range boxes {
		if lost := mb.Name == "Archive"; lost != (mb.Cursor.UIDNext == 0) || lost != (mb.DirMTime == 0) || mb.Cursor.UIDValidity == 0 {
			t.Errorf("%+v", mb)
		}
	}
	sound(t, db)
}
