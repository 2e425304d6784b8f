package sync_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"satchel/maildir/faultfs"
	"satchel/state"
	mailsync "satchel/sync"
)

// orderWatch asserts the order of effects: what a committed row says of a file
// was durable before the commit.
type orderWatch struct {
	w    *world
	disk *faultfs.Disk

	mu     sync.Mutex
	safe   map[string][32]byte // what was durable when the last commit began
	rows   map[int64]rowAt     // after the commit before
	wrong  []string
	checks int
}

type rowAt struct {
	dir, name string
	unnamed   bool
	pending   bool
	digest    [32]byte
}

// commit is called before each commit. What the one before it wrote can be
// read now, and is held against what was durable when that one began.
func (o *orderWatch) commit() {
	o.mu.Lock()
	defer o.mu.Unlock()
	rows := o.read()
	if o.safe != nil && rows != nil {
		for id, r := range rows {
			if r != o.rows[id] && !r.pending {
				o.checks++
				o.present(r)
			}
		}
		for id, r := range o.rows {
			if _, still := rows[id]; still || r.pending {
				continue
			}
			// The row went: the file, if it went too, must not come back.
			o.checks++
			full := filepath.Join(o.w.acct.Maildir, r.dir)
			if _, err := os.Stat(filepath.Join(full, r.name)); err == nil {
				continue
			}
			if _, back := o.safe[o.key(r.dir, r.name)]; back {
				o.wrong = append(o.wrong, fmt.Sprintf("the row of %s/%s is gone, and a power failure brings the file back", r.dir, r.name))
			}
		}
	}
	o.safe, o.rows = o.disk.Durable(), rows
}

func (o *orderWatch) key(dir, name string) string {
	rel, _ := filepath.Rel(o.w.root, filepath.Join(o.w.acct.Maildir, dir, name))
	return rel
}

func (o *orderWatch) present(r rowAt) {
	if r.unnamed {
		return // the row names no file on purpose
	}
	if _, err := os.Stat(filepath.Join(o.w.acct.Maildir, r.dir, r.name)); err != nil {
		return // moved on since, or never there: not this row's matter
	}
	have, ok := o.safe[o.key(r.dir, r.name)]
	switch {
	case !ok:
		o.wrong = append(o.wrong, fmt.Sprintf("committed before its name was durable: %s/%s", r.dir, r.name))
	case have == sha256.Sum256(nil):
		o.wrong = append(o.wrong, fmt.Sprintf("committed before its content was durable: %s/%s", r.dir, r.name))
	}
}

func (o *orderWatch) read() map[int64]rowAt {
	ctx := context.Background()
	db, err := state.Open(ctx, filepath.Join(o.w.acct.StateDir, "test.db"), state.Options{})
	if err != nil {
		return nil // the file is being made
	}
	defer db.Close()
	boxes, err := db.Mailboxes(ctx)
	if err != nil {
		return nil
	}
	rows := map[int64]rowAt{}
	for _, b := range boxes {
		dir, err := o.w.disk().Dir(b.Name)
		if err != nil {
			continue
		}
		rel, _ := filepath.Rel(o.w.acct.Maildir, dir)
		err = db.All(ctx, b.ID, func(m *state.Message) error {
			sub := "cur"
			if m.New {
				sub = "new"
			}
			rows[m.ID] = rowAt{dir: filepath.Join(rel, sub), name: m.Base + m.Info, unnamed: !m.NamesFile(), pending: m.Pending, digest: m.Digest}
			return nil
		})
		if err != nil {
			return nil
		}
	}
	return rows
}

// powerFail dies at step k and forgets what was not durable then; lucky is
// the seed of what is kept nevertheless, 0 for nothing.
func (s scenario) powerFail(t testing.TB, k int, lucky uint64, watch bool, want *outcome) (msg string, steps int) {
	t.Helper()
	w, l := s.open(t)
	defer w.close()
	w.acct.NoFsync = false
	disk, err := faultfs.NewDisk(w.root, isState)
	if err != nil {
		t.Fatal(err)
	}
	stop := &stopper{at: k}
	disk.Before = stop.before
	o := &orderWatch{w: w, disk: disk}
	w.opts = mailsync.Options{FS: &disk.FS, State: state.Options{BeforeCommit: func() error {
		if err := stop.step("commit"); err != nil {
			return err
		}
		if watch {
			o.commit()
		}
		return nil
	}}}
	w.lines.through(stop.gate, stop.dead)
	_, err = w.trySync(mailsync.Request{})
	w.opts = mailsync.Options{}
	w.lines.through(nil, nil)
	w.lines.idle()
	what := fmt.Sprintf("%s: power failed at step %d (%s), luck %d", s.name, k, stop.last, lucky)
	if watch {
		o.commit()
		if len(o.wrong) > 0 {
			return what + ":\n" + strings.Join(o.wrong, "\n"), stop.n
		}
		if o.checks == 0 && k == 0 {
			return what + ": the order of effects was never checked", stop.n
		}
	}
	if k == 0 && err != nil {
		return fmt.Sprintf("%s: undisturbed: %v", s.name, err), stop.n
	}
	var rng *rand.Rand
	if lucky > 0 {
		rng = rand.New(rand.NewPCG(lucky, 4))
	}
	pending := disk.Pending()
	if _, err := disk.Crash(rng); err != nil {
		t.Fatal(err)
	}
	if k > 0 {
		covered.powers.Add(1)
	}
	if msg := w.finish(want, l); msg != "" {
		return fmt.Sprintf("%s:\n%s\nnot durable were:\n%s\n%s", what, msg, strings.Join(pending, "\n"), l.story()), stop.n
	}
	return "", stop.n
}

// TestPowerLoss lets the power fail at every step, and asserts at each commit
// that what it says is durable: files before names before state.
func TestPowerLoss(t *testing.T) {
	limit, seeds := share(4, 2), min(60, share(3, 1))
	list := scenarios()
	for i := range seeds {
		list = append(list, historyScenario(uint64(i)))
	}
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			want, _ := s.wantFor(t)
			msg, n := s.powerFail(t, 0, 0, true, want)
			if msg != "" {
				t.Error(msg)
			}
			each(t, points(n, limit, 5), func(k int) string {
				for _, lucky := range []uint64{0, uint64(k)} {
					msg, steps := s.powerFail(t, k, lucky, false, want)
					if msg == "" && steps < k && surely(k, n) {
						msg = fmt.Sprintf("%s: step %d was not reached", s.name, k)
					}
					if msg != "" {
						return msg
					}
				}
				return ""
			})
		})
	}
}
