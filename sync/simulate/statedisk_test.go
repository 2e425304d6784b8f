package simulate

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// rowsAfter commits rows to a database until the power goes at a step, and
// returns how many commits had returned, and how many rows are there afterwards.
func rowsAfter(t *testing.T, d *StateDisk, synchronous string, at int, seed uint64) (committed, there int, reached bool) {
	t.Helper()
	dir := t.TempDir()
	step := 0
	if err := d.watch(dir, func(string) error {
		if step++; step >= at {
			reached = true
			return errors.New("no power")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "sim.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous("+synchronous+")&_pragma=wal_autocheckpoint(4)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err = db.Exec(`CREATE TABLE row (n INTEGER)`); err == nil {
		for committed < 12 && err == nil {
			if _, err = db.Exec(`INSERT INTO row VALUES (?)`, committed); err == nil {
				committed++
			}
		}
	}
	_ = db.Close() // without power it may fail
	if _, _, err := d.crash(rand.New(rand.NewPCG(seed, 1))); err != nil {
		t.Fatal(err)
	}
	text, err := contents(dir)
	if err != nil && synchronous == "FULL" {
		t.Errorf("power lost at step %d: %v", at, err)
	}
	return committed, strings.Count(text, "row "), reached
}

// TestStateDisk takes the power at every step: what was committed with FULL is
// there, and what was committed without any sync is lost somewhere.
func TestStateDisk(t *testing.T) {
	d, err := NewStateDisk()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, synchronous := range []string{"FULL", "OFF"} {
		lost, steps := 0, 0
		for at := 1; ; at++ {
			committed, there, reached := rowsAfter(t, d, synchronous, at, uint64(at))
			if there < committed {
				lost++
			}
			if !reached {
				break
			}
			steps++
		}
		if what := fmt.Sprintf("%s: of %d power failures, %d lost a commit", synchronous, steps, lost); synchronous == "FULL" && lost > 0 || synchronous == "OFF" && lost == 0 || steps < 20 {
			t.Error(what)
		} else {
			t.Log(what)
		}
	}
}
