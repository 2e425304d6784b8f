package state

import (
	"fmt"
	"slices"
)

// Mend drops what breaks an invariant that [DB.Check] verifies, and makes the
// next sync look at the mailboxes concerned from the start. Dropped rows are
// pairs of a file and a message; that sync pairs them again, by content, so no
// mail is touched. It changes nothing that Check has nothing to say about.
func (t *Tx) Mend() error {
	// Intents first: one that makes no sense must not excuse a row.
	for _, query := range []string{
		// Copied there and back, what breaks the schema is left out.
		`CREATE TEMP TABLE entry AS SELECT * FROM intent`,
		`DELETE FROM intent`,
		`INSERT OR IGNORE INTO intent SELECT * FROM entry`,
		`DROP TABLE entry`,
		`DELETE FROM intent WHERE message_id IS NOT NULL AND message_id NOT IN (SELECT id FROM message)`,
		`DELETE FROM mailbox WHERE name = ''`,
	} {
		if _, err := t.exec(query); err != nil {
			return err
		}
	}
	if err := t.mendFlags(); err != nil {
		return err
	}
	// Of rows that share a file all go, since which is right only the content
	// can tell. UIDs are worth nothing without their UIDVALIDITY.
	const badCursor = `uidvalidity NOT BETWEEN 0 AND 4294967295 OR uidnext NOT BETWEEN 0 AND 4294967295
		OR messages NOT BETWEEN 0 AND 4294967295 OR highestmodseq < 0 OR uidvalidity = 0 AND (uidnext <> 0 OR highestmodseq <> 0)`
	err := t.dropMessages(`
		mailbox_id NOT IN (SELECT id FROM mailbox)
		OR mailbox_id IN (SELECT id FROM mailbox WHERE ` + badCursor + `)
		OR uid NOT BETWEEN 1 AND 4294967295 OR base = '' OR file_name NOT IN (0, 1, 2) OR file_name <> 0 AND info <> '' OR length(digest) <> 32 OR size < 0 OR disk_size < 0 OR form NOT IN (0, 1, 2, 3, 4)
		OR length(essence) NOT IN (0, 32)
		OR form = 1 AND size <> disk_size OR form = 0 AND size < disk_size
		OR pending <> 0 AND (SELECT outcome = 'ok' AND scope <> '' FROM run ORDER BY id DESC LIMIT 1)
		OR pending = 0 AND EXISTS (SELECT 1 FROM message o
			WHERE o.mailbox_id = message.mailbox_id AND o.base = message.base AND o.is_new = message.is_new AND o.info = message.info
			AND message.file_name = 0 AND o.file_name = 0 AND o.id <> message.id AND o.pending = 0
			AND NOT EXISTS (SELECT 1 FROM intent i WHERE i.message_id IN (message.id, o.id)))`)
	if err != nil {
		return err
	}
	for _, query := range []string{
		`UPDATE mailbox SET uidvalidity = 0, uidnext = 0, highestmodseq = 0, messages = 0 WHERE ` + badCursor,
		`DELETE FROM intent WHERE message_id IS NOT NULL AND message_id NOT IN (SELECT id FROM message)`,
	} {
		if _, err := t.exec(query); err != nil {
			return err
		}
	}
	return nil
}

// dropMessages forgets messages and resets what their mailboxes say of how
// far both sides were read. A row without a mailbox may belong to any.
func (t *Tx) dropMessages(where string) error {
	const reset = `UPDATE mailbox SET uidnext = 0, highestmodseq = 0, messages = 0, dir_mtime = 0, cur_mtime = 0, new_mtime = 0 WHERE id IN `
	const concerned = `SELECT id FROM mailbox`
	for _, query := range []string{
		reset + `(` + concerned + ` WHERE EXISTS (SELECT 1 FROM message WHERE mailbox_id NOT IN (SELECT id FROM mailbox)))`,
		reset + `(SELECT mailbox_id FROM message WHERE ` + where + `)`,
		`DELETE FROM message WHERE id IN (SELECT id FROM message WHERE ` + where + `)`,
	} {
		if _, err := t.exec(query); err != nil {
			return err
		}
	}
	return nil
}

// mendFlags drops what has flags that are not written as we write them; those
// that a mailbox stores are asked for anew.
func (t *Tx) mendFlags() error {
	for _, c := range []struct{ table, columns string }{
		{"message", "local_flags, remote_flags"}, {"intent", "flags_add, flags_del"}, {"mailbox", "permanent, ''"},
	} {
		ids, err := t.badFlags(c.table, c.columns)
		if err != nil {
			return err
		}
		for part := range slices.Chunk(ids, 500) {
			list := ""
			for i, id := range part {
				if i > 0 {
					list += ","
				}
				list += fmt.Sprint(id)
			}
			switch c.table {
			case "message":
				err = t.dropMessages(`id IN (` + list + `)`)
			case "intent":
				_, err = t.exec(`DELETE FROM intent WHERE id IN (` + list + `)`)
			default:
				_, err = t.exec(`UPDATE mailbox SET permanent = '' WHERE id IN (` + list + `)`)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Tx) badFlags(table, columns string) (ids []int64, err error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT id, `+columns+` FROM `+table)
	if err != nil {
		return nil, fmt.Errorf("read flags: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var a, b string
		if err := rows.Scan(&id, &a, &b); err != nil {
			return nil, fmt.Errorf("read flags: %w", err)
		}
		if encodeFlags(decodeFlags(a)) != a || encodeFlags(decodeFlags(b)) != b {
			ids = append(ids, id)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read flags: %w", err)
	}
	return ids, nil
}
