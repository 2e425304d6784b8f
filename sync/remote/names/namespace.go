package names

import (
	"fmt"
	"slices"
	"strings"

	"satchel/sync/remote/wire"
)

// Namespace is what NAMESPACE said (RFC 2342).
type Namespace struct {
	Prefix string   // of the personal one, as it is on the wire
	Delim  string   // empty: none
	Others []string // prefixes of other users and of what is shared
}

// ReadNamespace reads the answer; ok is false where the server gave none.
func ReadNamespace(personal, others []wire.Namespace) (ns Namespace, ok bool) {
	if len(personal) > 0 {
		ns.Prefix = personal[0].Prefix
		if d := personal[0].Delim; d != 0 {
			ns.Delim = string(rune(d))
		}
	}
	for _, other := range others {
		ns.Others = append(ns.Others, other.Prefix)
	}
	return ns, len(personal) > 0
}

// ParseNamespace reads what [Namespace.String] wrote.
func ParseNamespace(s string) (*Namespace, error) {
	parts := strings.Split(s, between)
	if len(parts) < 2 {
		return nil, fmt.Errorf("read namespaces: %q", s)
	}
	return &Namespace{Prefix: parts[0], Delim: parts[1], Others: parts[2:]}, nil
}

// String is the form in which a caller remembers a namespace.
func (ns Namespace) String() string {
	return strings.Join(append([]string{ns.Prefix, ns.Delim}, ns.Others...), between)
}

// Equal reports whether a server told the same again.
func (ns Namespace) Equal(other Namespace) bool {
	return ns.Prefix == other.Prefix && ns.Delim == other.Delim && slices.Equal(ns.Others, other.Others)
}

// Naming makes the names of a server with these namespaces. lists give the
// delimiter where NAMESPACE did not; see [Naming] for bound and strangers.
func (ns Namespace) Naming(lists []wire.List, bound map[string]string, strangers map[string]bool) *Naming {
	n := NewNaming(DecodeName(ns.Prefix), 0)
	if ns.Delim != "" {
		n.delim = ns.Delim[0]
	}
	for _, p := range ns.Others {
		switch prefix := DecodeName(p); {
		case prefix == "":
			n.rootForeign = n.prefix != ""
		case !strings.HasPrefix(n.prefix, prefix):
			n.others = append(n.others, prefix)
		}
	}
	if n.delim == 0 {
		for _, l := range lists {
			if l.Delim != 0 {
				n.delim = l.Delim
				break
			}
		}
	}
	n.bound, n.strangers = bound, strangers
	return n
}

// Finds counts the rows that are mailboxes which are known, under the
// spellings that they have.
func (n *Naming) Finds(rows []wire.List, known map[string]bool) (count int) {
	for _, row := range rows {
		name, ok := n.canonical(DecodeName(row.Name))
		if !ok || !known[name] || !Selectable(row) {
			continue
		}
		if expected, err := n.Expected(name); err == nil && expected == row.Name {
			count++
		}
	}
	return count
}

// between stands between the parts of a namespace that is remembered: no name can
// hold it (RFC 3501 §9, CHAR).
const between = "\x00"

// Stranger is a mailbox that is left out because it is another one than its name
// stands for here.
func Stranger(name, wireName string) LeftOut {
	return LeftOut{Text: DecodeName(wireName), Name: name, Why: fmt.Sprintf("%q is another mailbox than %s, which was synced until now", DecodeName(wireName), name)}
}
