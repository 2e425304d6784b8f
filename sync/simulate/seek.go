package simulate

import (
	"math/rand/v2"
	"slices"
)

// Seek makes a history of a seed in which two kinds are to meet in one run.
func Seek(seed uint64, a, b string) History {
	rng := rand.New(rand.NewPCG(seed, 17))
	h := History{Seed: seed, Setting: drawSetting(rng)}
	for range 3 + rng.IntN(4) {
		h.add(rng, "server new")
	}
	h.Events = append(h.Events, Event{Kind: "others agree"})
	kinds := []string{a, b}
	rng.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	end := Event{}
	// What the first one needs comes last: the second one needs that it is not there yet.
	for _, k := range slices.Backward(kinds) {
		for _, first := range preparation(k) {
			h.add(rng, first)
		}
	}
	for _, k := range kinds {
		switch {
		case slices.Contains(faultKinds(), k):
			end.Fault, end.At = k, 1+rng.IntN(12)
		case slices.Contains(runKinds(), k) || k == "others agree":
			e := drawn(rng, k)
			end.Kind, end.A, end.B, end.C = e.Kind, e.A, e.B, e.C
		default:
			h.add(rng, k)
		}
	}
	if end.Kind == "" {
		end.Kind = "run all"
	}
	h.Events = append(h.Events, end)
	return h
}

// preparation lists what has to happen so that a kind finds something to do.
func preparation(kind string) []string {
	switch kind {
	case "disk complete":
		return []string{"disk half"}
	case "server catches up":
		return []string{"server lags"}
	case "config include":
		return []string{"config exclude"}
	case "server writable":
		return []string{"server readonly"}
	case "state old", "maildir old":
		return []string{"keep a copy"}
	case "server mend":
		return []string{"server new", "server damage"}
	case "server damage":
		return []string{"server new"}
	case "server unflag":
		return []string{"server flag all", "server flag"}
	case "disk unflag":
		return []string{"disk flag all", "disk flag"}
	case "disk no keywords":
		return []string{"disk more letters"}
	case "full", "refuse", "lost": // there has to be something to do, on either side
		return []string{"server new", "disk new"}
	}
	return nil
}
