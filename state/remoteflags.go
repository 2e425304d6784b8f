package state

import (
	"context"
	"database/sql"

	"satchel/sync/mail"
)

// RemoteFlags calls yield with the flags that each message of a mailbox has on
// the server, in the order of UIDs. It holds one row at a time.
func (db *DB) RemoteFlags(ctx context.Context, mailbox int64, yield func(mail.UID, mail.Flags)) error {
	rows, err := db.read.QueryContext(ctx, `SELECT uid, remote_flags FROM message WHERE mailbox_id=? AND uid IS NOT NULL ORDER BY uid`, mailbox)
	if err != nil {
		return db.unread("read flags", err)
	}
	defer rows.Close()
	// Neighbours mostly have the same flags.
	var flags mail.Flags
	last := "\x00"
	for rows.Next() {
		var uid mail.UID
		var raw sql.RawBytes
		if err := rows.Scan(&uid, &raw); err != nil {
			return db.unread("read flags", err)
		}
		if string(raw) != last {
			last = string(raw)
			flags = decodeFlags(last)
		}
		yield(uid, flags)
	}
	if err := rows.Err(); err != nil {
		return db.unread("read flags", err)
	}
	return nil
}
