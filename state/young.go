package state

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"time"

	"satchel/sync/mail"
)

//go:embed young.sql
var youngTable string

// Young is a file that went up while it may have been still written.
type Young struct {
	Mailbox string
	Base    string      // unique part of its name
	Size    int64       // bytes of the file that were read
	Digest  mail.Digest // of these
	Sent    time.Time
}

// metaYoung is set while there are such files. Mostly there are none, and values
// of the account are read anyway.
const metaYoung = "young"

// Young returns the files that are to be looked at again, sorted.
func (db *DB) Young(ctx context.Context) ([]Young, error) {
	if some, err := db.Meta(ctx, metaYoung); err != nil || some == "" {
		return nil, err
	}
	rows, err := db.read.QueryContext(ctx, "SELECT mailbox, base, size, digest, sent FROM young ORDER BY mailbox, base, size")
	if err != nil {
		return nil, db.unread("read young files", err)
	}
	defer rows.Close()
	var list []Young
	for rows.Next() {
		var y Young
		var digest []byte
		var sent int64
		if err := rows.Scan(&y.Mailbox, &y.Base, &y.Size, &digest, &sent); err != nil {
			return nil, db.unread("read young files", err)
		}
		if len(digest) != len(y.Digest) {
			return nil, db.unread("read young files", fmt.Errorf("a digest of %d bytes", len(digest)))
		}
		copy(y.Digest[:], digest)
		y.Sent = time.Unix(sent, 0)
		list = append(list, y)
	}
	if err := rows.Err(); err != nil {
		return nil, db.unread("read young files", err)
	}
	return list, nil
}

// PutYoung remembers files.
func (t *Tx) PutYoung(list []Young) error {
	if len(list) == 0 {
		return nil
	}
	if err := t.SetMeta(metaYoung, "1"); err != nil {
		return err
	}
	for _, y := range list {
		if _, err := t.exec("INSERT OR REPLACE INTO young(mailbox, base, size, digest, sent) VALUES(?,?,?,?,?)",
			y.Mailbox, y.Base, y.Size, y.Digest[:], y.Sent.Unix()); err != nil {
			return err
		}
	}
	return nil
}

// DropYoung forgets files.
func (t *Tx) DropYoung(list []Young) error {
	if len(list) == 0 {
		return nil
	}
	for _, y := range list {
		if _, err := t.exec("DELETE FROM young WHERE mailbox=? AND base=? AND size=?", y.Mailbox, y.Base, y.Size); err != nil {
			return err
		}
	}
	some := false
	err := t.prepared("SELECT EXISTS (SELECT 1 FROM young)", func(st *sql.Stmt) error {
		return st.QueryRowContext(t.ctx).Scan(&some)
	})
	if err != nil || some {
		return err
	}
	return t.dropMeta(metaYoung)
}
