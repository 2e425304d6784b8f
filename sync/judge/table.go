package judge

import (
	"fmt"
	"slices"
	"strings"
)

// Table counts verdicts.
type Table struct {
	rows []*row
}

// row is a program on a server.
type row struct {
	tool, version, server                string
	histories, events, runs, kills, cuts int
	laws                                 map[string]int            // histories that broke it
	kinds                                map[string]map[string]int // law -> kind of event that was there
}

// Add counts a verdict. It reports whether it is the first of the program on this server
// that breaks its law.
func (t *Table) Add(tool Tool, server string, v Verdict) (first bool) {
	i := slices.IndexFunc(t.rows, func(r *row) bool { return r.tool == tool.Name && r.server == server })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, &row{tool: tool.Name, version: tool.Says(), server: server,
			laws: map[string]int{}, kinds: map[string]map[string]int{}})
	}
	r := t.rows[i]
	r.histories++
	r.events += v.Done
	r.runs += v.Runs
	r.kills += v.Kills
	r.cuts += v.Cuts
	if v.Violation == nil {
		return false
	}
	law := v.Violation.Law
	r.laws[law]++
	if r.kinds[law] == nil {
		r.kinds[law] = map[string]int{}
	}
	for _, k := range v.Kinds {
		r.kinds[law][k]++
	}
	return r.laws[law] == 1
}

// Laws are the columns, in order of weight.
func laws() []string {
	return []string{"lost", "doubled", "disagree", "place", "flags", "bytes", "date", "foreign", "error", "restless", "dry", "hangs"}
}

// String writes the table, and under it the kinds of event.
func (t *Table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| program | version | server | histories | events | runs | kills | cuts | %s |\n|%s\n",
		strings.Join(laws(), " | "), strings.Repeat("---|", 8+len(laws())))
	for _, r := range t.rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d | %d | %d | %d |", r.tool, r.version, r.server, r.histories, r.events, r.runs, r.kills, r.cuts)
		for _, law := range laws() {
			fmt.Fprintf(&b, " %d |", r.laws[law])
		}
		b.WriteByte('\n')
	}
	b.WriteString("\nHistories with a violation, by what had happened since the sides last agreed:\n\n")
	for _, r := range t.rows {
		for _, law := range laws() {
			if r.laws[law] > 0 {
				fmt.Fprintf(&b, "- %s on %s, %s (%d): %s\n", r.tool, r.server, law, r.laws[law], list(r.kinds[law]))
			}
		}
	}
	return b.String()
}

// list writes counts, the largest first.
func list(counts map[string]int) string {
	var names []string
	for k := range counts {
		names = append(names, k)
	}
	slices.SortFunc(names, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	for i, k := range names {
		names[i] = fmt.Sprintf("%s %d", k, counts[k])
	}
	return strings.Join(names, ", ")
}
