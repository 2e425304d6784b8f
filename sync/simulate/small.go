package simulate

import "slices"

// Shape is the beginning of small histories: two messages in one of two
// mailboxes, on which both sides agree, some events, and a run.
type Shape struct {
	Before []Event
	Run    Event
}

// smallServer and smallDisk are the letters of small histories, by the side
// that does them. Both messages begin in Archive (mailbox 0); INBOX (1) is
// where they go.
func smallServer() []Event {
	return []Event{
		{Kind: "server flag", A: 0, B: 1}, {Kind: "server flag", A: 1, B: 1},
		{Kind: "server expunge", A: 0}, {Kind: "server expunge", A: 1},
		{Kind: "server move", A: 0, B: 1}, {Kind: "server move", A: 1, B: 1},
		{Kind: "server copy", A: 0, B: 1}, {Kind: "server copy", A: 1, B: 1},
		{Kind: "server new"}, {Kind: "server rename", B: 1}, {Kind: "server delete"}, {Kind: "server anew"}, {Kind: "server renumber"},
	}
}

func smallDisk() []Event {
	return []Event{
		{Kind: "disk flag", A: 0, B: 1}, {Kind: "disk flag", A: 1, B: 1},
		{Kind: "disk remove", A: 0}, {Kind: "disk remove", A: 1},
		{Kind: "disk move", A: 0, B: 1}, {Kind: "disk move", A: 1, B: 1},
		{Kind: "disk copy", A: 0, B: 1}, {Kind: "disk copy", A: 1, B: 1},
		{Kind: "disk rename", A: 0}, {Kind: "disk new"}, {Kind: "disk move folder", B: 1}, {Kind: "disk drop folder"},
	}
}

// smallRuns are all kinds of run; one mailbox is each of the two.
func smallRuns() []Event {
	return []Event{
		{Kind: "run all"}, {Kind: "run box", A: 0}, {Kind: "run box", A: 1}, {Kind: "run pull"}, {Kind: "run push"},
		{Kind: "run full"}, {Kind: "run dry"},
	}
}

// smallWorld is where a small history begins.
func smallWorld(events []Event) History {
	h := History{Seed: 1, Setting: Setting{Window: 4096, Lines: 1, Delim: "/", Alike: true, Boxes: 1}}
	h.Events = append(h.Events, Event{Kind: "server new"}, Event{Kind: "server new"}, Event{Kind: "one run agrees"})
	h.Events = append(h.Events, events...)
	return h
}

// segments lists what may happen between two runs: events of the server, then
// events of the disk. Without a run between them, neither side sees the other,
// so every other order of the two is one of these.
func segments(n int) (list [][]Event) {
	for ofServer := range n + 1 {
		for _, s := range words(smallServer(), ofServer) {
			for _, d := range words(smallDisk(), n-ofServer) {
				list = append(list, slices.Concat(s, d))
			}
		}
	}
	return list
}

// words lists all sequences of n letters.
func words(letters []Event, n int) [][]Event {
	if n == 0 {
		return [][]Event{nil}
	}
	var list [][]Event
	for _, w := range words(letters, n-1) {
		for _, l := range letters {
			list = append(list, append(slices.Clone(w), l))
		}
	}
	return list
}

// firstChosen reports whether the first event that chooses a message chooses
// the first one. The two are alike, so the others are mirror images.
func firstChosen(events []Event) bool {
	for _, e := range events {
		switch e.Kind {
		case "server new", "server rename", "server delete", "server anew", "server renumber", "disk new", "disk move folder", "disk drop folder":
		default:
			return e.A == 0
		}
	}
	return true
}

// Shapes lists the beginnings of all histories of up to most events.
func Shapes(most int) (list []Shape) {
	for n := range most + 1 {
		for _, before := range segments(n) {
			if !firstChosen(before) {
				continue
			}
			for _, r := range smallRuns() {
				if n > 0 || r.Kind == "run all" { // a run with nothing to do is for what happens beside it
					list = append(list, Shape{before, r})
				}
			}
		}
	}
	return list
}

// Record is what [Play] notes for those who enumerate.
type Record struct {
	Void    bool  // an event found nothing that it could be done to; with Options.Strict
	Steps   int   // of the last run that an event asked for
	Effects []int // those of its steps that others can see
	Reached bool  // a fault befell a run
}

// Each plays every history of up to most events that begins with the shape:
//
//   - with nothing in the run, and stopped before each step with an effect that
//     others can see (stops between two of them leave the same world), and with
//     every continuation after that;
//   - where the whole has up to two events and the run is that of all mailboxes,
//     also with every answer of the server lost, and with every event beside each
//     step of the run.
//
// A history with an event that finds nothing to do is one with fewer events,
// and is cut short; play reports that with Record.Void.
func (s Shape) Each(most int, play func(History) Record) {
	plain := play(smallWorld(append(slices.Clone(s.Before), s.Run)))
	if plain.Void {
		return
	}
	with := func(run Event, after []Event) Record {
		return play(smallWorld(slices.Concat(s.Before, []Event{run}, after)))
	}
	if s.Run.Kind == "run dry" {
		return // it changes nothing, and Play holds it to that
	}
	if s.Run.Kind == "run all" && len(s.Before) < min(2, most) {
		s.beside(plain.Steps, play)
	}
	if len(s.Before) == 0 {
		return
	}
	run := s.Run
	for n := range most - len(s.Before) + 1 {
		for _, after := range segments(n) {
			if !firstChosen(slices.Concat(s.Before, after)) {
				continue
			}
			// After a whole run of everything both sides agree, and it all begins anew.
			if n > 0 && run.Kind != "run all" && run.Kind != "run full" && with(run, after).Void {
				continue
			}
			for _, at := range plain.Effects {
				stopped := run
				stopped.Fault, stopped.At = "kill", at
				if with(stopped, after).Void {
					break
				}
			}
		}
	}
	for at := 1; run.Kind == "run all" && len(s.Before) <= 2; at++ {
		lost := run
		lost.Fault, lost.At = "lost", at
		if r := with(lost, nil); r.Void || !r.Reached {
			break
		}
	}
}

// beside has every event happen at each step of the run.
func (s Shape) beside(steps int, play func(History) Record) {
	for _, e := range append(smallServer(), smallDisk()...) {
		if !alphabet()[e.Kind].beside || !firstChosen(append(slices.Clone(s.Before), e)) {
			continue
		}
		for at := 1; at <= steps; at++ {
			e.During = at
			if play(smallWorld(append(slices.Clone(s.Before), e, s.Run))).Void {
				break
			}
		}
	}
}
