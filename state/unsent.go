package state

import (
	"context"
	_ "embed"
	"time"

	"satchel/sync/mail"
)

//go:embed unsent.sql
var unsentTable string

// Unsent is a file that was sent to the server and is not there: the server
// refused it, or said OK and does not show it.
type Unsent struct {
	Mailbox, Base string
	// What the file was: the digest of what was sent, its time and its inode.
	Digest mail.Digest
	MTime  mail.Date
	Inode  uint64
	Tried  time.Time // when it went up last
	Sent   int       // how often it went up with this outcome
	Answer string    // why the server refused it; empty when it said OK
}

// UnsentFiles returns what is remembered, in no order.
func (db *DB) UnsentFiles(ctx context.Context) ([]*Unsent, error) {
	rows, err := db.read.QueryContext(ctx, "SELECT mailbox, base, digest, mtime, inode, tried, sent, answer FROM unsent")
	if err != nil {
		return nil, db.unread("read what was not sent", err)
	}
	defer rows.Close()
	var list []*Unsent
	for rows.Next() {
		u := &Unsent{}
		var digest []byte
		var tried, inode int64
		if err := rows.Scan(&u.Mailbox, &u.Base, &digest, &u.MTime, &inode, &tried, &u.Sent, &u.Answer); err != nil {
			return nil, db.unread("read what was not sent", err)
		}
		copy(u.Digest[:], digest)
		u.Tried, u.Inode = time.Unix(tried, 0), uint64(inode)
		list = append(list, u)
	}
	if err := rows.Err(); err != nil {
		return nil, db.unread("read what was not sent", err)
	}
	return list, nil
}

// PutUnsent remembers u instead of what was known of that file.
func (t *Tx) PutUnsent(u *Unsent) error {
	_, err := t.exec(`INSERT INTO unsent(mailbox, base, digest, mtime, inode, tried, sent, answer) VALUES(?,?,?,?,?,?,?,?)
		ON CONFLICT(mailbox, base) DO UPDATE SET digest=excluded.digest, mtime=excluded.mtime, inode=excluded.inode,
		tried=excluded.tried, sent=excluded.sent, answer=excluded.answer`,
		u.Mailbox, u.Base, u.Digest[:], u.MTime, int64(u.Inode), u.Tried.Unix(), u.Sent, u.Answer)
	return err
}

// ForgetUnsent forgets what is known of a file.
func (t *Tx) ForgetUnsent(mailbox, base string) error {
	_, err := t.exec("DELETE FROM unsent WHERE mailbox=? AND base=?", mailbox, base)
	return err
}

// ForgetUnsentBefore forgets what was last tried before a time.
func (t *Tx) ForgetUnsentBefore(before time.Time) error {
	_, err := t.exec("DELETE FROM unsent WHERE tried < ?", before.Unix())
	return err
}
