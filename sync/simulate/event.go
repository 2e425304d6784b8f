package simulate

import (
	"fmt"
	"strconv"
	"strings"
)

// Event is one thing that happens. What its numbers mean depends on its kind;
// they choose among what is there when it happens, modulo their number, so that
// an event keeps a meaning when others before it are left out.
type Event struct {
	Kind    string // a key of the alphabet, such as "server move"
	A, B, C int
	// During makes it happen at this step of the run that follows; 0: before it.
	During int
	// Fault is what befalls a run, At the step, byte or command at which it
	// does; only for kinds that begin with "run".
	Fault string
	At    int
}

// String writes an event as a line of a scenario.
func (e Event) String() string {
	var b strings.Builder
	if e.During > 0 {
		fmt.Fprintf(&b, "@%d ", e.During)
	}
	fmt.Fprintf(&b, "%s %d %d %d", e.Kind, e.A, e.B, e.C)
	if e.Fault != "" {
		fmt.Fprintf(&b, " %s@%d", e.Fault, e.At)
	}
	return b.String()
}

func (e Event) run() bool { return strings.HasPrefix(e.Kind, "run ") }

// parseEvent reads a line that String wrote.
func parseEvent(line string) (e Event, err error) {
	words := strings.Fields(line)
	if len(words) > 0 && words[0][0] == '@' {
		if e.During, err = strconv.Atoi(words[0][1:]); err != nil {
			return e, fmt.Errorf("event %q: %w", line, err)
		}
		words = words[1:]
	}
	if n := len(words); n > 0 && strings.Contains(words[n-1], "@") {
		fault, at, _ := strings.Cut(words[n-1], "@")
		if e.At, err = strconv.Atoi(at); err != nil {
			return e, fmt.Errorf("event %q: %w", line, err)
		}
		e.Fault, words = fault, words[:n-1]
	}
	n := len(words)
	if n < 4 {
		return e, fmt.Errorf("event %q: a kind and three numbers are wanted", line)
	}
	for i, to := range []*int{&e.A, &e.B, &e.C} {
		if *to, err = strconv.Atoi(words[n-3+i]); err != nil {
			return e, fmt.Errorf("event %q: %w", line, err)
		}
	}
	e.Kind = strings.Join(words[:n-3], " ")
	if _, known := alphabet()[e.Kind]; !known && !e.run() {
		return e, fmt.Errorf("event %q: no such kind", line)
	}
	return e, nil
}

// Setting is what holds for a whole history.
type Setting struct {
	Without  []string // capabilities that the server lacks
	ObjectID bool
	PlusPlus bool   // layout maildir++
	Window   int    // new messages planned together
	Lines    int    // connections
	Policy   int    // index into policies
	Delim    string // "/" or "."
	Prefix   string // of the personal namespace
	Alike    bool   // all messages have one size and one date
	SameID   bool   // several messages share a Message-ID
	NoID     bool   // some have none
	Boxes    int    // mailboxes beside INBOX at the start
}

func (s Setting) String() string {
	return fmt.Sprintf("without=%s objectid=%v plusplus=%v window=%d lines=%d policy=%d delim=%s prefix=%s alike=%v sameid=%v noid=%v boxes=%d",
		strings.Join(s.Without, ","), s.ObjectID, s.PlusPlus, s.Window, s.Lines, s.Policy, s.Delim, s.Prefix, s.Alike, s.SameID, s.NoID, s.Boxes)
}

func parseSetting(line string) (s Setting, err error) {
	for _, w := range strings.Fields(line) {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "without":
			if value != "" {
				s.Without = strings.Split(value, ",")
			}
		case "objectid":
			s.ObjectID = value == "true"
		case "plusplus":
			s.PlusPlus = value == "true"
		case "window":
			s.Window, err = strconv.Atoi(value)
		case "lines":
			s.Lines, err = strconv.Atoi(value)
		case "policy":
			s.Policy, err = strconv.Atoi(value)
		case "delim":
			s.Delim = value
		case "prefix":
			s.Prefix = value
		case "alike":
			s.Alike = value == "true"
		case "sameid":
			s.SameID = value == "true"
		case "noid":
			s.NoID = value == "true"
		case "boxes":
			s.Boxes, err = strconv.Atoi(value)
		default:
			return s, fmt.Errorf("setting %q: no such key", key)
		}
		if err != nil {
			return s, fmt.Errorf("setting %q: %w", w, err)
		}
	}
	return s, nil
}

// History is a world and all that happens in it. An agreement is demanded at
// its end, whether it says so or not.
type History struct {
	Setting Setting
	Seed    uint64 // of what the file system and the lies choose
	Events  []Event
}

// String writes a history as a scenario file.
func (h History) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\nsetting %s\n", h.Seed, h.Setting)
	for _, e := range h.Events {
		fmt.Fprintln(&b, e)
	}
	return b.String()
}

// Parse reads a scenario file. Lines that begin with # are comments.
func Parse(text string) (h History, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "seed "):
			h.Seed, err = strconv.ParseUint(line[5:], 10, 64)
		case strings.HasPrefix(line, "setting "):
			h.Setting, err = parseSetting(line[8:])
		default:
			var e Event
			e, err = parseEvent(line)
			h.Events = append(h.Events, e)
		}
		if err != nil {
			return h, err
		}
	}
	return h, nil
}
