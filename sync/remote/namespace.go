package remote

import (
	"fmt"
	"slices"
	"strings"

	"satchel/sync/remote/wire"
)

// The prefix of the personal namespace is part of no name here. A server that
// does not tell it for once, or tells another one, would have other mailboxes
// than before, all of them: so the caller remembers what it told, and where the
// answers differ, that one counts under which more of the mailboxes that are
// known are in the list.

// namespace is what NAMESPACE said (RFC 2342).
type namespace struct {
	Prefix string   // of the personal one, as it is on the wire
	Delim  string   // empty: none
	Others []string // prefixes of other users and of what is shared
}

// told reads the answer; ok is false where there was none.
func (li *listing) told() (ns namespace, ok bool) {
	if len(li.personal) > 0 {
		ns.Prefix = li.personal[0].Prefix
		if d := li.personal[0].Delim; d != 0 {
			ns.Delim = string(rune(d))
		}
	}
	for _, other := range li.others {
		ns.Others = append(ns.Others, other.Prefix)
	}
	return ns, len(li.personal) > 0
}

func (ns namespace) equal(other namespace) bool {
	return ns.Prefix == other.Prefix && ns.Delim == other.Delim && slices.Equal(ns.Others, other.Others)
}

// namesOf makes the names of a server with these namespaces.
func (cl *Client) namesOf(ns namespace, lists []wire.List) *names {
	n := newNames(decodeName(ns.Prefix), 0)
	if ns.Delim != "" {
		n.delim = ns.Delim[0]
	}
	for _, p := range ns.Others {
		switch prefix := decodeName(p); {
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
	n.bound, n.strangers = cl.boundNames(), cl.strangersNow()
	return n
}

// settleNames decides which namespaces the server has.
func (c *Conn) settleNames(li *listing) *names {
	told, ok := li.told()
	remembered, learn := c.cl.remembered()
	n := c.cl.namesOf(told, li.lists)
	if remembered == nil || told.equal(*remembered) {
		c.cl.setNamespace(told, ok)
		return n
	}
	before := c.cl.namesOf(*remembered, li.lists)
	known, err := learn()
	if err != nil {
		return before // nothing speaks against it
	}
	now, then := n.finds(li.lists, known), before.finds(li.lists, known)
	if then > now || then == now && !ok {
		return before
	}
	c.cl.setNamespace(told, ok)
	return n
}

// finds counts the rows that are mailboxes which are known, under the
// spellings that they have.
func (n *names) finds(rows []wire.List, known map[string]bool) (count int) {
	for _, row := range rows {
		name, ok := n.canonical(decodeName(row.Name))
		if !ok || !known[name] || !selectable(row) {
			continue
		}
		if expected, err := n.expected(name); err == nil && expected == row.Name {
			count++
		}
	}
	return count
}

// Remember tells what [Client.Namespace] returned once, and how to learn which
// mailboxes are known. While these cannot be learned, what was told once counts.
func (cl *Client) Remember(namespaces string, known func() (map[string]bool, error)) error {
	if namespaces == "" {
		return nil
	}
	parts := strings.Split(namespaces, between)
	if len(parts) < 2 {
		return fmt.Errorf("read namespaces: %q", namespaces)
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.namespace, cl.known = &namespace{Prefix: parts[0], Delim: parts[1], Others: parts[2:]}, known
	return nil
}

// Recall names mailboxes as the server did that [Client.Remember] told of, for those
// who do not ask it. Where it told nothing, levels are taken to be possible.
func (cl *Client) Recall() {
	ns := namespace{}
	if before, _ := cl.remembered(); before != nil {
		ns = *before
	}
	if ns.Delim == "" {
		ns.Delim = "/"
	}
	cl.setNames(cl.namesOf(ns, nil), nil)
}

// between stands between the parts of a namespace that is remembered: no name can
// hold it (RFC 3501 §9, CHAR).
const between = "\x00"

// Namespace is what the server told of namespaces, for [Client.Remember]; empty
// where it told nothing.
func (cl *Client) Namespace() string {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.namespace == nil {
		return ""
	}
	return strings.Join(append([]string{cl.namespace.Prefix, cl.namespace.Delim}, cl.namespace.Others...), between)
}

// remembered returns what was told before, and how to learn the mailboxes that
// are known.
func (cl *Client) remembered() (*namespace, func() (map[string]bool, error)) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.known == nil {
		return cl.namespace, func() (map[string]bool, error) { return nil, nil }
	}
	return cl.namespace, cl.known
}

func (cl *Client) setNamespace(ns namespace, ok bool) {
	if !ok {
		return
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.namespace = &ns
}

// Disown tells that a mailbox of the server, by its name on the wire, is not
// the one that its name stands for here: it is left out, until that one is
// forgotten.
func (cl *Client) Disown(box *Mailbox) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	strangers := map[string]bool{box.Wire: true}
	for wireName := range cl.strangers {
		strangers[wireName] = true
	}
	cl.strangers = strangers
	cl.out = append(slices.Clone(cl.out), stranger(box.Name, box.Wire))
	cl.names.forget(box.Name)
}

func stranger(name, wireName string) LeftOut {
	return LeftOut{Text: decodeName(wireName), Name: name, Why: fmt.Sprintf("%q is another mailbox than %s, which was synced until now", decodeName(wireName), name)}
}

func (cl *Client) strangersNow() map[string]bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.strangers
}
