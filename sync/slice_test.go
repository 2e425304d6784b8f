package sync_test

import (
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// The tests that interrupt and break have more cases than a quick run has time
// for. Which of them it takes is a number, and not what the clock allows: they
// are spread over all cases by a stride, the number is printed, and a case that
// was not reached fails. The long form (-crash) takes all.

// share is how many cases a test takes, at most; all of them in the long form.
func share(usual, short int) int {
	switch {
	case *crashLong:
		return 1 << 30
	case testing.Short():
		return short
	}
	return usual
}

// points chooses where to interrupt a run of n steps: at limit places that lie
// equally far from each other; seed says where the first one is.
func points(n, limit int, seed uint64) []int {
	limit = min(limit, n)
	var all []int
	if limit == 0 {
		return nil
	}
	offset := rand.New(rand.NewPCG(seed, 99)).IntN(n)
	for i := range limit {
		all = append(all, 1+(i*n+offset)/limit)
	}
	return all
}

// surely reports whether every run gets as far as place k of n. Runs differ a
// little, as their goroutines do, and may not reach what lies near the end.
func surely(k, n int) bool { return k <= n*4/5 }

// interruptions are the points of a run of n steps as cases.
func interruptions(n, limit int, seed uint64) []point {
	var list []point
	for _, k := range points(n, limit, seed) {
		list = append(list, point{k: k, sure: surely(k, n)})
	}
	return list
}

// spread takes every nth case, so that there are limit; those in front, of which
// there are first, are taken in any case.
func spread[T any](list []T, first, limit int) []T {
	taken := list[:first:first]
	rest := list[first:]
	for _, k := range points(len(rest), max(0, limit-first), 1) {
		taken = append(taken, rest[k-1])
	}
	return taken
}

// shuffled mixes a list, the same way each time, in the short form, which takes
// a part of it.
func shuffled[T any](list []T) []T {
	if !*crashLong {
		rng := rand.New(rand.NewPCG(1, 5))
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	return list
}

// oneOfEachFirst puts one of each kind in front, the first that may stand for
// it, and returns how many there are.
func oneOfEachFirst[T any](list []T, kind func(T) (name string, mayStand bool)) ([]T, int) {
	var front, rest []T
	seen := map[string]bool{}
	for _, x := range list {
		if k, ok := kind(x); ok && !seen[k] {
			seen[k] = true
			front = append(front, x)
		} else {
			rest = append(rest, x)
		}
	}
	return append(front, rest...), len(front)
}

// inTurn is each for what ends the test at a complaint, and so belongs to its
// goroutine.
func inTurn[T any](t *testing.T, cases []T, f func(T) string) {
	t.Helper()
	for _, x := range cases {
		if msg := f(x); msg != "" {
			t.Fatal(msg)
		}
	}
	if t.Logf("%d of %d cases reached", len(cases), len(cases)); len(cases) == 0 {
		t.Error("no case was reached")
	}
}

// each runs f for all cases on a few workers, and stops after some complaints.
// Most of the time is spent waiting for other goroutines.
func each[T any](t *testing.T, cases []T, f func(T) string) {
	t.Helper()
	const workers = 6
	var wg sync.WaitGroup
	var failed, done atomic.Int64
	queue := make(chan T)
	for range workers {
		wg.Go(func() {
			for x := range queue {
				if failed.Load() >= 3 && os.Getenv("ALLFAIL") == "" {
					continue
				}
				if msg := f(x); msg != "" {
					failed.Add(1)
					t.Error(msg)
				}
				done.Add(1)
			}
		})
	}
	for _, x := range cases {
		queue <- x
	}
	close(queue)
	wg.Wait()
	t.Logf("%d of %d cases reached", done.Load(), len(cases))
	if len(cases) == 0 || done.Load() != int64(len(cases)) {
		t.Errorf("%d cases were not reached, of %d", int64(len(cases))-done.Load(), len(cases))
	}
}

// TestSlices: a slice has as many cases as it says, which lie between the first
// and the last, all different, and with the long form all there are.
func TestSlices(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7, 100, 12345} {
		for _, limit := range []int{0, 1, 2, 6, 99, 1 << 30} {
			for seed := range uint64(5) {
				list := points(n, limit, seed)
				if len(list) != min(n, limit) {
					t.Fatalf("%d of %d: %d", limit, n, len(list))
				}
				for i, k := range list {
					if k < 1 || k > n || i > 0 && k <= list[i-1] {
						t.Fatalf("%d of %d: %v", limit, n, list)
					}
					if i > 0 && k-list[i-1] > n/len(list)+1 {
						t.Fatalf("%d of %d leaves a gap: %v", limit, n, list)
					}
				}
			}
		}
	}
	if got := spread([]int{1, 2, 3, 4, 5, 6, 7, 8}, 3, 5); len(got) != 5 || got[2] != 3 || got[4] > 8 || got[3] < 4 {
		t.Error(got)
	}
	if got := spread([]int{1, 2, 3}, 2, 1); len(got) != 2 { // those in front come in any case
		t.Error(got)
	}
}

// TestUnreached: a run that ends before it was to be interrupted is a failure.
func TestUnreached(t *testing.T) {
	s := first()
	if msg := s.interrupt(t, point{k: 1 << 20, sure: true}, nil); !strings.Contains(msg, "was not reached") {
		t.Errorf("%q", msg)
	}
}
