package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"satchel/sync/mail"
)

// Message is one message that both sides hold.
type Message struct {
	ID          int64 // 0: not stored yet
	MailboxID   int64
	UID         mail.UID
	Base        string // unique part of the file name
	New         bool   // in new/, not in cur/
	Info        string // the rest of the file name, as ":2,S"; may be empty
	LocalFlags  mail.Flags
	RemoteFlags mail.Flags
	Digest      mail.Digest
	// Essence is the digest of what identifies the file's message, without the
	// lines that programs add; zero where it is Digest.
	Essence  mail.Digest
	Size     int64 // server form, bytes
	DiskSize int64 // file, bytes
	Form     mail.Form
	Date     mail.Date
	EmailID  string
	Pending  bool // the file may not have its name yet

	read saved
}

// saved is what the database was seen to hold of a message, so that only what
// differs is written: an index in which a row changes costs more than the row.
// The zero value is nothing.
type saved struct {
	known   bool
	place   place
	name    name
	content content
}

// The columns of a message, by what changes together. Those of place are in
// indexes.
type (
	place struct {
		mailbox int64
		uid     mail.UID
		base    string
		pending bool
	}
	name struct {
		isNew         bool
		info          string
		local, remote mail.Flags
	}
	content struct {
		digest         mail.Digest
		essence        mail.Digest
		size, diskSize int64
		form           mail.Form
		date           mail.Date
		emailID        string
	}
)

// Differs reports whether the message says something that the database was not
// seen to hold.
func (m *Message) Differs() bool {
	return m.read != saved{true, m.place(), m.name(), m.content()}
}

func (m *Message) place() place { return place{m.MailboxID, m.UID, m.Base, m.Pending} }
func (m *Message) name() name   { return name{m.New, m.Info, m.LocalFlags, m.RemoteFlags} }
func (m *Message) content() content {
	return content{m.Digest, m.Essence, m.Size, m.DiskSize, m.Form, m.Date, m.EmailID}
}

const messageColumns = `id, mailbox_id, uid, base, is_new, info, local_flags, remote_flags, digest, essence, size, disk_size, form, date, emailid, pending`

// Identity returns the digest of what identifies the file's message.
func (m *Message) Identity() mail.Digest {
	if m.Essence.IsZero() {
		return m.Digest
	}
	return m.Essence
}

// Identify notes what identifies the file's message.
func (m *Message) Identify(essence mail.Digest) {
	m.Essence = essence
	if essence == m.Digest {
		m.Essence = mail.Digest{}
	}
}

func scanMessage(s *sql.Rows, m *Message) error {
	var local, remote string
	var digest, essence sql.RawBytes
	if err := s.Scan(&m.ID, &m.MailboxID, &m.UID, &m.Base, &m.New, &m.Info, &local, &remote, &digest, &essence,
		&m.Size, &m.DiskSize, &m.Form, &m.Date, &m.EmailID, &m.Pending); err != nil {
		return err
	}
	m.LocalFlags, m.RemoteFlags = decodeFlags(local), decodeFlags(remote)
	if len(digest) != len(m.Digest) || len(essence) != 0 && len(essence) != len(m.Essence) {
		return fmt.Errorf("message row %d: digests of %d and %d bytes", m.ID, len(digest), len(essence))
	}
	copy(m.Digest[:], digest)
	m.Essence = mail.Digest{}
	copy(m.Essence[:], essence)
	m.read = saved{true, m.place(), m.name(), m.content()}
	return nil
}

// each calls yield for every row of a query; the message is yield's to keep.
func (db *DB) each(ctx context.Context, yield func(*Message) error, where string, args ...any) error {
	rows, err := db.read.QueryContext(ctx, "SELECT "+messageColumns+" FROM message WHERE "+where, args...)
	if err != nil {
		return db.unread("read messages", err)
	}
	defer rows.Close()
	for rows.Next() {
		m := &Message{}
		if err := scanMessage(rows, m); err != nil {
			return db.unread("read messages", err)
		}
		if err := yield(m); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return db.unread("read messages", err)
	}
	return nil
}

// Name is what a comparison with a folder needs of a message.
type Name struct {
	ID      int64
	Base    string
	New     bool
	Info    string
	Pending bool
	// Keywords are those of the local flags, separated by spaces.
	Keywords string
}

