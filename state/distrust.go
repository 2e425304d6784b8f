package state

import (
	"context"
	_ "embed"
	"time"
)

//go:embed distrust.sql
var distrustTable string

// Distrust remembers that a server was caught saying what is not so, so that
// the next run does not ask it that way again.
type Distrust struct {
	Mailbox string // empty: the server as a whole
	Fault   string // what it gets wrong
	Since   time.Time
}

// Distrusts returns what is remembered, in no order.
func (db *DB) Distrusts(ctx context.Context) ([]Distrust, error) {
	rows, err := db.read.QueryContext(ctx, "SELECT mailbox, fault, since FROM distrust")
	if err != nil {
		return nil, db.unread("read distrust", err)
	}
	defer rows.Close()
	var list []Distrust
	for rows.Next() {
		var d Distrust
		var since int64
		if err := rows.Scan(&d.Mailbox, &d.Fault, &since); err != nil {
			return nil, db.unread("read distrust", err)
		}
		d.Since = time.Unix(since, 0)
		list = append(list, d)
	}
	if err := rows.Err(); err != nil {
		return nil, db.unread("read distrust", err)
	}
	return list, nil
}

// PutDistrust remembers d; caught again, a server is distrusted from then on.
func (t *Tx) PutDistrust(d Distrust) error {
	_, err := t.exec("INSERT INTO distrust(mailbox, fault, since) VALUES(?,?,?) ON CONFLICT(mailbox, fault) DO UPDATE SET since=excluded.since",
		d.Mailbox, d.Fault, d.Since.Unix())
	return err
}

// DropDistrust forgets d, which is true no more.
func (t *Tx) DropDistrust(d Distrust) error {
	_, err := t.exec("DELETE FROM distrust WHERE mailbox = ? AND fault = ?", d.Mailbox, d.Fault)
	return err
}

// ForgetDistrust forgets what was remembered before a time.
func (t *Tx) ForgetDistrust(before time.Time) error {
	_, err := t.exec("DELETE FROM distrust WHERE since < ?", before.Unix())
	return err
}
