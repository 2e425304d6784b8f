package simulate

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// watchState has the state forget what is not synced, until losePower.
func (w *World) watchState() error {
	if w.o.StateDisk == nil {
		return nil
	}
	return w.o.StateDisk.watch(w.acct.StateDir, func(kind string) error { return w.trip.step(kind, true) })
}

// losePower takes the power from the state. What opens afterwards is what the
// last durable commit says, or that with the commit that was under way;
// anything else is returned as text.
func (w *World) losePower() (torn string, err error) {
	if w.o.StateDisk == nil {
		return "", nil
	}
	safe, whole, err := w.o.StateDisk.crash(w.rng)
	if err != nil {
		return "", err
	}
	have, err := contents(w.acct.StateDir)
	if err != nil {
		return fmt.Sprintf("it does not open: %v", err), nil
	}
	for i, files := range []map[string]*image{safe, whole} {
		text, err := contentsOf(files, filepath.Join(w.dir, fmt.Sprintf("image%d", i)))
		if err != nil {
			return fmt.Sprintf("what was written does not open: %v", err), nil
		}
		if text == have {
			return "", nil
		}
		torn += differing(text, have) + "\n--\n"
	}
	return "it is neither what was synced nor all that was written:\n" + torn, nil
}

// stateHolds: a power failure leaves a state of the past.
func (r result) stateHolds() *Violation {
	if r.torn == "" {
		return nil
	}
	return broken("torn", "of the state, after a power failure: %s", r.torn)
}

// contentsOf is contents for files that are in memory.
func contentsOf(files map[string]*image, dir string) (string, error) {
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for path, f := range files {
		if err := f.put(filepath.Join(dir, filepath.Base(path))); err != nil {
			return "", err
		}
	}
	return contents(dir)
}

// contents reads all that a state holds, as text.
func contents(dir string) (text string, err error) {
	path := filepath.Join(dir, "sim.db")
	if _, err := os.Stat(path); err != nil {
		return "", nil
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return "", err
	}
	defer func() {
		if cerr := db.Close(); err == nil {
			err = cerr
		}
	}()
	good, err := table(db, `PRAGMA integrity_check`)
	if err != nil || good != "ok\n" {
		return "", fmt.Errorf("integrity: %s %w", good, err)
	}
	names, err := table(db, `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`)
	if err != nil {
		return "", err
	}
	for name := range strings.Lines(names) {
		name = strings.TrimSpace(name)
		rows, err := table(db, `SELECT '`+name+`', * FROM "`+name+`"`)
		if err != nil {
			return "", err
		}
		text += rows
	}
	return text, nil
}

// table writes what a query answers, a line for each row.
func table(db *sql.DB, query string) (string, error) {
	rows, err := db.Query(query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var lines []string
	values, to := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		to[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return "", err
		}
		line := make([]string, len(values))
		for i, v := range values {
			line[i] = fmt.Sprint(v)
		}
		lines = append(lines, strings.Join(line, " ")+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, ""), rows.Err()
}
