package state

import (
	"database/sql"
	"errors"
	"fmt"

	"satchel/sync/mail"
)

// At returns the row that has a UID in a mailbox, and the digest of its
// message; an id of 0 means that there is none. Unlike [DB.ByUID] it sees what
// the transaction wrote.
func (t *Tx) At(mailbox int64, uid mail.UID) (id int64, d mail.Digest, err error) {
	var digest []byte
	err = t.prepared(`SELECT id, digest FROM message WHERE mailbox_id=? AND uid=?`, func(st *sql.Stmt) error {
		return st.QueryRowContext(t.ctx, mailbox, uid).Scan(&id, &digest)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, d, nil
	}
	if err != nil {
		return 0, d, fmt.Errorf("read message: %w", err)
	}
	copy(d[:], digest)
	return id, d, nil
}

// ParkUID takes the UID away from a row that gets another one in the same
// transaction, so that rows can change places.
func (t *Tx) ParkUID(id int64) error {
	_, err := t.exec("UPDATE message SET uid=-id WHERE id=?", id)
	return err
}
