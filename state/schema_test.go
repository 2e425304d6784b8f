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
	for _, wrong := range []string{
		`UPDATE message SET base=''`,
		`UPDATE message SET file_name=1`, // and an info
		`UPDATE message SET file_name=2`,
		`UPDATE message SET file_name=3, info=''`,
	} {
		if _, err := file.Exec(wrong); err == nil {
			t.Errorf("taken: %s", wrong)
		}
	}
	sound(t, db)
}
