package simulate_test

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"satchel/sync/simulate"
)

var (
	histories = flag.Int("simulate.histories", 0, "how many histories to live through; 0: the slice of the tests")
	duration  = flag.Duration("simulate.time", 0, "go on for so long, instead of -simulate.histories")
	seed      = flag.Uint64("simulate.seed", 1, "the first seed")
	stride    = flag.Uint64("simulate.stride", 1, "how far the seeds are apart")
	keep      = flag.String("simulate.keep", "", "where scenarios of failures are written")
	most      = flag.Int("simulate.failures", 3, "stop after so many failures")
	skip      = flag.String("simulate.skip", "", "kinds of event to leave out, separated by commas")
	ignore    = flag.String("simulate.ignore", "open", "laws that histories are not held to, separated by commas; open: those that known faults break")
	pairs     = flag.Bool("simulate.pairs", false, "seek pairs of kinds that have not met in one run, and fail for those that never did")
	shrink    = flag.Bool("simulate.shrink", true, "shrink a failure to its fewest events")
	replay    = flag.String("simulate.replay", "", "replay one scenario file, with all notes; with -simulate.keep it is shrunk as well")
)

func options(h simulate.History, cover *simulate.Coverage) simulate.Options {
	return simulate.Options{Cover: cover, Ignore: excepted(h)}
}

// TestMain gives the process one CPU, so that a seed has one order of events.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	var err error
	if stateDisk, err = simulate.NewStateDisk(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	m.Run()
}

// stateDisk is below SQLite, in all tests.
var stateDisk *simulate.StateDisk

// live plays a history in a bubble of its own.
func live(t *testing.T, h simulate.History, o simulate.Options) (v *simulate.Violation, notes []string) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, h.Seed)
	o.StateDisk = stateDisk
	synctest.Test(t, func(t *testing.T) {
		var err error
		if v, notes, err = simulate.Play(h, o); err != nil {
			t.Error(err)
		}
	})
	return v, notes
}

// slice is how many histories the tests live through: in the short form, and
// in the other, which takes about a minute of one CPU.
func slice() int {
	switch {
	case *histories > 0:
		return *histories
	case testing.Short() || raced:
		return 24
	}
	return 400
}

func TestSimulate(t *testing.T) {
	cover := simulate.NewCoverage()
	start, failures := time.Now(), 0
	for i := 0; failures < *most && (*duration > 0 && time.Since(start) < *duration || *duration == 0 && i < slice()); i++ {
		h := leaveOut(drawn(*seed+uint64(i)**stride, i, cover))
		v, notes := live(t, h, options(h, cover))
		cover.Histories++
		if v == nil {
			continue
		}
		failures++
		report(t, h, v, notes)
	}
	t.Logf("%v in %v", cover, time.Since(start).Round(time.Millisecond))
	if unmet, _ := cover.Unmet(); *pairs {
		t.Logf("\n%s", cover.Table())
		switch {
		case len(unmet) > 0 && cover.Histories < longForm:
			t.Logf("not yet in one run; an error after %d histories: %v", longForm, unmet)
		case len(unmet) > 0 && failures == 0:
			t.Errorf("never in one run: %v", unmet)
		}
	}
	if cover.Histories < slice() && *duration == 0 && failures == 0 {
		t.Errorf("lived through %d histories of %d", cover.Histories, slice())
	}
}

// longForm is after how many histories all pairs of kinds have met: 3,781 were
// enough where this was measured.
const longForm = 5000

// drawn is the history of a seed. Where pairs are wanted, every second one
// after the first hundreds seeks a pair that has not met.
func drawn(seed uint64, i int, cover *simulate.Coverage) simulate.History {
	if *pairs && i > 200 && i%2 == 0 {
		if unmet, _ := cover.Unmet(); len(unmet) > 0 {
			p := unmet[seed%uint64(len(unmet))]
			return simulate.Seek(seed, p.A, p.B)
		}
	}
	return simulate.Draw(seed)
}

