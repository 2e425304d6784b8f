package state

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"

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
	return t.allOf("UPDATE message SET uid=NULL WHERE id", ids)
}

// DetachOthers is [Tx.Detach] for all messages of the mailbox but these, which keep their
// rows and lose their UIDs.
func (t *Tx) DetachOthers(mailbox int64, kept ...*Message) error {
	still := make(map[int64]bool, len(kept))
	for _, m := range kept {
		still[m.ID] = true
		m.UID = 0
	}
	// These had none before, and would not differ from those that stay.
	before, err := t.withoutUID(mailbox)
	if err != nil {
		return err
	}
	before = slices.DeleteFunc(before, func(id int64) bool { return still[id] })
	if err := errors.Join(t.DeleteMessages(before...), t.ParkUIDs(kept...)); err != nil {
		return err
	}
	_, err = t.exec("DELETE FROM message WHERE mailbox_id=? AND uid IS NOT NULL", mailbox)
	return err
}

func (t *Tx) withoutUID(mailbox int64) (ids []int64, err error) {
	rows, err := t.tx.QueryContext(t.ctx, "SELECT id FROM message WHERE mailbox_id=? AND uid IS NULL", mailbox)
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("read messages: %w", err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	return ids, nil
}
