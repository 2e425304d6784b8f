package simulate

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// Draw makes the history of a seed: its own subset of the alphabet, its own
// sizes.
func Draw(seed uint64) History {
	rng := rand.New(rand.NewPCG(seed, 5))
	h := History{Seed: seed, Setting: drawSetting(rng)}
	kinds := swarm(rng)
	for range rng.IntN(8) {
		h.add(rng, "server new")
	}
	h.Events = append(h.Events, Event{Kind: "others agree"})
	for range 1 + rng.IntN(3) {
		h.epoch(rng, kinds)
		if rng.IntN(2) == 0 {
			h.Events = append(h.Events, Event{Kind: "others agree"})
		}
	}
	return h
}

func drawSetting(rng *rand.Rand) Setting {
	s := Setting{
		ObjectID: rng.IntN(3) == 0, PlusPlus: rng.IntN(3) == 0, Window: []int{2, 4, 4096}[rng.IntN(3)], Lines: 1 + rng.IntN(4),
		Delim: []string{"/", "/", "."}[rng.IntN(3)], Alike: rng.IntN(3) == 0, SameID: rng.IntN(4) == 0, NoID: rng.IntN(4) == 0,
		Boxes: 1 + rng.IntN(len(startBoxes())),
	}
	if rng.IntN(2) == 0 {
		s.Policy = rng.IntN(len(policies()))
	}
	if rng.IntN(4) == 0 {
		s.Prefix = "INBOX" + s.Delim
	}
	if rng.IntN(2) == 0 {
		for _, name := range sortedKeys(capabilities()) {
			if rng.IntN(4) == 0 {
				s.Without = append(s.Without, name)
			}
		}
	}
	return s
}

// swarm chooses the kinds of one history, each as often as its weight says.
func swarm(rng *rand.Rand) (bag []string) {
	for _, name := range sortedKeys(alphabet()) {
		if name == "others agree" || rng.IntN(3) == 0 {
			continue
		}
		for range alphabet()[name].weight {
			bag = append(bag, name)
		}
	}
	if len(bag) == 0 {
		return []string{"server new"}
	}
	return bag
}

func (h *History) add(rng *rand.Rand, kind string) {
	h.Events = append(h.Events, drawn(rng, kind))
}

func drawn(rng *rand.Rand, kind string) Event {
	return Event{Kind: kind, A: rng.IntN(1000), B: rng.IntN(1000), C: rng.IntN(1000)}
}

// epoch is some events and some runs.
func (h *History) epoch(rng *rand.Rand, kinds []string) {
	for range rng.IntN(9) {
		h.add(rng, kinds[rng.IntN(len(kinds))])
	}
	for range 1 + rng.IntN(3) {
		run := drawn(rng, runKinds()[rng.IntN(len(runKinds()))])
		if run.Kind != "run dry" && rng.IntN(2) == 0 {
			run.Fault = faultKinds()[rng.IntN(len(faultKinds()))]
			run.At = 1 + rng.IntN(90)
			if run.Fault == "power" {
				run.At = 1 + rng.IntN(200) // each write of the state is a step then
			}
			if slices.Contains([]string{"refuse", "lost", "drop", "shortlist"}, run.Fault) {
				run.At = 1 + rng.IntN(12)
			}
		}
		if rng.IntN(3) == 0 {
			h.beside(rng, kinds, run)
		}
		h.Events = append(h.Events, run)
		for range rng.IntN(3) {
			h.add(rng, kinds[rng.IntN(len(kinds))])
		}
	}
}

// beside draws what others do while a run is at work. A disk that forgets
// knows only what went through it, so then they leave it alone.
func (h *History) beside(rng *rand.Rand, kinds []string, run Event) {
	for range 1 + rng.IntN(4) {
		k := kinds[rng.IntN(len(kinds))]
		if !alphabet()[k].beside || run.Fault == "power" && !strings.HasPrefix(k, "server ") {
			continue
		}
		e := drawn(rng, k)
		e.During = 1 + rng.IntN(80)
		h.Events = append(h.Events, e)
	}
}