// leaveOut drops the kinds of event that -simulate.skip names.
func leaveOut(h simulate.History) simulate.History {
	if *skip == "" {
		return h
	}
	names := strings.Split(*skip, ",")
	h.Events = slices.DeleteFunc(h.Events, func(e simulate.Event) bool {
		return slices.Contains(names, e.Kind) || e.Fault != "" && slices.Contains(names, e.Fault)
	})
	return h
}

// report shrinks a failure and prints it as a scenario.
func report(t *testing.T, h simulate.History, v *simulate.Violation, notes []string) {
	t.Helper()
	if !*shrink {
		t.Errorf("seed %d: %v\n%s", h.Seed, v, h)
		return
	}
	small := simulate.Shrink(h, func(try simulate.History) bool {
		got, _ := live(t, try, options(try, simulate.NewCoverage()))
		return got != nil && got.Law == v.Law
	})
	got, text := live(t, small, options(small, simulate.NewCoverage()))
	if got == nil {
		got, text = v, notes
	}
	scenario := fmt.Sprintf("# %s\n%s", strings.ReplaceAll(got.Error(), "\n", "\n# "), small)
	t.Errorf("seed %d: %v\n%s\n%s", h.Seed, got, scenario, strings.Join(text, "\n"))
	if *keep != "" {
		name := filepath.Join(*keep, fmt.Sprintf("%s-%d.sim", strings.ReplaceAll(got.Law, " ", "-"), h.Seed))
		if err := os.WriteFile(name, []byte(scenario), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// TestScenarios replays what once failed, under all laws.
func TestScenarios(t *testing.T) {
	if *replay != "" {
		v, notes := replayed(t, *replay, os.Stderr)
		t.Logf("%v\n%s", v, strings.Join(notes, "\n"))
		if v != nil && *keep != "" {
			report(t, parsed(t, *replay), v, notes)
		}
		return
	}
	for _, name := range scenarios(t, "*.sim") {
		if testing.Short() && everywhere(parsed(t, name)) {
			continue // as many runs as the engine takes steps
		}
		if v, notes := replayed(t, name, nil); v != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(name), v, strings.Join(notes, "\n"))
		}
	}
}

// TestOpenFaults replays what fails still: each breaks the law that begins its
// name. A scenario that passes was mended, and moves up to the others.
func TestOpenFaults(t *testing.T) {
	for _, name := range scenarios(t, filepath.Join("open", "*.sim")) {
		if testing.Short() && everywhere(parsed(t, name)) {
			continue
		}
		v, _ := replayed(t, name, nil)
		switch base := filepath.Base(name); {
		case v == nil:
			t.Errorf("%s passes: move it to testdata/simulate", base)
		case !strings.HasPrefix(base, strings.ReplaceAll(v.Law, " ", "-")+"-"):
			t.Errorf("%s breaks another law: %v", base, v)
		}
	}
}

func scenarios(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "simulate", pattern))
	if err != nil || len(files) == 0 && pattern == "*.sim" { // there may be no fault that is open
		t.Fatalf("no scenarios in %s: %v", pattern, err)
	}
	return files
}

func parsed(t *testing.T, name string) simulate.History {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	h, err := simulate.Parse(string(b))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return h
}

func replayed(t *testing.T, name string, log io.Writer) (*simulate.Violation, []string) {
	t.Helper()
	h := parsed(t, name)
	for at := 1; ; at++ {
		rec := simulate.Record{}
		v, notes := live(t, atEach(h, at), simulate.Options{Cover: simulate.NewCoverage(), Log: log, Record: &rec})
		if v != nil || !rec.Reached || !everywhere(h) {
			return v, notes
		}
	}
}

// everywhere reports whether a scenario has a fault at no step of its own:
// name@0 stands for every step, so that a scenario does not depend on how many
// the engine takes.
func everywhere(h simulate.History) bool {
	return slices.ContainsFunc(h.Events, func(e simulate.Event) bool { return e.Fault != "" && e.At == 0 })
}

func atEach(h simulate.History, at int) simulate.History {
	h.Events = slices.Clone(h.Events)
	for i, e := range h.Events {
		if e.Fault != "" && e.At == 0 {
			h.Events[i].At = at
		}
	}
	return h
}
