package state

import (
	"context"
	_ "embed"
	"slices"
	"strings"
	"time"

	"satchel/sync/mail"
)

//go:embed removal.sql
var removalTables string

// Side is one of the two sides that a message can be removed from.
type Side string

// The sides.
const (
	Local  Side = "local"
	Remote Side = "remote"
)

// Fate says where a message is that a run removed from a side.
type Fate string

// The fates. A message that was expunged is nowhere, as far as satchel knows.
const (
	FateUndo     Fate = "undo"     // in the undo folder
	FateTrash    Fate = "trash"    // in a mailbox of the server
	FateExpunged Fate = "expunged" // gone
)

// Removal is one message that a run removed from a side, because it was gone
// from the other.
type Removal struct {
	ID       int64
	Run      int64
	Began    time.Time // when the run did; read only
	Time     time.Time
	Side     Side
	Mailbox  string
	Fate     Fate
	Trash    string   // the mailbox, with FateTrash
	TrashUID mail.UID // there, 0: the server did not say
	Digest   mail.Digest
	Size     int64 // server form, bytes
	Date     mail.Date
	Base     string // unique part of the name that its file had
	Message  int64  // its row, which must still be there when the removal is noted
}

// AddRemovals notes removals of the latest run.
func (t *Tx) AddRemovals(list []Removal) error {
	for _, r := range list {
		_, err := t.exec(`INSERT INTO removal(run, time, side, mailbox, since, fate, trash, trash_uid, digest, size, date, base)
			VALUES((SELECT coalesce(max(id), 0) FROM run), ?, ?, ?, coalesce((SELECT since FROM message WHERE id=?), 0), ?, ?, ?, ?, ?, ?, ?)`,
			r.Time.Unix(), string(r.Side), r.Mailbox, r.Message, string(r.Fate), r.Trash, r.TrashUID, r.Digest[:], r.Size, r.Date, r.Base)
		if err != nil {
			return err
		}
	}
	return nil
}

// AddHeld notes how many messages the base held of mailboxes (under "" in all)
// before the latest run removed any; what a run noted first stays.
func (t *Tx) AddHeld(messages map[string]int) error {
	for name, n := range messages {
		if _, err := t.exec(`INSERT INTO held(run, mailbox, messages) VALUES((SELECT coalesce(max(id), 0) FROM run), ?, ?)
			ON CONFLICT DO NOTHING`, name, n); err != nil {
			return err
		}
	}
	return nil
}

// ReleaseRemovals makes the count of the brakes begin anew, for some mailboxes
// or without any for all.
func (t *Tx) ReleaseRemovals(mailboxes []string) error {
	if len(mailboxes) == 0 {
		_, err := t.exec(`UPDATE removal SET released=1 WHERE released=0`)
		return err
	}
	for _, name := range mailboxes {
		if _, err := t.exec(`UPDATE removal SET released=1 WHERE released=0 AND mailbox=?`, name); err != nil {
			return err
		}
	}
	return nil
}

