package state

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Keys of [DB.Meta].
const (
	// metaSeen is not empty where [Tx.SetSeen] noted anything.
	metaSeen = "seen"
	// MetaRoot is the id of the Maildir root that this state belongs to.
	MetaRoot = "root"
	// MetaGeneration is the generation of the Maildir that this state last
	// changed.
	MetaGeneration = "generation"
	// MetaLevel is what the server was last seen to offer.
	MetaLevel = "level"
	// MetaSpellings is, in JSON, how the server spells mailboxes that satchel
	// would spell otherwise, by name.
	MetaSpellings = "spellings"
	// MetaNamespaces is what the server told of its namespaces.
	MetaNamespaces = "namespaces"
	// MetaNaming says by which choices of the configuration folders were named.
	MetaNaming = "naming"
	// MetaTrash is the mailbox that removals went to, or would have.
	MetaTrash = "trash"
	// MetaSizes says whether RFC822.SIZE is exact, as far as is known.
	MetaSizes = "sizes"
)

// Meta returns a remembered value, "" when there is none.
func (db *DB) Meta(ctx context.Context, key string) (v string, err error) {
	db.metaMu.Lock()
	defer db.metaMu.Unlock()
	if db.meta == nil {
		if db.meta, err = db.readMeta(ctx); err != nil {
			return "", db.unread("read "+key, err)
		}
	}
	return db.meta[key], nil
}

// readMeta reads all values, as one text in which their lengths in bytes go
// before them. There are few, a run asks for most of them, and a row each would
// cost as much as everything else that an idle run reads.
func (db *DB) readMeta(ctx context.Context) (map[string]string, error) {
	const all = `SELECT coalesce(group_concat(
		length(CAST(key AS BLOB)) || ' ' || length(CAST(value AS BLOB)) || ' ' || key || value, ''), '') FROM meta`
	var text string
	if err := db.read.QueryRowContext(ctx, all).Scan(&text); err != nil {
		return nil, err
	}
	return splitMeta(text)
}

func splitMeta(text string) (map[string]string, error) {
	values := map[string]string{}
	for text != "" {
		keyLen, rest, _ := strings.Cut(text, " ")
		valueLen, rest, ok := strings.Cut(rest, " ")
		k, kerr := strconv.Atoi(keyLen)
		v, verr := strconv.Atoi(valueLen)
		if !ok || kerr != nil || verr != nil || k < 0 || v < 0 || k > len(rest) || v > len(rest)-k {
			return nil, fmt.Errorf("values of the account: %.20q is no length", text)
		}
		values[rest[:k]] = rest[k : k+v]
		text = rest[k+v:]
	}
	return values, nil
}

// keepMeta brings what was read up to what a transaction set. Where it failed
// nobody knows how far it came, and the values are read again.
func (db *DB) keepMeta(set map[string]string, failed bool) {
	db.metaMu.Lock()
	defer db.metaMu.Unlock()
	switch {
	case len(set) == 0 || db.meta == nil:
	case failed:
		db.meta = nil
	default:
		maps.Copy(db.meta, set)
	}
}

// SetMeta remembers a value.
func (t *Tx) SetMeta(key, value string) error {
	if t.meta == nil {
		t.meta = map[string]string{}
	}
	t.meta[key] = value
	_, err := t.exec("INSERT INTO meta(key, value) VALUES(?,?) ON CONFLICT(key) DO UPDATE SET value=excluded.value", key, value)
	return err
}

// dropMeta forgets a value.
func (t *Tx) dropMeta(key string) error {
	if t.meta == nil {
		t.meta = map[string]string{}
	}
	t.meta[key] = ""
	_, err := t.exec("DELETE FROM meta WHERE key=?", key)
	return err
}

// Run is one sync of the account.
type Run struct {
	ID                int64
	Started, Finished time.Time // Finished is zero for a run that was cut off
	Outcome           string    // "ok", or what kept it from being so
	Proof
}

// Proof is what a run showed to be so.
type Proof struct {
	// Scope is what the run was to cover, in the caller's words; empty for less
	// than the whole account, or one way only.
	Scope  string
	Agreed bool // the sides agree
	Here   bool // all mail of the server is here
}

