package remote

import (
	"slices"

	"satchel/sync/remote/names"
	"satchel/sync/remote/wire"
)

// The prefix of the personal namespace is part of no name here. A server that
// does not tell it for once, or tells another one, would have other mailboxes
// than before, all of them: so the caller remembers what it told, and where the
// answers differ, that one counts under which more of the mailboxes that are
// known are in the list.

// namesOf makes the names of a server with these namespaces.
func (cl *Client) namesOf(ns names.Namespace, lists []wire.List) *names.Naming {
	return ns.Naming(lists, cl.boundNames(), cl.strangersNow())
}

// settleNames decides which namespaces the server has.
func (c *Conn) settleNames(li *listing) *names.Naming {
	told, ok := names.ReadNamespace(li.personal, li.others)
	remembered, learn := c.cl.remembered()
	n := c.cl.namesOf(told, li.lists)
	if remembered == nil || told.Equal(*remembered) {
		c.cl.setNamespace(told, ok)
		return n
	}
	before := c.cl.namesOf(*remembered, li.lists)
	known, err := learn()
	if err != nil {
		return before // nothing speaks against it
	}
	now, then := n.Finds(li.lists, known), before.Finds(li.lists, known)
	if then > now || then == now && !ok {
		return before
	}
	c.cl.setNamespace(told, ok)
	return n
}

// Remember tells what [Client.Namespace] returned once, and how to learn which
// mailboxes are known. While these cannot be learned, what was told once counts.
func (cl *Client) Remember(namespaces string, known func() (map[string]bool, error)) error {
	if namespaces == "" {
		return nil
	}
	before, err := names.ParseNamespace(namespaces)
	if err != nil {
		return err
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.namespace, cl.known = before, known
	return nil
}

// Recall names mailboxes as the server did that [Client.Remember] told of, for those
// who do not ask it. Where it told nothing, levels are taken to be possible.
func (cl *Client) Recall() {
	ns := names.Namespace{}
	if before, _ := cl.remembered(); before != nil {
		ns = *before
	}
	if ns.Delim == "" {
		ns.Delim = "/"
	}
	cl.setNames(cl.namesOf(ns, nil), nil)
}

// Namespace is what the server told of namespaces, for [Client.Remember]; empty
// where it told nothing.
func (cl *Client) Namespace() string {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.namespace == nil {
		return ""
	}
	return cl.namespace.String()
}

// remembered returns what was told before, and how to learn the mailboxes that
// are known.
func (cl *Client) remembered() (*names.Namespace, func() (map[string]bool, error)) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.known == nil {
		return cl.namespace, func() (map[string]bool, error) { return nil, nil }
	}
	return cl.namespace, cl.known
}

func (cl *Client) setNamespace(ns names.Namespace, ok bool) {
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
	cl.out = append(slices.Clone(cl.out), names.Stranger(box.Name, box.Wire))
	cl.names.Forget(box.Name)
}

func (cl *Client) strangersNow() map[string]bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.strangers
}
