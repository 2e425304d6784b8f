package simulate_test

import (
	"slices"
	"strings"

	"satchel/sync/simulate"
)

// openFaults are the laws that known faults still break, each with the kinds
// of event of which one is in every such history. A history without them is
// held to the law; `make simulate` holds every history to all laws.
func openFaults() map[string][]string {
	return map[string][]string{
		"doubled": {"server alters"},
		"place":   {"server alters"},
		"flags":   {"run push"},
		"plan":    {"kill", "power", "cut", "lost", "drop", "refuse", "disk half", "run pull", "run push", "run box"},
	}
}

// excepted lists the laws that a history is not held to.
func excepted(h simulate.History) (laws []string) {
	if *ignore != "open" {
		return strings.Split(*ignore, ",")
	}
	for law, kinds := range openFaults() {
		if slices.ContainsFunc(h.Events, func(e simulate.Event) bool { return slices.Contains(kinds, e.Kind) || slices.Contains(kinds, e.Fault) }) {
			laws = append(laws, law)
		}
	}
	return laws
}
