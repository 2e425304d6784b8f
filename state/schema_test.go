package state_test

import (
	"database/sql"
	"testing"

	"satchel/state"
)

// TestSchemaRejects: the schema refuses what must not be, whoever writes it.
func TestSchemaRejects(t *testing.T) {
	db := open(t)
	mb := putMailbox(t, db, "INBOX")
	write(t, db, func(tx *state.Tx) error { return tx.PutMessage(message(mb, 7, "x")) })
	file, err := sql.Open("sqlite", db.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const append = `INSERT INTO intent(kind, message_id, mailbox, home, uid, base, flags_add, flags_del, digest, size) VALUES`
	if _, err := file.Exec(append + `('append', NULL, 'A', NULL, 2, 'x', '', '', zeroblob(32), 1)`); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{
		`UPDATE message SET base=''`,
		`UPDATE message SET file_name=1`, // and an info
		`UPDATE message SET file_name=2`,
		`UPDATE message SET file_name=3, info=''`,
		append + `('dance', 1, 'A', 'B', 2, NULL, '', '', NULL, NULL)`,
		append + `('append', NULL, 'A', NULL, 0, 'x', '', '', zeroblob(32), 1)`,
		append + `('append', NULL, 'A', NULL, 2, 'x', '', '', NULL, 1)`,
		append + `('append', NULL, 'A', NULL, 2, 'x', '', '', zeroblob(31), 1)`,
		append + `('copy', 1, 'A', NULL, 2, 'x', '', '', zeroblob(32), 1)`,
		append + `('copy', NULL, 'A', 'B', 2, 'x', '', '', zeroblob(32), 1)`,
		append + `('copy', NULL, 'A', NULL, 2, NULL, '', '', zeroblob(32), 1)`,
		append + `('copy', NULL, 'A', NULL, 2, 'x', '', 'S', zeroblob(32), 1)`,
		append + `('trash', 0, 'A', 'B', 2, NULL, '', '', NULL, NULL)`,
		append + `('trash', NULL, 'A', 'B', 2, NULL, '', '', NULL, NULL)`,
		append + `('trash', 1, 'A', '', 2, NULL, '', '', NULL, NULL)`,
		append + `('remote-move', 1, 'A', NULL, 2, NULL, '', '', NULL, NULL)`,
		append + `('remote-move', 1, '', 'B', 2, NULL, '', '', NULL, NULL)`,
		append + `('remote-move', 1, 'A', 'B', 2, 'x', '', '', NULL, NULL)`,
		append + `('remote-remove', 1, 'A', 'B', 2, NULL, '', 'S', NULL, NULL)`,
		append + `('remote-flags', 1, 'A', 'B', 2, NULL, '', '', zeroblob(32), NULL)`,
		append + `('local-flags', 1, 'A', 'A', 2, NULL, '', '', NULL, NULL)`,
		append + `('local-move', 1, 'A', 'B', 2, NULL, '', '', NULL, NULL)`,
		append + `('local-rename', 1, 'A', 'B', NULL, NULL, '', '', NULL, NULL)`,
		append + `('base-name', NULL, 'A', 'B', 2, NULL, '', '', NULL, NULL)`,
	} {
		if _, err := file.Exec(wrong); err == nil {
			t.Errorf("taken: %s", wrong)
		}
	}
	sound(t, db)
}
