package state

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"satchel/sync/mail"
)

// Name is what a comparison with a folder needs of a message.
type Name struct {
	ID      int64
	Base    string
	New     bool
	Info    string
	Known   bool // Base and Info are the name of its file
	Pending bool
	// Keywords are those of the local flags, separated by spaces.
	Keywords string
}

// Names calls yield for every message of a mailbox in the order of Base,
// compared as bytes. It is the cheap way through a large mailbox; n is reused.
func (db *DB) Names(ctx context.Context, mailbox int64, yield func(n *Name) error) error {
	rows, err := db.read.QueryContext(ctx, `SELECT id, base, is_new, info, file_name=0, pending,
		CASE WHEN instr(local_flags, ' ') > 0 THEN local_flags ELSE '' END FROM message WHERE mailbox_id=? ORDER BY base`, mailbox)
	if err != nil {
		return db.unread("read names", err)
	}
	defer rows.Close()
	var n Name
	for rows.Next() {
		if err := rows.Scan(&n.ID, &n.Base, &n.New, &n.Info, &n.Known, &n.Pending, &n.Keywords); err != nil {
			return db.unread("read names", err)
		}
		_, n.Keywords, _ = strings.Cut(n.Keywords, " ")
		if err := yield(&n); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return db.unread("read names", err)
	}
	return nil
}

// All calls yield for all messages of a mailbox, in the order of UIDs; first come those
// without one.
func (db *DB) All(ctx context.Context, mailbox int64, yield func(*Message) error) error {
	return db.each(ctx, yield, "mailbox_id=? ORDER BY uid, id", mailbox)
}

// WithoutUID returns the messages of a mailbox that have no UID there.
func (db *DB) WithoutUID(ctx context.Context, mailbox int64) ([]*Message, error) {
	return db.some(ctx, "mailbox_id=? AND uid IS NULL ORDER BY id", mailbox)
}

// Range calls yield for the messages of a mailbox whose UID lies in r, in the
// order of UIDs.
func (db *DB) Range(ctx context.Context, mailbox int64, r mail.UIDRange, yield func(*Message) error) error {
	return db.each(ctx, yield, "mailbox_id=? AND uid BETWEEN ? AND ? ORDER BY uid", mailbox, r.Start, r.Stop)
}

// Unlike calls yield for the messages of a mailbox of which the sides hold
// different flags.
func (db *DB) Unlike(ctx context.Context, mailbox int64, yield func(*Message) error) error {
	return db.each(ctx, yield, "mailbox_id=? AND local_flags<>remote_flags ORDER BY id", mailbox)
}

// shortRange is how many UIDs of a range are named one by one: a few that no row
// has cost less than a query for each range.
const shortRange = 64

