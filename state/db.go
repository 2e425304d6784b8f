package state

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"modernc.org/sqlite" // registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"satchel/sync/mail"
)

//go:embed schema.sql
var schema string

const (
	applicationID = 0x53617463 // "Satc"
	version       = 15         // user_version of the schema that this program writes
)

// Options are what tests may want beside the file.
type Options struct {
	// BeforeCommit is called before each transaction is made durable; an
	// error undoes the transaction. Nil: nothing.
	BeforeCommit func() error
}

// DB is the state of one account. Its methods may be called from several
// goroutines.
type DB struct {
	write *sql.DB // one connection, immediate transactions
	read  *sql.DB // several, so that a long read never waits for a write
	path  string
	opts  Options

	updates sync.Mutex // held through Update, so that values are kept in the order of the commits; taken before metaMu

	metaMu sync.Mutex
	meta   map[string]string // nil: to be read; guarded by metaMu

	lastIntent int64 // the largest ID of an entry of the journal that was written, 0 for none; guarded by updates
}

// Open opens the state file, or makes it (0600). A file of a newer satchel,
// one that is no state file, and one that others could change are refused.
func Open(ctx context.Context, path string, opts Options) (*DB, error) {
	if err := private(path); err != nil {
		if noRoom(err) {
			return nil, full("make the state folder", err)
		}
		var refused *mail.Error
		if errors.As(err, &refused) {
			return nil, err
		}
		return nil, &mail.Error{Op: "make the state folder", Kind: mail.KindConfig, Err: err,
			Hint: "make " + filepath.Dir(path) + " writable, or set XDG_STATE_HOME"}
	}
	// SQLite would make the file with the umask's permissions.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		if noRoom(err) {
			return nil, full("open state "+path, err)
		}
		return nil, &mail.Error{Op: "open state", Kind: mail.KindConfig, Err: err}
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open state %s: %w", path, err)
	}
	if err := recognise(ctx, path); err != nil {
		return nil, err
	}
	// A copy that was put back may have the wrong permissions.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, &mail.Error{Op: "open state", Kind: mail.KindConfig, Err: err}
	}
	db := &DB{path: path, opts: opts}
	if db.write, err = open(path, "_txlock=immediate&_pragma=synchronous(FULL)", 1); err != nil {
		return nil, err
	}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.write.Close())
	}
	if db.read, err = open(path, "_pragma=query_only(1)", 4); err != nil {
		return nil, errors.Join(err, db.write.Close())
	}
	return db, nil
}

// private is [Private] for a state file and those that SQLite puts beside it.
func private(path string) error {
	if err := Private(path); err != nil {
		return err
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if err := ownFile(path + suffix); err != nil {
			return err
		}
	}
	return nil
}

// noRoom reports whether err is about a disk that is full, which is no mistake
// in the configuration.
func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

func full(op string, err error) error {
	return &mail.Error{Op: op, Kind: mail.KindAccount, Err: err, Hint: "make room and sync again; nothing was lost"}
}

// Exists reports whether there is a state file at path.
func Exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func open(path, params string, conns int) (*sql.DB, error) {
	return connect(path, params+
		"&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-8000)", conns)
}

func connect(path, params string, conns int) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Path: path}
	db, err := sql.Open("sqlite", u.String()+"?"+params)
	if err != nil {
		return nil, fmt.Errorf("open state %s: %w", path, err)
	}
	db.SetMaxOpenConns(conns)
	return db, nil
}

// recognise refuses a file that is not ours before anything is changed in it;
// already the switch to WAL would change it. An empty database is as good as
// none.
func recognise(ctx context.Context, path string) (err error) {
	db, err := connect(path, "_pragma=busy_timeout(5000)", 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var app, have, tables int
	for query, v := range map[string]*int{
		"PRAGMA application_id": &app, "PRAGMA user_version": &have, "SELECT count(*) FROM sqlite_master": &tables,
	} {
		if err := db.QueryRowContext(ctx, query).Scan(v); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("open state %s: %w", path, context.Cause(ctx))
			}
			return explain("open state "+path, err)
		}
	}
	switch {
	case app == 0 && have == 0 && tables == 0:
	case app != applicationID:
		return &mail.Error{Op: "open state " + path, Kind: mail.KindConfig,
			Err: errors.New("this is no state file of satchel"), Hint: "move it away"}
	case have > version:
		return &mail.Error{Op: "open state " + path, Kind: mail.KindConfig,
			Err:  fmt.Errorf("it was written by a newer satchel (schema %d, this one knows %d)", have, version),
			Hint: "use the newer satchel"}
	}
	return nil
}

