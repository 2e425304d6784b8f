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
		"bytes":    {"disk half"},
		"check":    {"disk half", "server anew", "server renumber", "server new world"},
		"disagree": {"disk twin", "power"},
		"doubled":  {"disk half", "disk save", "server anew"},
		"flags":    {"disk save", "run push"},
		"place":    {"disk half", "disk save"},
		"plan":     {"kill", "power", "disk twin", "disk copy", "disk link", "disk save", "run caps", "run pull", "run push", "run box"},
		"problem":  {"server delete", "disk odd"},
		"state":    {"run box", "power"},
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
