package names

import (
	"fmt"
	"slices"
	"strings"

	"satchel/sync/remote/wire"
)

// List decides which of the rows of a LIST has which name, and learns it. The
// order of the rows does not matter. Of those with one name it is the row with
// the spelling that the caller knows the mailbox by; else one that can be
// selected; else the one that [names.spell] gives; else the first in byte order.
// out are the others that can be selected, and those that cannot have a name.
func (n *Naming) List(rows []wire.List) (kept map[string]wire.List, out []LeftOut) {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b wire.List) int { return strings.Compare(a.Name, b.Name) })
	kept = make(map[string]wire.List, len(rows))
	for _, row := range sorted {
		if row.Name == "" {
			continue // the root of a namespace
		}
		name, ok := n.canonical(DecodeName(row.Name))
		if !ok {
			out = n.leaveOut(out, row, "", "a level of its name is empty")
			continue
		}
		if n.strangers[row.Name] {
			if Selectable(row) {
				out = append(out, Stranger(name, row.Name))
			}
			continue
		}
		other, taken := kept[name]
		switch {
		case !taken:
			kept[name] = row
		case name == Inbox: // one mailbox, whatever the rows say
			if !Selectable(other) {
				kept[name] = row
			}
		case n.outranks(name, row, other):
			out = n.leaveOut(out, other, name, takenBy(row, other))
			kept[name] = row
		default:
			out = n.leaveOut(out, row, name, takenBy(other, row))
		}
	}
	for name, row := range kept {
		n.Learn(name, row.Name)
	}
	return kept, out
}

// outranks reports whether a row has a name before another one, which comes
// first in byte order.
func (n *Naming) outranks(name string, row, other wire.List) bool {
	bound := n.bound[name]
	exact, _ := n.Spell(name)
	switch {
	case row.Name == bound || other.Name == bound:
		return row.Name == bound
	case Selectable(row) != Selectable(other):
		return Selectable(row)
	}
	return row.Name == exact
}

// LeftOut is a mailbox of the server that has no name here.
type LeftOut struct {
	Text string // its whole name, as a person reads it
	Name string // what it would be here, as near as can be
	Why  string
}

func (n *Naming) leaveOut(out []LeftOut, row wire.List, name, why string) []LeftOut {
	if !Selectable(row) {
		return out // there is no mail in it
	}
	text := DecodeName(row.Name)
	if name == "" {
		name = text
		if n.delim != 0 {
			name = strings.ReplaceAll(text, string(rune(n.delim)), "/")
		}
	}
	return append(out, LeftOut{Text: text, Name: name, Why: why})
}

func takenBy(first, second wire.List) string {
	return fmt.Sprintf("%q has the same name here as %q", asText(second.Name), asText(first.Name))
}

// Selectable reports whether a mailbox of a list can hold mail.
func Selectable(l wire.List) bool { return !l.Has(`\Noselect`) && !l.Has(`\NonExistent`) }