// StartRun opens a run on a scope, as in [Proof], and returns its ID.
func (t *Tx) StartRun(started time.Time, scope string) (int64, error) {
	res, err := t.exec("INSERT INTO run(started, scope) VALUES(?,?)", started.Unix(), scope)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// latestRun returns the run that is under way, or the last one.
func (t *Tx) latestRun() (int64, error) {
	if t.run != 0 {
		return t.run, nil
	}
	err := t.prepared("SELECT coalesce(max(id), 0) FROM run", func(st *sql.Stmt) error {
		return st.QueryRowContext(t.ctx).Scan(&t.run)
	})
	return t.run, err
}

// DropRun forgets a run that turned out to be none.
func (t *Tx) DropRun(id int64) error {
	_, err := t.exec("DELETE FROM run WHERE id=?", id)
	return err
}

// FinishRun closes a run, with what it proved.
func (t *Tx) FinishRun(id int64, finished time.Time, outcome string, p Proof) error {
	_, err := t.exec("UPDATE run SET finished=?, outcome=?, scope=?, agreed=?, here=? WHERE id=?",
		finished.Unix(), outcome, p.Scope, p.Agreed, p.Here, id)
	return err
}

// asidePrefix begins the keys of the values that [Tx.NoteAside] sets.
const asidePrefix = "aside "

func asideKey(at time.Time) string { return fmt.Sprintf("%s%d", asidePrefix, at.Unix()) }

// NoteAside remembers that a repair, which is no run, puts files into the undo
// folder of that second.
func (t *Tx) NoteAside(at time.Time) error { return t.SetMeta(asideKey(at), "check") }

// Ran reports whether a run began at this second, or a repair put files aside
// then.
func (db *DB) Ran(ctx context.Context, started time.Time) (is bool, err error) {
	if aside, err := db.Meta(ctx, asideKey(started)); err != nil || aside != "" {
		return aside != "", err
	}
	err = db.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM run WHERE started = ?)", started.Unix()).Scan(&is)
	if err != nil {
		return false, db.unread("read runs", err)
	}
	return is, nil
}

// ForgetAside forgets the repairs that [Tx.NoteAside] noted, up to that time.
func (db *DB) ForgetAside(ctx context.Context, upTo time.Time) error {
	if _, err := db.Meta(ctx, asidePrefix); err != nil { // reads all values
		return err
	}
	var old []string
	db.metaMu.Lock()
	for key, value := range db.meta {
		at, is := strings.CutPrefix(key, asidePrefix)
		if n, err := strconv.ParseInt(at, 10, 64); is && value != "" && err == nil && n <= upTo.Unix() {
			old = append(old, key)
		}
	}
	db.metaMu.Unlock()
	if len(old) == 0 {
		return nil
	}
	return db.Update(ctx, func(tx *Tx) error {
		for _, key := range old {
			if err := tx.dropMeta(key); err != nil {
				return err
			}
		}
		return nil
	})
}

// Runs are the runs that say how things stand, each nil if there was none.
type Runs struct {
	Last   *Run // on the whole account, both ways; also one that was cut off
	Agreed *Run // the last such that ended with the sides agreeing
	Here   *Run // the last such behind which all mail of the server was here
}

// Settled reports whether the very last run, of whatever it was, covered the
// whole account and ended with the sides agreeing.
func (db *DB) Settled(ctx context.Context) (settled bool, err error) {
	err = db.read.QueryRowContext(ctx, `SELECT coalesce((SELECT scope<>'' AND agreed<>0 FROM run ORDER BY id DESC LIMIT 1), 0)`).Scan(&settled)
	if err != nil {
		return false, db.unread("read runs", err)
	}
	return settled, nil
}

