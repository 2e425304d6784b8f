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

// ParkUIDs takes the UIDs away from rows that get others in the same
// transaction, so that they can change places. They have to be put again.
func (t *Tx) ParkUIDs(rows ...*Message) error {
	ids := make([]int64, len(rows))
	for i, m := range rows {
		ids[i], m.read = m.ID, saved{}
	}
	return t.allOf("UPDATE message SET uid=-id WHERE id", ids)
}
