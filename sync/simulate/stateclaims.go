package simulate

import (
	"database/sql"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the oracle reads the state with SQL of its own
)

// stateClaims: a cursor is never ahead of its rows. Each message below UIDNEXT
// of the cursor is one that a row tells of.
func (w *World) stateClaims() (v *Violation) {
	return w.readState(func(db *sql.DB, cursors []cursor) *Violation {
		for _, c := range cursors {
			validity, _, _ := w.srv.UIDState(w.onWire(c.name))
			if validity != c.validity {
				continue
			}
			known, err := uidsOf(db, c.name)
			if err != nil {
				return broken("harness", "%v", err)
			}
			for _, m := range w.messages(c.name) {
				if m.UID < c.next && !known[m.UID] {
					return broken("state", "the cursor of %s is at UIDNEXT %d, and no row knows UID %d (message %d)", c.name, c.next, m.UID, w.tree.token(m.Content))
				}
			}
		}
		return nil
	})
}

// readState hands the state with its cursors to somebody, if there is one.
func (w *World) readState(to func(*sql.DB, []cursor) *Violation) (v *Violation) {
	path := filepath.Join(w.acct.StateDir, "sim.db")
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=query_only(1)")
	if err != nil {
		return broken("harness", "%v", err)
	}
	defer func() {
		if err := db.Close(); err != nil && v == nil {
			v = broken("harness", "%v", err)
		}
	}()
	tables, err := table(db, `SELECT name FROM sqlite_master WHERE name = 'mailbox'`)
	if err != nil || tables == "" { // killed before it had a schema
		return claimed(err)
	}
	cursors, err := cursorsOf(db)
	if err != nil {
		return claimed(err)
	}
	return to(db, cursors)
}

// claimed is a state that the oracle cannot read.
func claimed(err error) *Violation {
	if err == nil {
		return nil
	}
	return broken("state", "it cannot be read: %v", err)
}

// cursor is how far the state says that a mailbox was read.
type cursor struct {
	name     string
	validity uint32
	next     uint32
}

func cursorsOf(db *sql.DB) (list []cursor, err error) {
	rows, err := db.Query(`SELECT name, uidvalidity, uidnext FROM mailbox WHERE uidvalidity <> 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c cursor
		if err := rows.Scan(&c.name, &c.validity, &c.next); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// uidsOf are the UIDs that rows of a mailbox know.
func uidsOf(db *sql.DB, mailbox string) (known map[uint32]bool, err error) {
	rows, err := db.Query(`SELECT uid FROM message JOIN mailbox ON mailbox.id = mailbox_id WHERE name = ? AND uid IS NOT NULL`, mailbox)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	known = map[uint32]bool{}
	for rows.Next() {
		var uid uint32
		if err := rows.Scan(&uid); err != nil {
			return nil, err
		}
		known[uid] = true
	}
	return known, rows.Err()
}
