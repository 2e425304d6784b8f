package simulate

import (
	"bytes"
	"os"
	"slices"
	"sync"

	"satchel/sync/imaptest"
)

// altered says which alterations the server made of which messages, while clients
// stored them.
type altered struct {
	mu sync.Mutex
	of map[int]map[string]bool
}

// made notes an alteration of a message.
func (a *altered) made(n int, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = map[int]map[string]bool{}
	}
	if a.of[n] == nil {
		a.of[n] = map[string]bool{}
	}
	a.of[n][name] = true
}

// by returns the alterations of a message.
func (a *altered) by(n int) map[string]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of[n]
}

// serverAlters makes the server alter what clients store from now on, in one of the
// ways that were met in the field; or store it as it comes again.
func serverAlters(w *World, e Event) bool {
	names := append(sortedKeys(imaptest.Alterations()), "")
	name := names[e.A%len(names)]
	w.alters.Store(name)
	w.note("server: what is stored is altered now: %q", name)
	return true
}

// stores is what the server makes of what a client stores.
func (w *World) stores(m []byte) []byte {
	w.carried.appended(w.tree.token(m))
	name, _ := w.alters.Load().(string)
	alter := imaptest.Alterations()[name]
	if alter == nil {
		return m
	}
	stored := alter(m)
	if !bytes.Equal(stored, m) {
		w.altered.made(w.tree.token(m), name)
	}
	return stored
}

// same reports whether a content is that of a message: the same but for lines of
// programs, and for what the server altered when a client stored it.
func (w *World) same(content []byte, t *token) bool {
	by := w.altered.by(t.n)
	if t.holds(content) || len(by) == 0 {
		return t.holds(content)
	}
	have := unaltered(plain(content), by)
	return slices.ContainsFunc(t.forms(), func(form []byte) bool { return bytes.Equal(have, unaltered(plain(form), by)) })
}

// unaltered takes back what alterations do.
func unaltered(b []byte, by map[string]bool) []byte {
	if by["CR dropped"] || by["last CR dropped"] {
		b = bytes.ReplaceAll(b, []byte("\r"), nil)
	}
	var out []byte
	for line := range bytes.Lines(b) {
		if by["field added"] && bytes.HasPrefix(line, []byte("X-Gateway:")) || by["housekeeping"] && bytes.HasPrefix(line, []byte("X-Pm-Gluon-Id:")) {
			continue
		}
		if by["Message-ID added"] && bytes.HasPrefix(line, []byte("Message-ID:")) {
			continue // only what has none gets one
		}
		if by["field rewritten"] {
			line = bytes.Replace(line, []byte(`"Ann" <ann@example.org>`), []byte("ann@example.org"), 1)
		}
		out = append(out, line...)
	}
	if by["CR dropped"] || by["last line dropped"] || by["last line ended"] || by["last line not ended"] {
		out = bytes.TrimRight(out, "\n")
	}
	return out
}

// unalter forgets the alterations of messages that both sides, and the copy of the
// Maildir that is kept, have as they were made.
func (w *World) unalter() {
	left := map[int]bool{}
	look := func(n int, content []byte) {
		if t := w.model.tokens[n]; t != nil && !t.holds(content) {
			left[n] = true
		}
	}
	for _, x := range w.there() {
		look(x.token, x.msg.Content)
	}
	trees := []*maildirTree{w.tree}
	if w.saved.mail != "" {
		trees = append(trees, newTree(w.saved.mail, w.h.Setting.PlusPlus))
	}
	for _, tree := range trees {
		for _, f := range tree.all() {
			if b, err := os.ReadFile(tree.path(f)); err == nil {
				look(f.token, b)
			}
		}
	}
	w.altered.mu.Lock()
	defer w.altered.mu.Unlock()
	for n := range w.altered.of {
		if !left[n] {
			delete(w.altered.of, n)
		}
	}
}
