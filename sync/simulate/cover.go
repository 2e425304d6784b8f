package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Coverage counts what happened: kinds of event, and which two of them met
// between two runs.
type Coverage struct {
	Histories int
	Runs      int
	Kinds     map[string]int
	Pairs     map[string]int
}

// NewCoverage has seen nothing.
func NewCoverage() *Coverage { return &Coverage{Kinds: map[string]int{}, Pairs: map[string]int{}} }

func (c *Coverage) did(kind string) { c.Kinds[kind]++ }

// meet counts what came together before or in one run, and begins anew.
func (c *Coverage) meet(kinds map[string]bool) {
	c.Runs++
	list := slices.Sorted(maps.Keys(kinds))
	for i, a := range list {
		if !strings.Contains(a, " ") || strings.HasPrefix(a, "run ") {
			c.Kinds[a]++
		}
		for _, b := range list[i+1:] {
			c.Pairs[pair(a, b)]++
		}
	}
	clear(kinds)
}

func pair(a, b string) string {
	if b < a {
		a, b = b, a
	}
	return a + " + " + b
}

// Add adds what another part of the work has seen.
func (c *Coverage) Add(o *Coverage) {
	c.Histories += o.Histories
	c.Runs += o.Runs
	for k, n := range o.Kinds {
		c.Kinds[k] += n
	}
	for k, n := range o.Pairs {
		c.Pairs[k] += n
	}
}

// all lists every kind that can meet another.
func all() []string {
	list := append(runKinds(), faultKinds()...)
	for name, k := range alphabet() {
		if k.weight > 0 {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// apart lists which kinds cannot be in one run, and why.
func apart() []apartness {
	noFault := []string{"run dry", "others agree"}
	return []apartness{
		{append(runKinds(), "others agree"), append(runKinds(), "others agree"), "a run is of one kind"},
		{faultKinds(), faultKinds(), "one fault befalls a run"},
		{noFault, faultKinds(), "it is held to the laws of a run that nothing befalls"},
	}
}

type apartness struct {
	these, those []string
	why          string
}

func exclude(a, b string) bool {
	return slices.ContainsFunc(apart(), func(x apartness) bool {
		return slices.Contains(x.these, a) && slices.Contains(x.those, b) || slices.Contains(x.these, b) && slices.Contains(x.those, a)
	})
}

// Pair is two kinds that may be in one run.
type Pair struct{ A, B string }

func (p Pair) String() string { return pair(p.A, p.B) }

// Unmet lists the pairs that never met.
func (c *Coverage) Unmet() (list []Pair, total int) {
	kinds := all()
	for i, a := range kinds {
		for _, b := range kinds[i+1:] {
			if exclude(a, b) {
				continue
			}
			total++
			if c.Pairs[pair(a, b)] == 0 {
				list = append(list, Pair{a, b})
			}
		}
	}
	return list, total
}

func (c *Coverage) String() string {
	unmet, total := c.Unmet()
	return fmt.Sprintf("%d histories, %d runs, %d of %d pairs of kinds met", c.Histories, c.Runs, total-len(unmet), total)
}

// Table says of each number of times how many pairs met so often, the rarest
// first, and names those that met least.
func (c *Coverage) Table() string {
	often := map[int][]string{}
	kinds := all()
	for i, a := range kinds {
		for _, b := range kinds[i+1:] {
			if n := c.Pairs[pair(a, b)]; !exclude(a, b) {
				often[n] = append(often[n], pair(a, b))
			}
		}
	}
	var b strings.Builder
	for _, n := range slices.Sorted(maps.Keys(often)) {
		fmt.Fprintf(&b, "%5d pairs met %d times", len(often[n]), n)
		if len(often[n]) <= 12 && n < 10 {
			fmt.Fprintf(&b, ": %s", strings.Join(often[n], "; "))
		}
		b.WriteString("\n")
		if n > 20 {
			fmt.Fprintf(&b, "      the others more often\n")
			break
		}
	}
	return b.String()
}