// Close closes the files; it may be called more than once.
func (db *DB) Close() error {
	var errs []error
	for _, d := range []*sql.DB{db.read, db.write} {
		if d != nil {
			errs = append(errs, d.Close())
		}
	}
	return errors.Join(errs...)
}

// Path returns the name of the state file.
func (db *DB) Path() string { return db.path }

// migrate brings the file to the schema of this program, one version a
// transaction.
func (db *DB) migrate(ctx context.Context) error {
	var have int
	if err := db.write.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return explain("open state "+db.path, err)
	}
	for v := have; v < version; v++ {
		tx, err := db.write.BeginTx(ctx, nil)
		if err != nil {
			return explain("migrate state "+db.path, err)
		}
		_, err = tx.ExecContext(ctx, migrations()[v]+
			fmt.Sprintf(";PRAGMA application_id=%d;PRAGMA user_version=%d", applicationID, v+1))
		if err != nil {
			return explain(fmt.Sprintf("migrate state %s to schema %d", db.path, v+1), errors.Join(err, tx.Rollback()))
		}
		if err := tx.Commit(); err != nil {
			return explain("migrate state "+db.path, err)
		}
	}
	return nil
}

// migrations lead from each version of the schema to the next. schema.sql is
// the first one; a comment there says what came later.
func migrations() []string {
	return []string{
		schema,
		`ALTER TABLE mailbox ADD COLUMN files INTEGER NOT NULL DEFAULT -1;
		 ALTER TABLE mailbox ADD COLUMN names INTEGER NOT NULL DEFAULT 0`,
		distrustTable,
		// Flags that the server refused to store, or dropped, whatever
		// PERMANENTFLAGS says.
		`ALTER TABLE mailbox ADD COLUMN refused TEXT NOT NULL DEFAULT ''`,
		removalTables,
		// What the keyword letters in file names stand for; not known of the
		// folders that an older version read.
		`ALTER TABLE mailbox ADD COLUMN letters TEXT NOT NULL DEFAULT '` + LettersUnknown + `'`,
		// What identifies the file's message, where that is not the digest.
		`ALTER TABLE message ADD COLUMN essence BLOB NOT NULL DEFAULT x'';
		 CREATE INDEX message_essence ON message(essence) WHERE essence <> x''`,
		unsentTable,
		youngTable,
		// Copies on the server are looked for by size.
		`CREATE INDEX message_size ON message(size)`,
		// Older versions noted what was seen without saying so in meta.
		`INSERT OR REPLACE INTO meta(key, value) SELECT '` + metaSeen + `', 'some' WHERE EXISTS (SELECT 1 FROM seen)`,
		// A replica that is behind shows the UIDVALIDITY of before.
		`ALTER TABLE mailbox ADD COLUMN former INTEGER NOT NULL DEFAULT 0`,
		// Info was a slash, or two, where a row does not name its file. A row without a
		// base is of no use: the next sync pairs its file and its message again.
		`UPDATE mailbox SET uidnext = 0, highestmodseq = 0, messages = 0, dir_mtime = 0, cur_mtime = 0, new_mtime = 0
			WHERE id IN (SELECT mailbox_id FROM message WHERE base = '');
		 DELETE FROM message WHERE base = '';
		 ALTER TABLE message ADD COLUMN file_name INTEGER NOT NULL DEFAULT 0
			CHECK (file_name = 0 AND base <> '' OR file_name IN (1, 2) AND base <> '' AND info = '');
		 UPDATE message SET file_name = CASE info WHEN '/' THEN 1 ELSE 2 END, info = '' WHERE info IN ('/', '//')`,
		// A copy was an append without a home, and what a kind does not need was empty. An
		// entry that says too little says nothing, so it is left out.
		`ALTER TABLE intent RENAME TO intent_13;` + intentTable + `;
		 INSERT OR IGNORE INTO intent SELECT id, CASE WHEN kind = 'append' AND home = '' THEN 'copy' ELSE kind END, nullif(message_id, 0), mailbox,
			CASE WHEN kind <> 'append' THEN nullif(home, '') END,
			CASE WHEN kind NOT IN ('local-flags', ` + renameKinds + `) THEN nullif(uid, 0) END,
			CASE WHEN kind IN ('append', 'local-move', 'expunge') THEN nullif(base, '') END, flags_add, flags_del,
			CASE kind WHEN 'append' THEN digest END, CASE kind WHEN 'append' THEN size END, confirmed FROM intent_13;
		 DROP TABLE intent_13`,
		// A row whose message is elsewhere on the server had a UID that no message will
		// have, near the largest. What breaks the schema is left out, and paired again.
		`ALTER TABLE message RENAME TO message_14;` + messageTable + `;
		 INSERT OR IGNORE INTO message SELECT m.id, mailbox_id, CASE WHEN uid > 0 AND (uid < 0xF0000000 OR uid < uidnext) THEN uid END,
			base, is_new, info, file_name, local_flags, remote_flags, digest, essence, size, disk_size, form, date, emailid, pending, since
			FROM message_14 m JOIN mailbox b ON b.id = mailbox_id;
		 UPDATE mailbox SET uidnext = 0, highestmodseq = 0, messages = 0, dir_mtime = 0, cur_mtime = 0, new_mtime = 0
			WHERE id IN (SELECT mailbox_id FROM message_14 WHERE id NOT IN (SELECT id FROM message));
		 DROP TABLE message_14;` + messageIndexes,
	}
}