// LastRuns returns how things stand.
func (db *DB) LastRuns(ctx context.Context) (r Runs, err error) {
	const last = "(SELECT id FROM run WHERE scope<>'' %s ORDER BY id DESC LIMIT 1)"
	rows, err := db.read.QueryContext(ctx, "SELECT id, started, finished, outcome, scope, agreed, here FROM run WHERE id IN ("+
		fmt.Sprintf(last+","+last+","+last, "", "AND agreed<>0", "AND here<>0")+") ORDER BY id")
	if err != nil {
		return r, db.unread("read runs", err)
	}
	defer rows.Close()
	for rows.Next() {
		one := &Run{}
		var started, finished int64
		if err := rows.Scan(&one.ID, &started, &finished, &one.Outcome, &one.Scope, &one.Agreed, &one.Here); err != nil {
			return r, db.unread("read runs", err)
		}
		one.Started = time.Unix(started, 0)
		if finished != 0 {
			one.Finished = time.Unix(finished, 0)
		}
		r.Last = one
		if one.Agreed {
			r.Agreed = one
		}
		if one.Here {
			r.Here = one
		}
	}
	if err := rows.Err(); err != nil {
		return r, db.unread("read runs", err)
	}
	return r, nil
}

// SetSeen notes how many messages the server was seen to hold of mailboxes that
// are not known to be here completely, in place of what was noted before.
func (t *Tx) SetSeen(messages map[string]uint32) error {
	if some, err := t.db.Meta(t.ctx, metaSeen); err != nil || some == "" && len(messages) == 0 {
		return err // as before
	}
	some := ""
	if len(messages) > 0 {
		some = "some"
	}
	if err := t.SetMeta(metaSeen, some); err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM seen"); err != nil {
		return err
	}
	for name, n := range messages {
		if _, err := t.exec("INSERT INTO seen(mailbox, messages) VALUES(?,?)", name, n); err != nil {
			return err
		}
	}
	return nil
}

// Seen returns what [Tx.SetSeen] noted.
func (db *DB) Seen(ctx context.Context) (map[string]uint32, error) {
	rows, err := db.read.QueryContext(ctx, "SELECT mailbox, messages FROM seen")
	if err != nil {
		return nil, db.unread("read mailboxes", err)
	}
	defer rows.Close()
	seen := map[string]uint32{}
	for rows.Next() {
		var name string
		var n uint32
		if err := rows.Scan(&name, &n); err != nil {
			return nil, db.unread("read mailboxes", err)
		}
		seen[name] = n
	}
	if err := rows.Err(); err != nil {
		return nil, db.unread("read mailboxes", err)
	}
	return seen, nil
}

// Interrupted reports whether a run before the given one was begun and not
// ended, since the last that went well.
func (db *DB) Interrupted(ctx context.Context, before int64) (is bool, err error) {
	err = db.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM run WHERE finished = 0 AND id < ?1
		AND id > coalesce((SELECT max(id) FROM run WHERE outcome = 'ok' AND id < ?1), 0))`, before).Scan(&is)
	if err != nil {
		return false, db.unread("read runs", err)
	}
	return is, nil
}

// Conflict is a settled conflict, kept for people to look at.
type Conflict struct {
	Time                            time.Time
	Mailbox, Message, Kind, Outcome string
}

// AddConflict remembers a conflict.
func (t *Tx) AddConflict(c Conflict) error {
	_, err := t.exec("INSERT INTO conflict(time, mailbox, message, kind, outcome) VALUES(?,?,?,?,?)",
		c.Time.Unix(), c.Mailbox, c.Message, c.Kind, c.Outcome)
	return err
}

// Conflicts returns the remembered conflicts, the newest first.
func (db *DB) Conflicts(ctx context.Context) ([]Conflict, error) {
	rows, err := db.read.QueryContext(ctx, "SELECT time, mailbox, message, kind, outcome FROM conflict ORDER BY id DESC")
	if err != nil {
		return nil, db.unread("read conflicts", err)
	}
	defer rows.Close()
	var list []Conflict
	for rows.Next() {
		var c Conflict
		var at int64
		if err := rows.Scan(&at, &c.Mailbox, &c.Message, &c.Kind, &c.Outcome); err != nil {
			return nil, db.unread("read conflicts", err)
		}
		c.Time = time.Unix(at, 0)
		list = append(list, c)
	}
	if err := rows.Err(); err != nil {
		return nil, db.unread("read conflicts", err)
	}
	return list, nil
}

// Notice remembers a fact and reports whether it is new.
func (t *Tx) Notice(text string, at time.Time) (bool, error) {
	res, err := t.exec("INSERT INTO notice(text, time) VALUES(?,?) ON CONFLICT DO NOTHING", text, at.Unix())
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
