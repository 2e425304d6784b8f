package simulate_test

import (
	"slices"
	"strings"

	"satchel/sync/simulate"
)

// openFaults are the laws that known faults still break, each with kinds of event:
// every such history has all kinds of one of the lines. A history without them is
// held to the law, and with EXCEPT=none `make simulate` holds every one to all laws.
func openFaults() map[string][]string {
	return map[string][]string{
		"doubled": {"server alters"},
		"place":   {"server alters"},
		"flags":   {"run push"},
	}
}

// excepted lists the laws that a history is not held to.
func excepted(h simulate.History) (laws []string) {
	if *ignore != "open" {
		return strings.Split(*ignore, ",")
	}
	for law, lines := range openFaults() {
		if slices.ContainsFunc(lines, func(line string) bool { return hasAll(h, strings.Split(line, " & ")) }) {
			laws = append(laws, law)
		}
	}
	return laws
}

// hasAll reports whether each of the kinds is in a history.
func hasAll(h simulate.History, kinds []string) bool {
	for _, k := range kinds {
		if !slices.ContainsFunc(h.Events, func(e simulate.Event) bool { return e.Kind == k || e.Fault == k }) {
			return false
		}
	}
	return true
}
