package sync_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"satchel/maildir/faultfs"
	"satchel/state"
	mailsync "satchel/sync"
)

// How much is proved: the short form is part of `make test`, the long one is
// `make crash`.
var (
	crashLong = flag.Bool("crash", false, "run the long form of the tests that interrupt and break")
	crashStep = flag.Int64("crash.step", 1, "with -crash, cut the wire at every `n`th byte of protocol")
	covered   tally
)

// tally counts what was covered, over all tests.
type tally struct {
	points, powers, cuts, stalls, faults, refusals, kills, histories atomic.Int64
}

func TestMain(m *testing.M) {
	code := m.Run()
	if *crashLong {
		fmt.Printf("\ncovered: %d runs stopped dead, %d power failures, %d cuts and %d stalls of the wire,\n"+
			"%d faults of disk and state reached, %d refusals and failures of the server reached, %d processes killed\n\n",
			covered.points.Load(), covered.powers.Load(), covered.cuts.Load(), covered.stalls.Load(),
			covered.faults.Load(), covered.refusals.Load(), covered.kills.Load())
	}
	os.Exit(code)
}

var errDead = errors.New("the process is dead")

// stopper counts the steps of a run: each change of the disk, each commit of
// the state, each piece sent and each received. From a chosen step on nothing
// has an effect any more, as after kill -9.
type stopper struct {
	mu    sync.Mutex
	n, at int    // at 0: never
	only  string // if not empty, steps of other kinds do not count
	lag   bool   // files get their names late, so that the server's lanes are ahead
	kinds map[string]int
	last  string
}

func (s *stopper) step(kind string) error {
	if s.only != "" && kind != s.only {
		return s.dead()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at > 0 && s.n+1 >= s.at {
		if s.n+1 == s.at {
			s.last = kind
			s.n++
		}
		return errDead
	}
	s.n++
	if s.kinds == nil {
		s.kinds = map[string]int{}
	}
	s.kinds[kind]++
	return nil
}

func (s *stopper) dead() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at > 0 && s.n >= s.at {
		return errDead
	}
	return nil
}

// before is for faultfs.FS.
func (s *stopper) before(op faultfs.Op, _ string) error {
	for range 100 {
		if !s.lag || op != faultfs.Rename || s.dead() != nil {
			break
		}
		time.Sleep(50 * time.Microsecond)
	}
	if op.Changes() || op == faultfs.Sync || op == faultfs.SyncDir || op == faultfs.SyncFS {
		return s.step("disk: " + string(op))
	}
	return s.dead()
}

func (s *stopper) gate(up bool, n int) (int, error) {
	kind := "received"
	if up {
		kind = "sent"
	}
	if err := s.step(kind); err != nil {
		return 0, err
	}
	return n, nil
}

// under runs one sync of w with everything that it does counted by s.
func (w *world) under(s *stopper) (*mailsync.Report, error) {
	w.t.Helper()
	return w.underFS(s, &faultfs.FS{Before: s.before})
}

func (w *world) underFS(s *stopper, f *faultfs.FS) (*mailsync.Report, error) {
	w.t.Helper()
	w.opts = mailsync.Options{FS: f, State: state.Options{BeforeCommit: func() error { return s.step("commit") }}}
	w.lines.through(s.gate, s.dead)
	defer func() {
		w.opts = mailsync.Options{}
		w.lines.through(nil, nil)
	}()
	rep, err := w.trySync(mailsync.Request{})
	w.lines.idle()
	return rep, err
}

// outcome is both sides after all is done.
type outcome struct{ local, remote snapshot }

func (w *world) outcome() outcome {
	w.t.Helper()
	return outcome{w.localSnapshot(), w.remoteSnapshot()}
}

func (a outcome) diff(b outcome) string {
	var s strings.Builder
	if d := diff(a.local, b.local); d != "" {
		fmt.Fprintf(&s, "disk, after the interruption (first) and undisturbed (second):\n%s", relabel(d))
	}
	if d := diff(a.remote, b.remote); d != "" {
		fmt.Fprintf(&s, "server, after the interruption (first) and undisturbed (second):\n%s", relabel(d))
	}
	return s.String()
}

func relabel(d string) string {
	return strings.NewReplacer("on disk", "first", "on the server", "second").Replace(d)
}

