package sync_test

import (
	"math/rand/v2"
	"testing"
)

// TestInterruptEverywhere stops runs dead at every step and resumes.
func TestInterruptEverywhere(t *testing.T) {
	limit := share(16, 6)
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			want, n := s.wantFor(t)
			list := interruptions(n, limit, 1)
			rng := rand.New(rand.NewPCG(1, 3))
			for range len(list) / 3 {
				list = append(list, point{k: 1 + rng.IntN(n), again: 1 + rng.IntN(n)})
			}
			each(t, list, func(p point) string { return s.interrupt(t, p, want) })
		})
	}
}

// TestInterruptHistories does the same with random histories, among them runs
// that die twice, and ones with changes on both sides between death and resume.
func TestInterruptHistories(t *testing.T) {
	seeds, limit := 8, 6
	switch {
	case *crashLong:
		seeds, limit = 300, 1<<30
	case testing.Short():
		seeds, limit = 3, 5
	}
	var list []uint64
	for i := range seeds {
		list = append(list, uint64(i))
	}
	each(t, list, func(seed uint64) string {
		s := historyScenario(seed)
		want, n := s.wantFor(t)
		rng := rand.New(rand.NewPCG(seed, 3))
		var ps []point
		for _, k := range points(n, limit, seed) {
			ps = append(ps, point{k: k, lag: rng.IntN(4) == 0, sure: surely(k, n)})
			p := point{k: k, lag: rng.IntN(4) == 0}
			switch rng.IntN(4) {
			case 0:
				p.again = 1 + rng.IntN(n)
			case 1:
				p.edits = 1 + rng.Uint64N(1<<20)
			case 2:
				p.again, p.edits = 1+rng.IntN(n), 1+rng.Uint64N(1<<20)
			default:
				continue
			}
			ps = append(ps, p)
		}
		for _, p := range ps {
			if msg := s.interrupt(t, p, want); msg != "" {
				return msg
			}
		}
		covered.histories.Add(1)
		return ""
	})
}