// Names calls yield for every message of a mailbox in the order of Base,
// compared as bytes. It is the cheap way through a large mailbox; n is reused.
func (db *DB) Names(ctx context.Context, mailbox int64, yield func(n *Name) error) error {
	rows, err := db.read.QueryContext(ctx, `SELECT id, base, is_new, info, pending,
		CASE WHEN instr(local_flags, ' ') > 0 THEN local_flags ELSE '' END FROM message WHERE mailbox_id=? ORDER BY base`, mailbox)
	if err != nil {
		return db.unread("read names", err)
	}
	defer rows.Close()
	var n Name
	for rows.Next() {
		if err := rows.Scan(&n.ID, &n.Base, &n.New, &n.Info, &n.Pending, &n.Keywords); err != nil {
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

// PendingMailboxes returns the mailboxes with messages whose delivery was
// interrupted.
func (db *DB) PendingMailboxes(ctx context.Context) (map[int64]bool, error) {
	rows, err := db.read.QueryContext(ctx, "SELECT DISTINCT mailbox_id FROM message WHERE pending<>0")
	if err != nil {
		return nil, db.unread("read interrupted deliveries", err)
	}
	defer rows.Close()
	ids := map[int64]bool{}
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, db.unread("read interrupted deliveries", err)
		}
		ids[id] = true
	}
	if err := rows.Err(); err != nil {
		return nil, db.unread("read interrupted deliveries", err)
	}
	return ids, nil
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

// PutMessage inserts m and sets its ID, or updates it when it has one.
func (t *Tx) PutMessage(m *Message) error { return t.PutMessages([]*Message{m}) }

// rowsAtOnce is how many rows one statement writes: a call costs about as much
// as a row.
const rowsAtOnce = 64

const messageValues = `mailbox_id, uid, base, is_new, info, local_flags, remote_flags, digest, essence, size, disk_size, form, date, emailid, pending`

func (m *Message) values(args []any, none any) []any {
	return append(args, m.MailboxID, m.UID, m.Base, m.New, m.Info, encodeFlags(m.LocalFlags), encodeFlags(m.RemoteFlags),
		m.Digest[:], m.essence(none), m.Size, m.DiskSize, m.Form, m.Date, m.EmailID, m.Pending)
}

// essence is the value of that column. none is an empty one, which most rows
// have: made once, it costs no allocation in each.
func (m *Message) essence(none any) any {
	if m.Essence.IsZero() || m.Essence == m.Digest {
		return none
	}
	return m.Essence[:]
}

// PutMessages is PutMessage for many; one that is listed twice is written
// once.
func (t *Tx) PutMessages(list []*Message) error {
	var fresh, known []*Message
	seen := make(map[*Message]bool, len(list))
	for _, m := range list {
		switch {
		case seen[m]:
		case m.ID == 0:
			fresh = append(fresh, m)
		default:
			known = append(known, m)
		}
		seen[m] = true
	}
	if err := t.updateMessages(known); err != nil {
		return err
	}
	return t.insertMessages(fresh)
}

// updateMessages writes what differs from what was read. A row that was not read
// is written whole.
func (t *Tx) updateMessages(list []*Message) error {
	none := any([]byte{})
	for _, m := range list {
		was := m.read
		m.read = saved{} // what comes of the transaction is not known yet
		var sets []string
		var args []any
		if !was.known || was.name != m.name() {
			sets = append(sets, "is_new=?, info=?, local_flags=?, remote_flags=?")
			args = append(args, m.New, m.Info, encodeFlags(m.LocalFlags), encodeFlags(m.RemoteFlags))
		}
		if !was.known || was.place != m.place() {
			sets = append(sets, "mailbox_id=?, uid=?, base=?, pending=?")
			args = append(args, m.MailboxID, m.UID, m.Base, m.Pending)
		}
		if !was.known || was.content != m.content() {
			sets = append(sets, "digest=?, essence=?, size=?, disk_size=?, form=?, date=?, emailid=?")
			args = append(args, m.Digest[:], m.essence(none), m.Size, m.DiskSize, m.Form, m.Date, m.EmailID)
		}
		if len(sets) == 0 {
			continue
		}
		res, err := t.exec("UPDATE message SET "+strings.Join(sets, ", ")+" WHERE id=?", append(args, m.ID)...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("write state: message row %d is not there: %w", m.ID, errors.Join(mail.ErrGone, err))
		}
	}
	return nil
}

func (t *Tx) insertMessages(fresh []*Message) error {
	run, err := t.latestRun()
	if err != nil {
		return err
	}
	columns, none := strings.Count(messageValues, ",")+2, any([]byte{}) // and since
	for batch := range slices.Chunk(fresh, rowsAtOnce) {
		args := make([]any, 0, columns*len(batch))
		for _, m := range batch {
			args = append(m.values(args, none), run)
		}
		ids, err := t.insertAll("message", messageValues+", since", len(batch), args)
		if err != nil {
			return err
		}
		for i, m := range batch {
			m.ID, m.read = ids+int64(i), saved{}
		}
	}
	return nil
}

// insertAll inserts n rows into a table with a rowid, in one statement, and
// returns the id of the first. Row ids ascend by one within a statement
// (sqlite.org/autoinc.html): each is one more than the largest there is.
func (t *Tx) insertAll(table, columns string, n int, args []any) (first int64, err error) {
	row := "(?" + strings.Repeat(",?", len(args)/n-1) + ")"
	res, err := t.exec("INSERT INTO "+table+"("+columns+") VALUES"+row+strings.Repeat(","+row, n-1), args...)
	if err != nil {
		return 0, err
	}
	last, err := res.LastInsertId()
	return last - int64(n-1), err
}

// Delivered marks messages whose files have their names.
func (t *Tx) Delivered(ids ...int64) error {
	return t.allOf("UPDATE message SET pending=0 WHERE id", ids)
}

// DeleteMessages forgets messages.
func (t *Tx) DeleteMessages(ids ...int64) error { return t.allOf("DELETE FROM message WHERE id", ids) }

// allOf runs a statement that ends in the name of a column for all ids.
func (t *Tx) allOf(query string, ids []int64) error {
	for batch := range slices.Chunk(ids, keysAtOnce) {
		args := make([]any, len(batch))
		for i, id := range batch {
			args[i] = id
		}
		if _, err := t.exec(query+" IN (?"+strings.Repeat(",?", len(batch)-1)+")", args...); err != nil {
			return err
		}
	}
	return nil
}
