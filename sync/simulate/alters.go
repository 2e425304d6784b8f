package simulate

import (
	"bytes"
	"slices"

	"satchel/sync/remote/imaptest"
)

// serverAlters makes the server alter what clients store from now on, in one of the
// ways that were met in the field; or store it as it comes again.
func serverAlters(w *World, e Event) bool {
	names := append(sortedKeys(imaptest.Alterations()), "")
	name := names[e.A%len(names)]
	w.alters.Store(name)
	w.altered = w.altered || name != ""
	w.note("server: what is stored is altered now: %q", name)
	return true
}

// stores is what the server makes of what a client stores.
func (w *World) stores(m []byte) []byte {
	name, _ := w.alters.Load().(string)
	if alter := imaptest.Alterations()[name]; alter != nil {
		return alter(m)
	}
	return m
}

// same reports whether a content is that of a message: the same but for lines of
// programs, and on a server that alters what it stores but for what that does.
func (w *World) same(content []byte, t *token) bool {
	if t.holds(content) || !w.altered {
		return t.holds(content)
	}
	have := unaltered(plain(content))
	return slices.ContainsFunc(t.forms(), func(form []byte) bool { return bytes.Equal(have, unaltered(plain(form))) })
}

// unaltered takes back what alterations do.
func unaltered(b []byte) []byte {
	var out []byte
	for line := range bytes.Lines(bytes.ReplaceAll(b, []byte("\r"), nil)) {
		if bytes.HasPrefix(line, []byte("X-Gateway:")) || bytes.HasPrefix(line, []byte("X-Pm-Gluon-Id:")) {
			continue
		}
		out = append(out, bytes.Replace(line, []byte(`"Ann" <ann@example.org>`), []byte("ann@example.org"), 1)...)
	}
	return bytes.TrimRight(out, "\n")
}