// Update runs f in one transaction and makes its writes durable, or undoes
// them all when f fails.
func (db *DB) Update(ctx context.Context, f func(*Tx) error) error {
	db.updates.Lock()
	defer db.updates.Unlock()
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return db.failed(fmt.Errorf("write state %s: %w", db.path, err))
	}
	t := &Tx{db: db, ctx: ctx, tx: tx, stmts: map[string]*sql.Stmt{}}
	if err := f(t); err != nil {
		return db.failed(errors.Join(err, tx.Rollback()))
	}
	if db.opts.BeforeCommit != nil {
		if err := db.opts.BeforeCommit(); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	err = tx.Commit()
	db.keepMeta(t.meta, err != nil)
	if err != nil {
		return db.failed(err)
	}
	return nil
}

func (db *DB) failed(err error) error { return explain("write state "+db.path, err) }

// unread is failed for what a read ran into: damage shows where it is read.
func (db *DB) unread(what string, err error) error {
	return explain("read state "+db.path, fmt.Errorf("%s: %w", what, err))
}

// explain says what an error of SQLite means for the account; other errors
// pass.
func explain(op string, err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff { // the primary result code
	case sqlite3.SQLITE_INTERRUPT:
		return err // the run was stopped
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return &mail.Error{Op: op, Kind: mail.KindConfig, Err: err,
			Hint: "the file is damaged: move it away; the next sync pairs the messages again and transfers nothing that both sides hold"}
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		return &mail.Error{Op: op, Kind: mail.KindAccount, Err: err,
			Hint: "make sure that the disk has room and the folder can be written, and sync again; nothing was lost"}
	}
	return &mail.Error{Op: op, Kind: mail.KindAccount, Err: err}
}

// Tx is one transaction; only the function given to [DB.Update] may use it.
type Tx struct {
	db    *DB
	ctx   context.Context
	tx    *sql.Tx
	stmts map[string]*sql.Stmt
	meta  map[string]string // what it set
	run   int64             // the latest, 0 until it was asked for
	// over is the error after which SQLite may have undone the transaction by itself, as
	// behind SQLITE_FULL. What came behind it would be written by itself, and stay.
	over error
}

// exec runs a statement, prepared once in a transaction.
func (t *Tx) exec(query string, args ...any) (res sql.Result, err error) {
	err = t.prepared(query, func(st *sql.Stmt) error {
		res, err = st.ExecContext(t.ctx, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("write state: %w", err)
	}
	return res, nil
}

// prepared parses each query once.
func (t *Tx) prepared(query string, use func(*sql.Stmt) error) error {
	if t.over != nil {
		return t.over
	}
	st := t.stmts[query]
	if st == nil {
		var err error
		if st, err = t.tx.PrepareContext(t.ctx, query); err != nil {
			return t.failed(err)
		}
		t.stmts[query] = st
	}
	return t.failed(use(st))
}

// failed ends the transaction at an error of SQLite.
func (t *Tx) failed(err error) error {
	var e *sqlite.Error
	if t.over == nil && errors.As(err, &e) {
		t.over = err
	}
	return err
}