// Among calls yield for the messages of a mailbox whose UID is in the set, in
// the order of UIDs.
func (db *DB) Among(ctx context.Context, mailbox int64, set mail.UIDSet, yield func(*Message) error) error {
	var named []any
	flush := func() error {
		if len(named) == 0 {
			return nil
		}
		args := append([]any{mailbox}, named...)
		named = named[:0]
		return db.each(ctx, yield, "mailbox_id=? AND uid IN (?"+strings.Repeat(",?", len(args)-2)+") ORDER BY uid", args...)
	}
	for _, r := range set {
		if uint64(r.Stop-r.Start) >= shortRange {
			if err := errors.Join(flush(), db.Range(ctx, mailbox, r, yield)); err != nil {
				return err
			}
			continue
		}
		for n := uint64(r.Start); n <= uint64(r.Stop); n++ {
			if named = append(named, n); len(named) == keysAtOnce {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}

// UIDs calls yield for every UID of a mailbox from the first one on, ascending.
func (db *DB) UIDs(ctx context.Context, mailbox int64, first mail.UID, yield func(mail.UID)) error {
	rows, err := db.read.QueryContext(ctx, `SELECT uid FROM message WHERE mailbox_id=? AND uid>=? ORDER BY uid`, mailbox, first)
	if err != nil {
		return db.unread("read uids", err)
	}
	defer rows.Close()
	for rows.Next() {
		var uid mail.UID
		if err := rows.Scan(&uid); err != nil {
			return db.unread("read uids", err)
		}
		yield(uid)
	}
	if err := rows.Err(); err != nil {
		return db.unread("read uids", err)
	}
	return nil
}

// Get returns one message, or nil when there is none.
func (db *DB) Get(ctx context.Context, id int64) (*Message, error) {
	return db.one(ctx, "id=?", id)
}

// ByUID returns one message, or nil when there is none.
func (db *DB) ByUID(ctx context.Context, mailbox int64, uid mail.UID) (*Message, error) {
	return db.one(ctx, "mailbox_id=? AND uid=?", mailbox, uid)
}

func (db *DB) one(ctx context.Context, where string, args ...any) (*Message, error) {
	var found *Message
	err := db.each(ctx, func(m *Message) error { found = m; return nil }, where, args...)
	return found, err
}

// HasSize reports whether a mailbox has a message of that size (server form).
func (db *DB) HasSize(ctx context.Context, mailbox, size int64) (bool, error) {
	var n int
	err := db.read.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM message WHERE mailbox_id=? AND size=? LIMIT 1)", mailbox, size).Scan(&n)
	if err != nil {
		return false, db.unread("read messages", err)
	}
	return n > 0, nil
}

// Candidates of the same content, at most 16: enough to choose a source from.
const someCandidates = 16

// ByDigest returns messages with that content.
func (db *DB) ByDigest(ctx context.Context, d mail.Digest) ([]*Message, error) {
	return db.some(ctx, "digest=? AND pending=0 ORDER BY id LIMIT ?", d[:], someCandidates)
}

// ByDigests returns messages with these contents, a few of each.
func (db *DB) ByDigests(ctx context.Context, digests []mail.Digest) (map[mail.Digest][]*Message, error) {
	found := make(map[mail.Digest][]*Message, len(digests))
	err := eachIn(ctx, db, "digest", digests, func(d mail.Digest) any { return d[:] }, "AND pending=0 ORDER BY id", func(m *Message) {
		if len(found[m.Digest]) < someCandidates {
			found[m.Digest] = append(found[m.Digest], m)
		}
	})
	return found, err
}

// ByIdentity returns messages by what identifies their files, a few of each.
func (db *DB) ByIdentity(ctx context.Context, digests []mail.Digest) (map[mail.Digest][]*Message, error) {
	found := make(map[mail.Digest][]*Message, len(digests))
	for _, where := range []struct{ column, rest string }{
		{"digest", "AND essence=x'' AND pending=0 ORDER BY id"}, {"essence", "AND essence<>x'' AND pending=0 ORDER BY id"},
	} {
		err := eachIn(ctx, db, where.column, digests, func(d mail.Digest) any { return d[:] }, where.rest, func(m *Message) {
			if d := m.Identity(); len(found[d]) < someCandidates {
				found[d] = append(found[d], m)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// ByEmailID returns messages with one of these identities (RFC 8474 §5.1), a
// few of each.
func (db *DB) ByEmailID(ctx context.Context, ids []string) (map[string][]*Message, error) {
	found := make(map[string][]*Message, len(ids))
	err := eachIn(ctx, db, "emailid", ids, func(id string) any { return id }, "AND emailid<>'' AND pending=0 ORDER BY id", func(m *Message) {
		if len(found[m.EmailID]) < someCandidates {
			found[m.EmailID] = append(found[m.EmailID], m)
		}
	})
	return found, err
}

// SizeDate is what COPY keeps of a message.
type SizeDate struct {
	Size int64 // server form
	Date mail.Date
}

// BySizes returns messages of these sizes by size and date, a few of each.
func (db *DB) BySizes(ctx context.Context, sizes []int64) (map[SizeDate][]*Message, error) {
	found := map[SizeDate][]*Message{}
	err := eachIn(ctx, db, "size", sizes, func(n int64) any { return n }, "AND pending=0 ORDER BY id", func(m *Message) {
		if k := (SizeDate{m.Size, m.Date}); len(found[k]) < someCandidates {
			found[k] = append(found[k], m)
		}
	})
	return found, err
}

// ByID returns those of the rows that are there.
func (db *DB) ByID(ctx context.Context, ids []int64) (map[int64]*Message, error) {
	found := make(map[int64]*Message, len(ids))
	err := eachIn(ctx, db, "id", ids, func(id int64) any { return id }, "", func(m *Message) { found[m.ID] = m })
	return found, err
}

// ByBase returns the messages of a mailbox whose files have one of these unique
// parts of the name.
func (db *DB) ByBase(ctx context.Context, mailbox int64, bases []string) (list []*Message, err error) {
	err = eachIn(ctx, db, "base", bases, func(b string) any { return b }, fmt.Sprintf("AND mailbox_id=%d ORDER BY id", mailbox),
		func(m *Message) { list = append(list, m) })
	return list, err
}

// keysAtOnce is how many rows one statement looks for.
const keysAtOnce = 256

// eachIn calls yield for the messages in which column has one of the keys.
func eachIn[K any](ctx context.Context, db *DB, column string, keys []K, value func(K) any, rest string, yield func(*Message)) error {
	for batch := range slices.Chunk(keys, keysAtOnce) {
		args := make([]any, len(batch))
		for i, k := range batch {
			args[i] = value(k)
		}
		where := column + " IN (?" + strings.Repeat(",?", len(batch)-1) + ") " + rest
		if err := db.each(ctx, func(m *Message) error { yield(m); return nil }, where, args...); err != nil {
			return err
		}
	}
	return nil
}

// Unfinished are the mailboxes with messages that an interrupted run left half done.
type Unfinished struct {
	Pending    map[int64]bool // whose delivery was begun
	WithoutUID map[int64]bool // which the file did not follow yet
}

// Unfinished returns those mailboxes.
func (db *DB) Unfinished(ctx context.Context) (Unfinished, error) {
	u := Unfinished{Pending: map[int64]bool{}, WithoutUID: map[int64]bool{}}
	// Left to itself SQLite reads all of message_uid, which holds the NULLs, too.
	rows, err := db.read.QueryContext(ctx, `SELECT DISTINCT mailbox_id, 0 FROM message INDEXED BY message_pending WHERE pending<>0
		UNION ALL SELECT DISTINCT mailbox_id, 1 FROM message INDEXED BY message_nouid WHERE uid IS NULL`)
	if err != nil {
		return u, db.unread("read what was interrupted", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var noUID bool
		if err := rows.Scan(&id, &noUID); err != nil {
			return u, db.unread("read what was interrupted", err)
		}
		if noUID {
			u.WithoutUID[id] = true
		} else {
			u.Pending[id] = true
		}
	}
	if err := rows.Err(); err != nil {
		return u, db.unread("read what was interrupted", err)
	}
	return u, nil
}

func (db *DB) some(ctx context.Context, where string, args ...any) ([]*Message, error) {
	var list []*Message
	err := db.each(ctx, func(m *Message) error { list = append(list, m); return nil }, where, args...)
	return list, err
}

// Count returns how many messages a mailbox has; 0 as id counts all.
func (db *DB) Count(ctx context.Context, mailbox int64) (int, error) {
	var n int
	query := "SELECT count(*) FROM message WHERE mailbox_id=? AND pending=0"
	args := []any{mailbox}
	if mailbox == 0 {
		query, args = "SELECT count(*) FROM message WHERE pending=0", nil
	}
	if err := db.read.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
		return 0, db.unread("count messages", err)
	}
	return n, nil
}

// Empty reports whether the base has no message at all, at no cost.
func (db *DB) Empty(ctx context.Context) (bool, error) {
	var n int
	if err := db.read.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM message LIMIT 1)").Scan(&n); err != nil {
		return false, db.unread("count messages", err)
	}
	return n == 0, nil
}

// Counts returns how many messages each mailbox has, by its ID, without those whose
// delivery was begun.
func (db *DB) Counts(ctx context.Context) (map[int64]int, error) {
	counts := map[int64]int{}
	// Each is answered by an index alone.
	err := db.count(ctx, "SELECT mailbox_id, count(*) FROM message GROUP BY mailbox_id", counts, 1)
	if err == nil {
		err = db.count(ctx, "SELECT mailbox_id, count(*) FROM message WHERE pending<>0 GROUP BY mailbox_id", counts, -1)
	}
	return counts, err
}

// count adds what a query counts by mailbox, so many times.
func (db *DB) count(ctx context.Context, query string, counts map[int64]int, times int) error {
	rows, err := db.read.QueryContext(ctx, query)
	if err != nil {
		return db.unread("count messages", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var n int
		if err := rows.Scan(&id, &n); err != nil {
			return db.unread("count messages", err)
		}
		counts[id] += times * n
	}
	if err := rows.Err(); err != nil {
		return db.unread("count messages", err)
	}
	return nil
}
