//go:build linux

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"satchel/sync/imaptest/dovecot"
	"satchel/sync/imaptest/netsim"
)

// harness is what all workloads share.
type harness struct {
	srv             *dovecot.Server
	proxy           *netsim.Proxy
	satchel, mbsync string   // programs; mbsync is "" where it is not installed
	tools           []string // who takes part
	scratch         string   // the folders of all replicas
	author          *author
	count           int      // runs of each workload
	scale           float64  // of the workloads' sizes
	million         string   // BENCH_MILLION
	slowDisk        []string // command under which each fsync takes longer, for BENCH_FSYNC_DELAY

	users, replicas int                 // given out so far
	shared          *account            // of 501 mailboxes
	synced          map[string]*replica // of shared, by program
	pairs           map[string]*replica // of two folders, by program, for the moves
	durability      string              // what [harness.durable] says
}

// TestCompare measures every workload that BENCH selects and prints the
// table. The environment is described in docs/benchmarks.md.
func TestCompare(t *testing.T) {
	program := os.Getenv("SATCHEL_BENCH")
	if program == "" {
		t.Skip("this is what make bench runs: SATCHEL_BENCH names the program to measure")
	}
	h := newHarness(t, program)
	chosen, err := regexp.Compile(os.Getenv("BENCH"))
	if err != nil {
		t.Fatalf("BENCH: %v", err)
	}
	h.durability = h.durable(t)
	if d := os.Getenv("BENCH_FSYNC_DELAY"); d != "" {
		h.slowDisk = slowDisk(t, d)
		h.durability += "; " + d + " added to each fsync, fdatasync and syncfs"
	}
	fmt.Printf("%s  fsync: %s\n", time.Now().Format(time.TimeOnly), h.durability)
	var results []*result
	for _, w := range workloads() {
		if !chosen.MatchString(w.name) {
			continue
		}
		fmt.Printf("%s  %-12s %s\n", time.Now().Format(time.TimeOnly), w.name, w.title)
		res := &result{workload: w, runs: map[string][]usage{}, counted: map[string]usage{}, tools: h.tools}
		t.Run(w.name, func(t *testing.T) {
			defer func() { res.failed, res.skipped = t.Failed(), t.Skipped() }()
			w.run(t, h, res)
		})
		results = append(results, res)
		if !res.failed && !res.skipped {
			fmt.Println(table(resultRows([]*result{res})))
		}
	}
	rep := report{h: h, results: results}
	fmt.Println(rep.text())
	if path := docPath(h, os.Getenv("BENCH") == ""); path != "" && !t.Failed() {
		if err := rep.save(path); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("written to %s\n", path)
	}
}

// docPath is where the result goes: what BENCH_DOC says, and otherwise the
// documentation, if this was the whole benchmark.
func docPath(h *harness, all bool) string {
	if p := os.Getenv("BENCH_DOC"); p != "" {
		return p
	}
	if all && h.scale == 1 && h.slowDisk == nil && h.mbsync != "" {
		return filepath.Join("..", "..", "docs", "benchmarks.md")
	}
	return ""
}

func newHarness(t *testing.T, program string) *harness {
	t.Helper()
	h := &harness{author: newAuthor(), count: 5, scale: 1, million: os.Getenv("BENCH_MILLION"), tools: []string{satchel}}
	var err error
	if s := os.Getenv("BENCH_COUNT"); s != "" {
		if h.count, err = strconv.Atoi(s); err != nil || h.count < 1 {
			t.Fatalf("BENCH_COUNT must be a number above 0, not %q", s)
		}
	}
	if s := os.Getenv("BENCH_SCALE"); s != "" {
		if h.scale, err = strconv.ParseFloat(s, 64); err != nil || h.scale <= 0 {
			t.Fatalf("BENCH_SCALE must be a number above 0, not %q", s)
		}
	}
	if h.mbsync, err = exec.LookPath(mbsync); err == nil {
		h.tools = append(h.tools, mbsync)
	} else {
		fmt.Fprintf(os.Stderr, "\n*** mbsync is not installed (Debian: isync): there is nothing to compare with\n\n")
	}

	// A real disk: where /tmp is memory, fsync costs nothing and the table says
	// nothing.
	parent := os.Getenv("BENCH_DIR")
	if parent == "" {
		parent = filepath.Join("..", "..", ".cache")
	}
	if parent, err = filepath.Abs(parent); err == nil {
		err = os.MkdirAll(parent, 0o755)
	}
	if err == nil {
		h.scratch, err = os.MkdirTemp(parent, "bench-")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if os.Getenv("BENCH_KEEP") != "" {
			fmt.Printf("kept: %s\n", h.scratch)
			return
		}
		if err := os.RemoveAll(h.scratch); err != nil {
			t.Error(err)
		}
	})
	// A copy, so that a build meanwhile does not change what is measured.
	h.satchel = filepath.Join(h.scratch, satchel)
	b, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(h.satchel, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := adopt(); err != nil {
		t.Fatal(err)
	}
	users := make([]string, 32+2*h.count)
	for i := range users {
		users[i] = fmt.Sprintf("user%d", i)
	}
	// Dovecot tells of every login; only its warnings matter here.
	h.srv = dovecot.Start(t, dovecot.Options{Users: users, Mechanisms: "plain login", Extra: "info_log_path = /dev/null"})
	h.proxy = netsim.New(t, h.srv.Addr(), netsim.Options{})
	return h
}

// scaled applies BENCH_SCALE to a number of messages or mailboxes.
func (h *harness) scaled(n int) int { return max(1, int(float64(n)*h.scale)) }
