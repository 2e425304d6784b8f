package state

import (
	"context"
	"slices"

	"satchel/sync/mail"
)

const intentValues = `kind, message_id, mailbox, home, uid, base, flags_add, flags_del, digest, size, confirmed`

// values are those of the columns. A field that the kind does not have is NULL.
func (i *Intent) values() []any {
	digest, size := any(nil), any(nil)
	if i.Uploads() {
		digest, size = i.Digest[:], i.Size
	}
	return []any{string(i.Kind), some(i.Message), i.Mailbox, some(i.Home), some(i.UID), some(i.Base),
		encodeFlags(i.Delta.Add), encodeFlags(i.Delta.Remove), digest, size, i.Confirmed}
}

// some returns v, and NULL for a zero.
func some[T comparable](v T) any {
	var none T
	if v == none {
		return nil
	}
	return v
}

// AddIntents writes intents and sets their IDs. SQLite gives no ID again that was
// committed (AUTOINCREMENT), and this process none that it has seen, whatever became of
// the transaction: who ends an entry once more would end another one.
func (t *Tx) AddIntents(list []*Intent) error {
	for batch := range slices.Chunk(list, rowsAtOnce) {
		var args []any
		var id any // SQLite chooses
		if last := t.db.lastIntent; last > 0 {
			id = last + 1
		}
		for k, i := range batch {
			if k > 0 {
				id = nil // one more than the one before
			}
			args = append(append(args, id), i.values()...)
		}
		first, err := t.insertAll("intent", "id, "+intentValues, len(batch), args)
		if err != nil {
			return err
		}
		for k, i := range batch {
			i.ID = first + int64(k)
		}
		t.db.lastIntent = batch[len(batch)-1].ID
	}
	return nil
}

// DeleteIntents forgets intents that were carried out, or were found not to be.
func (t *Tx) DeleteIntents(ids ...int64) error { return t.allOf("DELETE FROM intent WHERE id", ids) }

// ConfirmIntents makes intents confirmed; see [Intent.Confirmed].
func (t *Tx) ConfirmIntents(ids ...int64) error {
	return t.allOf("UPDATE intent SET confirmed=1 WHERE id", ids)
}

// Repoint notes the row of an intent whose message got another one. What the journal
// does not have any more stays forgotten.
func (t *Tx) Repoint(i *Intent) error {
	_, err := t.exec("UPDATE intent SET message_id=? WHERE id=?", i.Message, i.ID)
	return err
}

// Intents returns the journal in the order in which it was written.
func (db *DB) Intents(ctx context.Context) ([]*Intent, error) {
	rows, err := db.read.QueryContext(ctx, `SELECT id, kind, coalesce(message_id, 0), mailbox, coalesce(home, ''), coalesce(uid, 0), coalesce(base, ''),
		flags_add, flags_del, digest, coalesce(size, 0), confirmed FROM intent ORDER BY id`)
	if err != nil {
		return nil, db.unread("read journal", err)
	}
	defer rows.Close()
	var list []*Intent
	for rows.Next() {
		i := &Intent{}
		var kind, add, del string
		var digest []byte
		if err := rows.Scan(&i.ID, &kind, &i.Message, &i.Mailbox, &i.Home, &i.UID, &i.Base, &add, &del, &digest, &i.Size, &i.Confirmed); err != nil {
			return nil, db.unread("read journal", err)
		}
		i.Kind = IntentKind(kind)
		i.Delta = mail.Delta{Add: decodeFlags(add), Remove: decodeFlags(del)}
		copy(i.Digest[:], digest)
		list = append(list, i)
	}
	if err := rows.Err(); err != nil {
		return nil, db.unread("read journal", err)
	}
	return list, nil
}
