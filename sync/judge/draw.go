package judge

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"satchel/sync/simulate"
)

// weights are the kinds of event that can be done from outside to a real
// server and a real disk, and how often they are drawn. Left out of the
// simulator's alphabet are rights, what a server forgets, and waiting.
func weights() map[string]int {
	return map[string]int{
		"server new": 6, "server labels": 2, "server flag": 6, "server unflag": 4, "server expunge": 4, "server move": 5,
		"server copy": 3, "server flag all": 1, "server move all": 1, "server drop all": 1, "server many": 1,
		"server create": 2, "server rename": 2, "server delete": 1, "server anew": 1, "server renumber": 1, "server new world": 1,

		"disk new": 6, "disk flag": 6, "disk unflag": 4, "disk remove": 4, "disk move": 5, "disk rename": 2, "disk copy": 3,
		"disk link": 1, "disk twin": 1, "disk save": 2, "disk flag all": 1, "disk move all": 1, "disk drop all": 1,
		"disk many": 1, "disk create": 2, "disk move folder": 2, "disk drop folder": 1, "disk half": 2, "disk complete": 2,
		"disk no keywords": 1, "disk more letters": 1, "disk odd": 1, "disk equal times": 1, "both new": 2,

		"state lost": 1, "state old": 1, "maildir old": 1, "keep a copy": 1,
	}
}

// Variant is how the server is set up.
type Variant struct {
	Name          string
	Storage       string
	Delim, Prefix string
	Without       []string // capabilities that it does not announce
}

// drawer draws one history.
type drawer struct {
	*rand.Rand
	tool Tool
	bag  []string
	h    simulate.History
}

// Draw makes the history of a seed, of what a program claims to understand.
func Draw(seed uint64, t Tool, v Variant) simulate.History {
	d := &drawer{Rand: rand.New(rand.NewPCG(seed, 23)), tool: t}
	d.h = simulate.History{Seed: seed, Setting: simulate.Setting{
		Window: 4096, Lines: 1, Delim: v.Delim, Prefix: v.Prefix, ObjectID: true, Boxes: 1 + d.IntN(4),
		Alike: d.IntN(3) == 0, SameID: d.IntN(4) == 0, NoID: d.IntN(4) == 0,
	}}
	kinds := weights()
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		keep := d.IntN(3) > 0
		if _, left := t.Leaves[name]; left || !keep {
			continue
		}
		for range kinds[name] {
			d.bag = append(d.bag, name)
		}
	}
	for range 1 + d.IntN(8) {
		d.add(d.event("server new"))
	}
	d.add(simulate.Event{Kind: "others agree"})
	for range 2 + d.IntN(2) {
		d.epoch()
	}
	return d.h
}

func (d *drawer) add(e simulate.Event) { d.h.Events = append(d.h.Events, e) }

func (d *drawer) epoch() {
	for range 1 + d.IntN(8) {
		d.add(d.event(d.bag[d.IntN(len(d.bag))]))
	}
	for range d.IntN(4) {
		d.run()
		for range d.IntN(3) {
			d.add(d.event(d.bag[d.IntN(len(d.bag))]))
		}
	}
	d.add(simulate.Event{Kind: "others agree"})
}

// run draws a run, what befalls it, and what others do meanwhile.
func (d *drawer) run() {
	kinds := append([]string{"run all", "run all"}, d.tool.Runs...)
	run := d.event(kinds[d.IntN(len(kinds))])
	if run.Kind != "run dry" && d.IntN(3) > 0 {
		run.Fault, run.At = []string{"kill", "stop", "stop", "cut"}[d.IntN(4)], 1+d.IntN(1000)
		switch {
		case run.Fault == "stop" && !tracing:
			run.Fault = "kill"
		case run.Fault == "stop":
			run.At = 1 + d.IntN(1<<d.IntN(9)) // early ones as often as late ones: some runs change little
		}
	}
	if d.IntN(3) == 0 && !d.tool.Alone {
		for range 1 + d.IntN(3) {
			if e := d.event(d.bag[d.IntN(len(d.bag))]); beside(e.Kind) {
				e.During = 1 + d.IntN(1000)
				d.add(e)
			}
		}
	}
	d.add(run)
}

// beside reports whether a thing may happen while a run is at work. Not the
// loss of the state, which the run has open.
func beside(kind string) bool {
	return !strings.HasPrefix(kind, "state ") && !slices.Contains([]string{"maildir old", "keep a copy", "server new world", "server anew", "disk drop folder", "disk odd"}, kind)
}

// event draws the numbers of an event so that it asks for nothing that the
// program does not keep.
func (d *drawer) event(kind string) simulate.Event {
	e := simulate.Event{Kind: kind, A: d.IntN(1000), B: d.IntN(1000), C: d.IntN(1000)}
	flag := d.tool.Flags[d.IntN(len(d.tool.Flags))]
	starts := []int{0, 1, 2, 3, 4}
	if !slices.Contains(d.tool.Flags, 5) {
		starts = starts[:3] // without keywords
	}
	start := starts[d.IntN(len(starts))]
	switch {
	case strings.HasSuffix(kind, "flag") || strings.HasSuffix(kind, "flag all") || kind == "disk equal times":
		e.B = flag
	case strings.HasSuffix(kind, " new") || strings.HasSuffix(kind, " many"):
		e.C = start
		if kind == "both new" {
			e.B = start
		}
	case d.tool.NewNames && (strings.HasPrefix(kind, "disk move") || kind == "disk copy"):
		e.C = 0
	}
	return e
}
