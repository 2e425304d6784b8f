package state

import (
	"fmt"

	"satchel/sync/mail"
)

// ParkUID takes the UID away from a row that gets another one in the same
// transaction, so that rows can change places.
func (t *Tx) ParkUID(id int64) error {
	_, err := t.exec("UPDATE message SET uid=-id WHERE id=?", id)
	return err
}

// HasUID reports whether a row of the mailbox other than except has the UID.
func (t *Tx) HasUID(mailbox int64, uid mail.UID, except int64) (has bool, err error) {
	err = t.tx.QueryRowContext(t.ctx, "SELECT EXISTS(SELECT 1 FROM message WHERE mailbox_id=? AND uid=? AND id<>?)",
		mailbox, uid, except).Scan(&has)
	if err != nil {
		return false, fmt.Errorf("look for uid: %w", err)
	}
	return has, nil
}
