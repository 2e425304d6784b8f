package state

import (
	"context"
	"slices"

	"satchel/sync/mail"
)

// IntentKind says what was about to be done.
type IntentKind string

// The kinds of intents. Only operations whose effect could be taken for a
// change by the user after a crash need one.
const (
	// IntentAppend: a message is about to appear in Mailbox on the server
	// (APPEND or COPY), for the file Base. UID is the lowest that it can get.
	// Home is empty for COPY, and Mailbox for APPEND.
	IntentAppend IntentKind = "append"
	// IntentRemoteFlags and IntentLocalFlags: Delta is about to be applied.
	IntentRemoteFlags IntentKind = "remote-flags"
	IntentLocalFlags  IntentKind = "local-flags"
	// IntentRemoteMove: the message is about to be moved to Mailbox on the
	// server. UID is as for IntentAppend.
	IntentRemoteMove IntentKind = "remote-move"
	// IntentRemoteRemove: the message was removed locally, and is about to be
	// marked \Deleted and expunged. Delta is the mark, if it is ours, as it
	// is for IntentRemoteMove, IntentTrash and IntentExpunge, for which a
	// server may have it set as well.
	IntentRemoteRemove IntentKind = "remote-remove"
	// IntentLocalMove: the file is about to be moved to Mailbox as Base, where
	// the server has the message as UID, and Delta applied with it.
	IntentLocalMove IntentKind = "local-move"
	// IntentTrash: the message is about to be moved to Mailbox, because it
	// was removed locally. UID is as for IntentAppend.
	IntentTrash IntentKind = "trash"
	// IntentExpunge: the message was removed locally, or is what a move left
	// behind, and there is a copy where one was asked for. Only its removal
	// from Home is missing, which may have to wait for other clients. Mailbox
	// is where the copy of a half move is, else Home. Unlike the others this
	// one outlives runs.
	IntentExpunge IntentKind = "expunge"
	// IntentLocalRename and IntentRemoteRename: the mailbox Home is about to
	// be renamed to Mailbox on that side, with those below it.
	IntentLocalRename  IntentKind = "local-rename"
	IntentRemoteRename IntentKind = "remote-rename"
	// IntentBaseName belongs to the rename before it: once that is carried
	// out, the mailbox Home of the base is called Mailbox.
	IntentBaseName IntentKind = "base-name"
	// IntentSubscription belongs to the rename before it: the subscription of
	// Home is then to become one of Mailbox.
	IntentSubscription IntentKind = "subscription"
)

// The kinds as SQL lists them: those that belong to a rename, and all.
const (
	renameKinds = `'local-rename', 'remote-rename', 'base-name', 'subscription'`
	intentKinds = `'append', 'remote-flags', 'local-flags', 'remote-move', 'remote-remove', 'local-move', 'trash', 'expunge', ` + renameKinds
)

// Intent is an entry of the journal.
type Intent struct {
	ID      int64
	Kind    IntentKind
	Message int64  // row, 0 if none yet
	Mailbox string // where it leads
	Home    string // where the message was
	UID     mail.UID
	Base    string
	Delta   mail.Delta
	Digest  mail.Digest
	Size    int64
	// Confirmed: the server said OK to it, and neither said nor showed what became
	// of the message, or of the mailbox that it was to rename. Of an IntentExpunge:
	// EXPUNGE may have been sent.
	Confirmed bool
}

const intentValues = `kind, message_id, mailbox, home, uid, base, flags_add, flags_del, digest, size, confirmed`

// AddIntents writes intents and sets their IDs. An ID that this process has seen is not
// given again: who ends an entry once more would end another one.
func (t *Tx) AddIntents(list []*Intent) error {
	for batch := range slices.Chunk(list, rowsAtOnce) {
		var args []any
		var id any // SQLite chooses
		if last := t.db.lastIntent.Load(); last > 0 {
			id = last + 1
		}
		for k, i := range batch {
			if k > 0 {
				id = nil // one more than the one before
			}
			args = append(args, id, string(i.Kind), i.Message, i.Mailbox, i.Home, i.UID, i.Base,
				encodeFlags(i.Delta.Add), encodeFlags(i.Delta.Remove), i.Digest[:], i.Size, i.Confirmed)
		}
		first, err := t.insertAll("intent", "id, "+intentValues, len(batch), args)
		if err != nil {
			return err
		}
		for k, i := range batch {
			i.ID = first + int64(k)
		}
		t.db.sawIntent(batch[len(batch)-1].ID)
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
	rows, err := db.read.QueryContext(ctx, `SELECT id, `+intentValues+` FROM intent ORDER BY id`)
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
	if len(list) > 0 {
		db.sawIntent(list[len(list)-1].ID)
	}
	return list, nil
}

// sawIntent notes that an entry of the journal has this ID.
func (db *DB) sawIntent(id int64) {
	last := db.lastIntent.Load()
	for last < id && !db.lastIntent.CompareAndSwap(last, id) {
		last = db.lastIntent.Load()
	}
}
