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

// exclude reports whether two kinds cannot be in one run.
func exclude(a, b string) bool {
	isRun := func(k string) bool { return slices.Contains(runKinds(), k) || k == "others agree" }
	isFault := func(k string) bool { return slices.Contains(faultKinds(), k) }
	noFault := func(k string) bool { return k == "run dry" || k == "others agree" }
	return isRun(a) && isRun(b) || isFault(a) && isFault(b) || noFault(a) && isFault(b) || noFault(b) && isFault(a)
}

// Unmet lists the pairs that never met.
func (c *Coverage) Unmet() (list []string, total int) {
	kinds := all()
	for i, a := range kinds {
		for _, b := range kinds[i+1:] {
			if exclude(a, b) {
				continue
			}
			total++
			if c.Pairs[pair(a, b)] == 0 {
				list = append(list, pair(a, b))
			}
		}
	}
	return list, total
}

func (c *Coverage) String() string {
	unmet, total := c.Unmet()
	return fmt.Sprintf("%d histories, %d runs, %d of %d pairs of kinds met", c.Histories, c.Runs, total-len(unmet), total)
}
