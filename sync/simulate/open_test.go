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
		"bytes": {"disk half"},
		"check": {"disk half", "disk save", "both new", "server anew", "server renumber", "server new world"},
		// A journal left over is looked for after a run that had no problem.
		"check finds": {"disk odd"},
		"disagree":    {"disk save", "power"},
		"doubled":     {"disk half", "disk save", "server anew"},
		"flags":       {"disk save", "run push"},
		"place":       {"disk half", "disk save", "disk copy"},
		"plan":        {"kill", "power", "disk twin", "disk copy", "disk link", "disk save", "run caps", "run pull", "run push", "run box"},
		"problem":     {"server delete", "disk odd"},
		"restless":    {"disk save"},
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