// finish syncs until done, as a user would after an interruption, and returns
// what is wrong with the result.
func (w *world) finish(want *outcome, l *ledger) string {
	rep, err := w.trySync(mailsync.Request{})
	if err != nil {
		return fmt.Sprintf("the next run failed: %v", err)
	}
	for _, p := range rep.Problems {
		return fmt.Sprintf("the next run had a problem: %s %s: %s", p.Mailbox, p.Message, p.Error)
	}
	got := w.outcome()
	var wrong []string
	if d := diff(got.local, got.remote); d != "" {
		wrong = append(wrong, "the sides differ:\n"+d)
	}
	if want != nil {
		if d := got.diff(*want); d != "" {
			wrong = append(wrong, d)
		}
	}
	if l != nil {
		wrong = append(wrong, l.check(got.remote)...)
	}
	again, err := w.trySync(mailsync.Request{})
	switch {
	case err != nil:
		wrong = append(wrong, fmt.Sprintf("a further run failed: %v", err))
	case again.Changed() || len(again.Problems) > 0:
		wrong = append(wrong, fmt.Sprintf("a further run did %v, problems %v", again.Counts, again.Problems))
	}
	return strings.Join(wrong, "\n")
}

// undisturbed runs the scenario to its end and returns what that gives, and
// in how many steps.
func (s scenario) undisturbed(t testing.TB) (outcome, *stopper) {
	t.Helper()
	w, l := s.open(t)
	defer w.close()
	stop := &stopper{}
	rep, err := w.under(stop)
	if err != nil || len(rep.Problems) > 0 {
		t.Fatalf("undisturbed: %v %v", err, rep.Problems)
	}
	want := w.outcome()
	if msg := w.finish(&want, l); msg != "" {
		t.Fatalf("undisturbed: %s\n%s", msg, l.story())
	}
	return want, stop
}

func (l *ledger) story() string {
	if l == nil {
		return ""
	}
	return strings.Join(l.text, "\n")
}

// wantFor is the end that the interruptions of a scenario are held against, and
// how many steps a run takes at least.
// Where the undisturbed run itself may end in more than one way, only the
// ledger is.
func (s scenario) wantFor(t testing.TB) (*outcome, int) {
	t.Helper()
	want, stop := s.undisturbed(t)
	fewest := stop.n
	tries := 1
	if *crashLong {
		tries = 3
	}
	for range tries {
		again, other := s.undisturbed(t)
		fewest = min(fewest, other.n)
		if d := again.diff(want); d != "" {
			t.Logf("%s ends in more than one way:\n%s", s.name, d)
			return nil, fewest
		}
	}
	return &want, fewest
}

// point is one interruption.
type point struct {
	k, again int    // steps at which the run, and the one after it, die
	edits    uint64 // seed of changes between; 0: none
	lag      bool   // see stopper
	sure     bool   // every run gets as far as k
}

func (p point) String() string {
	s := fmt.Sprintf("died at step %d", p.k)
	if p.again > 0 {
		s += fmt.Sprintf(", then at %d", p.again)
	}
	if p.edits > 0 {
		s += fmt.Sprintf(", then both sides changed (%d)", p.edits)
	}
	if p.lag {
		s += ", with a slow disk"
	}
	return s
}

func (s scenario) interrupt(t testing.TB, p point, want *outcome) string {
	t.Helper()
	w, l := s.open(t)
	defer w.close()
	stop := &stopper{at: p.k, lag: p.lag}
	// Without an error it died while saying goodbye.
	_, _ = w.under(stop)
	where := stop.last
	if where == "" && p.sure {
		return fmt.Sprintf("%s: %v was not reached", s.name, p)
	}
	covered.points.Add(1)
	if p.again > 0 {
		stop := &stopper{at: p.again, lag: p.lag}
		_, _ = w.under(stop)
		where += ", " + stop.last
		covered.points.Add(1)
	}
	if p.edits > 0 {
		want = nil
		l.text = append(l.text, "-- "+p.String()+" ("+where+")")
		s.redo(w, l, rand.New(rand.NewPCG(p.edits, 7)))
	}
	if msg := w.finish(want, l); msg != "" {
		return fmt.Sprintf("%s: %v (%s):\n%s\n%s", s.name, p, where, msg, l.story())
	}
	return ""
}
