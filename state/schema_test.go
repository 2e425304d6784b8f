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
	const entry = `INSERT INTO intent(kind, message_id, mailbox, home, uid, base, flags_add, flags_del, digest, size) VALUES`
	if _, err := file.Exec(entry + `('append', NULL, 'A', NULL, 2, 'x', '', '', zeroblob(32), 1)`); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{
		`UPDATE message SET base=''`,
		`UPDATE message SET file_name=1`, // and an info
		`UPDATE message SET file_name=2`,
		`UPDATE message SET file_name=3, info=''`,
		`UPDATE message SET uid=0`,
		`UPDATE message SET uid=4294967296`,
		`UPDATE message SET digest=x'00'`,
		`UPDATE message SET essence=x'00'`,
		`UPDATE message SET size=-1`,
		`UPDATE message SET disk_size=-1`,
		`UPDATE message SET form=5`,
		`UPDATE message SET pending=2`,
		`INSERT INTO message(mailbox_id, uid, base, digest, size, disk_size) VALUES(1, 7, 'y', zeroblob(32), 0, 0)`, // the UID of another
		entry + `('dance', 1, 'A', 'B', 2, NULL, '', '', NULL, NULL)`,
		entry + `('append', NULL, 'A', NULL, 0, 'x', '', '', zeroblob(32), 1)`,
		entry + `('append', NULL, 'A', NULL, 2, 'x', '', '', NULL, 1)`,
		entry + `('append', NULL, 'A', NULL, 2, 'x', '', '', zeroblob(31), 1)`,
		entry + `('copy', 1, 'A', NULL, 2, 'x', '', '', zeroblob(32), 1)`,
		entry + `('copy', NULL, 'A', 'B', 2, 'x', '', '', zeroblob(32), 1)`,
		entry + `('copy', NULL, 'A', NULL, 2, NULL, '', '', zeroblob(32), 1)`,
		entry + `('copy', NULL, 'A', NULL, 2, 'x', '', 'S', zeroblob(32), 1)`,
		entry + `('trash', 0, 'A', 'B', 2, NULL, '', '', NULL, NULL)`,
		entry + `('trash', NULL, 'A', 'B', 2, NULL, '', '', NULL, NULL)`,
		entry + `('trash', 1, 'A', '', 2, NULL, '', '', NULL, NULL)`,
		entry + `('remote-move', 1, 'A', NULL, 2, NULL, '', '', NULL, NULL)`,
		entry + `('remote-move', 1, '', 'B', 2, NULL, '', '', NULL, NULL)`,
		entry + `('remote-move', 1, 'A', 'B', 2, 'x', '', '', NULL, NULL)`,
		entry + `('remote-remove', 1, 'A', 'B', 2, NULL, '', 'S', NULL, NULL)`,
		entry + `('remote-flags', 1, 'A', 'B', 2, NULL, '', '', zeroblob(32), NULL)`,
		entry + `('local-flags', 1, 'A', 'A', 2, NULL, '', '', NULL, NULL)`,
		entry + `('local-move', 1, 'A', 'B', 2, NULL, '', '', NULL, NULL)`,
		entry + `('local-rename', 1, 'A', 'B', NULL, NULL, '', '', NULL, NULL)`,
		entry + `('base-name', NULL, 'A', 'B', 2, NULL, '', '', NULL, NULL)`,
	} {
		if _, err := file.Exec(wrong); err == nil {
			t.Errorf("taken: %s", wrong)
		}
	}
	sound(t, db)
}
