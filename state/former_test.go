package state_test

import (
	"testing"

	"satchel/state"
	"satchel/sync/mail"
)

// TestFormer: the state knows which UIDVALIDITY the present one of a mailbox follows, also
// where none was known in between.
func TestFormer(t *testing.T) {
	db := open(t)
	mb := putMailbox(t, db, "INBOX")
	for _, c := range []struct{ put, former mail.UIDValidity }{{7, 1}, {7, 1}, {9, 7}, {9, 7}, {0, 9}, {12, 9}, {12, 9}} {
		mb.Cursor = mail.Cursor{UIDValidity: c.put}
		write(t, db, func(tx *state.Tx) error { return tx.PutMailbox(mb) })
		list, err := db.Mailboxes(t.Context())
		if err != nil || len(list) != 1 || list[0].Cursor.UIDValidity != c.put || list[0].Former != c.former {
			t.Errorf("after %d: %+v, %v; want former %d", c.put, list, err, c.former)
		}
	}
}
