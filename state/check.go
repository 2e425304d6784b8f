package state

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Check verifies the invariants of the state and returns what it found wrong,
// one sentence for people each, with mailbox and message. An error means that
// it could not look, not that something is wrong.
//
// What is no invariant, because a stopped or a partial run may leave it behind
// and the next one puts it right:
//
//   - a UID at or beyond the UIDNEXT of the cursor: messages that satchel itself
//     put there are in rows before the cursor moves past them, and a cursor may
//     be held for long (a brake, --push, a message that cannot be fetched),
//     which the state does not say
//   - a cursor of zero in a mailbox with rows: the server is read anew
//   - a pending row after a run that was stopped, had problems, or was not of the
//     whole account: what an older Maildir lacks waits for one that is
//   - two rows that name one file, while an intent tells of one of them or one
//     of them is pending: files changed names, and the base follows row by row.
//     Two files may share the unique part of their names
//   - flags that differ between the two columns: a side cannot hold them all
func (db *DB) Check(ctx context.Context) ([]string, error) {
	c := &check{ctx: ctx, db: db}
	c.pages()
	for _, i := range invariants() {
		c.rows(i)
	}
	c.flags()
	if len(c.findings) == 0 {
		c.findings = c.unnamed
	}
	if c.err != nil {
		return c.findings, explain("check state "+db.path, fmt.Errorf("check state: %w", c.err))
	}
	return c.findings, nil
}

// subject names a message the way people know it.
const subject = `coalesce(b.name, 'mailbox row ' || m.mailbox_id), coalesce('uid ' || m.uid, 'no uid') || ' (' || m.base || ')'`

// invariants are queries for rows that break a rule. They yield mailbox,
// subject and what is wrong.
func invariants() []string {
	const from = ` FROM message m LEFT JOIN mailbox b ON b.id = m.mailbox_id `
	const order = ` ORDER BY m.mailbox_id, m.uid, m.id`
	of := func(wrong, where string) string {
		return `SELECT ` + subject + `, ` + wrong + from + `WHERE ` + where + order
	}
	return []string{
		of(`'its mailbox is not in the state'`, `b.id IS NULL`),
		of(`'no UID'`, `m.uid = 0`), // NULL is none
		of(`'a UID of more than 32 bits'`, `m.uid < 0 OR m.uid > 4294967295`),
		of(`'no file name'`, `m.base = ''`),
		of(`'a file name ' || m.info || ' that is said not to be known'`, `m.file_name <> 0 AND m.info <> ''`),
		of(`'file_name ' || m.file_name || ' is not known'`, `m.file_name NOT IN (0, 1, 2)`),
		of(`'a digest of ' || length(m.digest) || ' bytes'`, `length(m.digest) <> 32`),
		of(`'a size of ' || min(m.size, m.disk_size) || ' bytes'`, `m.size < 0 OR m.disk_size < 0`),
		of(`'an essence of ' || length(m.essence) || ' bytes'`, `length(m.essence) NOT IN (0, 32)`),
		of(`'form ' || m.form || ' is not known'`, `m.form NOT IN (0, 1, 2, 3, 4)`),
		of(`'kept byte for byte, but of ' || m.size || ' bytes on the server and ' || m.disk_size || ' on disk'`,
			`m.form = 1 AND m.size <> m.disk_size AND m.size >= 0 AND m.disk_size >= 0`),
		of(`'larger on disk (' || m.disk_size || ' bytes) than on the server (' || m.size || '), where lines end in CRLF'`,
			`m.form = 0 AND m.size < m.disk_size AND m.size >= 0`),
		of(`'called undelivered, though the last run ended well'`,
			`m.pending <> 0 AND (SELECT outcome = 'ok' AND scope <> '' FROM run ORDER BY id DESC LIMIT 1)`),
		`SELECT ` + subject + `, 'shares its file with ' || coalesce('uid ' || o.uid, 'one without a uid')` + from +
			`JOIN message o ON o.mailbox_id = m.mailbox_id AND o.base = m.base AND o.is_new = m.is_new AND o.info = m.info AND o.id > m.id
			WHERE m.file_name = 0 AND o.file_name = 0 AND m.pending = 0 AND o.pending = 0 AND NOT EXISTS (SELECT 1 FROM intent i WHERE i.message_id IN (m.id, o.id))` + order,
		`SELECT name, '', 'UIDNEXT ' || uidnext || ' and mod-sequence ' || highestmodseq || ' without UIDVALIDITY'
			FROM mailbox WHERE uidvalidity = 0 AND (uidnext <> 0 OR highestmodseq <> 0) ORDER BY id`,
		`SELECT name, '', 'cursor out of range' FROM mailbox WHERE uidvalidity NOT BETWEEN 0 AND 4294967295
			OR uidnext NOT BETWEEN 0 AND 4294967295 OR messages NOT BETWEEN 0 AND 4294967295 OR highestmodseq < 0 ORDER BY id`,
		`SELECT '', 'mailbox row ' || id, 'no name' FROM mailbox WHERE name = ''`,
		`SELECT i.mailbox, 'intent ' || i.id || ' (' || i.kind || ')', 'is about row ' || i.message_id || ', which does not exist'
			FROM intent i LEFT JOIN message m ON m.id = i.message_id WHERE i.message_id IS NOT NULL AND m.id IS NULL ORDER BY i.id`,
		`SELECT mailbox, 'intent ' || id, 'its kind "' || kind || '" is not known' FROM intent
			WHERE kind NOT IN (` + intentKinds + `) ORDER BY id`,
		`SELECT mailbox, 'intent ' || id || ' (' || kind || ')', 'a digest of ' || length(digest) || ' bytes' FROM intent
			WHERE length(digest) <> 32 ORDER BY id`,
		`SELECT mailbox, 'intent ' || id || ' (' || kind || ')', 'a size of ' || size || ' bytes' FROM intent
			WHERE size < 0 ORDER BY id`,
	}
}