// ForgetRemovals forgets what was removed before a time.
func (t *Tx) ForgetRemovals(before time.Time) error {
	if _, err := t.exec(`DELETE FROM removal WHERE time < ?`, before.Unix()); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM held WHERE run < coalesce((SELECT min(run) FROM removal), 9223372036854775807)`)
	return err
}

// DeleteRemovals forgets removals that were taken back.
func (t *Tx) DeleteRemovals(ids ...int64) error { return t.allOf("DELETE FROM removal WHERE id", ids) }

// Removals returns what runs removed from a side and is still remembered, the
// newest first.
func (db *DB) Removals(ctx context.Context, side Side) ([]Removal, error) {
	rows, err := db.read.QueryContext(ctx, `SELECT removal.id, run, coalesce(run.started, time), time, mailbox, fate, trash, trash_uid, digest, size, date, base
		FROM removal LEFT JOIN run ON run.id = run WHERE side=? ORDER BY removal.id DESC`, string(side))
	if err != nil {
		return nil, db.unread("read removals", err)
	}
	defer rows.Close()
	var list []Removal
	for rows.Next() {
		r := Removal{Side: side}
		var began, at int64
		var fate string
		var digest []byte
		if err := rows.Scan(&r.ID, &r.Run, &began, &at, &r.Mailbox, &fate, &r.Trash, &r.TrashUID, &digest, &r.Size, &r.Date, &r.Base); err != nil {
			return nil, db.unread("read removals", err)
		}
		r.Began, r.Time, r.Fate = time.Unix(began, 0), time.Unix(at, 0), Fate(fate)
		copy(r.Digest[:], digest)
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return nil, db.unread("read removals", err)
	}
	return list, nil
}

// Loss is what a mailbox, or the account, lost since a time.
type Loss struct {
	Since time.Time // of the first removal
	Run   int64     // that did it
	Held  int       // how many messages there were before it
	// Local and Remote count removals from that side of messages that were
	// there then.
	Local, Remote int
}

// Lost returns what was removed after a time, by mailbox and under "" in all.
// Messages that came behind the first removal are not counted: it is no loss to
// remove what arrives.
func (db *DB) Lost(ctx context.Context, after time.Time) (map[string]*Loss, error) {
	type tally struct {
		mailbox, side  string
		run, since, at int64
		n              int
	}
	rows, err := db.read.QueryContext(ctx, `SELECT mailbox, side, run, since, min(time), count(*) FROM removal
		WHERE time > ? AND released = 0 GROUP BY 1, 2, 3, 4`, after.Unix())
	if err != nil {
		return nil, db.unread("read removals", err)
	}
	defer rows.Close()
	var list []tally
	for rows.Next() {
		var c tally
		if err := rows.Scan(&c.mailbox, &c.side, &c.run, &c.since, &c.at, &c.n); err != nil {
			return nil, db.unread("read removals", err)
		}
		list = append(list, c)
	}
	if err := rows.Err(); err != nil {
		return nil, db.unread("read removals", err)
	}
	lost := map[string]*Loss{}
	slices.SortFunc(list, func(a, b tally) int { return int(a.run - b.run) })
	for _, c := range list {
		for _, name := range []string{c.mailbox, ""} {
			l := lost[name]
			if l == nil {
				l = &Loss{Since: time.Unix(c.at, 0), Run: c.run}
				lost[name] = l
			}
			switch {
			case c.since >= l.Run:
			case Side(c.side) == Local:
				l.Local += c.n
			default:
				l.Remote += c.n
			}
		}
	}
	return lost, db.heldBefore(ctx, lost)
}

func (db *DB) heldBefore(ctx context.Context, lost map[string]*Loss) error {
	for name, l := range lost {
		err := db.read.QueryRowContext(ctx, `SELECT coalesce(max(messages), 0) FROM held WHERE run=? AND mailbox=?`, l.Run, name).Scan(&l.Held)
		if err != nil {
			return db.unread("read removals", err)
		}
	}
	return nil
}

// Since returns in which run messages came into the base, by row.
func (db *DB) Since(ctx context.Context, ids []int64) (map[int64]int64, error) {
	since := make(map[int64]int64, len(ids))
	for batch := range slices.Chunk(ids, keysAtOnce) {
		if err := db.sinceOf(ctx, batch, since); err != nil {
			return nil, db.unread("read messages", err)
		}
	}
	return since, nil
}

func (db *DB) sinceOf(ctx context.Context, ids []int64, since map[int64]int64) error {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	rows, err := db.read.QueryContext(ctx, "SELECT id, since FROM message WHERE id IN (?"+strings.Repeat(",?", len(ids)-1)+")", args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, run int64
		if err := rows.Scan(&id, &run); err != nil {
			return err
		}
		since[id] = run
	}
	return rows.Err()
}