// check gathers findings; after an error it does nothing more.
type check struct {
	ctx      context.Context
	db       *DB
	findings []string
	unnamed  []string // rows that break a CHECK of the schema; as a rule an invariant says more of them
	err      error
}

func (c *check) found(mailbox, subject, wrong string) {
	s := wrong
	for _, x := range []string{subject, mailbox} {
		if x != "" {
			s = x + ": " + s
		}
	}
	c.findings = append(c.findings, s)
}

// each calls f for every row of a query.
func (c *check) each(query string, f func(scan func(...any) error) error) {
	if c.err != nil {
		return
	}
	rows, err := c.db.read.QueryContext(c.ctx, query)
	if err != nil {
		c.err = err
		return
	}
	defer rows.Close()
	for rows.Next() {
		if c.err = f(rows.Scan); c.err != nil {
			return
		}
	}
	c.err = rows.Err()
}

// pages verifies the file itself: structure, indexes, references.
func (c *check) pages() {
	c.each("PRAGMA quick_check(20)", func(scan func(...any) error) error {
		var s string
		if err := scan(&s); err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(s, "CHECK constraint failed"):
			c.unnamed = append(c.unnamed, "the file is damaged: "+s)
		case s != "ok":
			c.found("", "", "the file is damaged: "+s)
		}
		return nil
	})
	c.each("PRAGMA foreign_key_check", func(scan func(...any) error) error {
		var table, parent string
		var row, key sql.NullInt64
		if err := scan(&table, &row, &parent, &key); err != nil {
			return err
		}
		if table != "message" { // messages are named below
			c.found("", "", fmt.Sprintf("row %d of %s: its %s does not exist", row.Int64, table, parent))
		}
		return nil
	})
}

// rows runs one of the invariants.
func (c *check) rows(query string) {
	c.each(query, func(scan func(...any) error) error {
		var mailbox, subject, wrong string
		if err := scan(&mailbox, &subject, &wrong); err != nil {
			return err
		}
		c.found(mailbox, subject, wrong)
		return nil
	})
}

// flags verifies that what is written of flags is what would be written of
// what is read; most rows share a few spellings.
func (c *check) flags() {
	good := map[string]bool{}
	column := func(mailbox, subject, name, s string) {
		known, seen := good[s]
		if !seen {
			known = encodeFlags(decodeFlags(s)) == s
			good[s] = known
		}
		if !known {
			c.found(mailbox, subject, fmt.Sprintf("%s flags %q cannot be read", name, s))
		}
	}
	c.each(`SELECT `+subject+`, m.local_flags, m.remote_flags FROM message m LEFT JOIN mailbox b ON b.id = m.mailbox_id
		ORDER BY m.mailbox_id, m.uid, m.id`, func(scan func(...any) error) error {
		var mailbox, subject, local, remote string
		if err := scan(&mailbox, &subject, &local, &remote); err != nil {
			return err
		}
		column(mailbox, subject, "local", local)
		column(mailbox, subject, "remote", remote)
		return nil
	})
	c.each(`SELECT name, permanent FROM mailbox ORDER BY id`, func(scan func(...any) error) error {
		var name, permanent string
		if err := scan(&name, &permanent); err != nil {
			return err
		}
		column(name, "", "permanent", permanent)
		return nil
	})
	c.each(`SELECT mailbox, 'intent ' || id, flags_add, flags_del FROM intent ORDER BY id`, func(scan func(...any) error) error {
		var mailbox, subject, add, del string
		if err := scan(&mailbox, &subject, &add, &del); err != nil {
			return err
		}
		column(mailbox, subject, "added", add)
		column(mailbox, subject, "removed", del)
		return nil
	})
}
