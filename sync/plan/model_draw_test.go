package plan_test

import (
	"maps"
	"slices"

	"pgregory.net/rapid"

	"satchel/conflict"
	"satchel/sync/mail"
)

// drawFlags draws a set.
func drawFlags(t *rapid.T) mail.Flags {
	var names []string
	for _, f := range someFlags {
		if rapid.IntRange(0, 3).Draw(t, f) == 0 {
			names = append(names, f)
		}
	}
	return mail.NewFlags(names...)
}

func drawPolicy(t *rapid.T) conflict.Policy {
	return conflict.Policy{
		EditVsDelete:  rapid.SampledFrom([]conflict.EditVsDelete{conflict.Keep, conflict.Delete}).Draw(t, "edit_vs_delete"),
		Removal:       rapid.SampledFrom([]conflict.Removal{conflict.Auto, conflict.Expunge, conflict.Trash}).Draw(t, "delete"),
		MailboxDelete: rapid.SampledFrom([]conflict.MailboxRemoval{conflict.Never, conflict.WhenEmpty, conflict.Always}).Draw(t, "mailbox_delete"),
	}
}

// drawWorld draws sides that agree.
func drawWorld(t *rapid.T) *world {
	w := &world{local: newHalf(), remote: newHalf(), base: map[int]pair{}, baseMailboxes: map[string]bool{},
		copyOf: map[int]int{}, policy: drawPolicy(t)}
	for _, n := range someMailboxes {
		if n == "INBOX" || n == "Trash" || rapid.Bool().Draw(t, "has "+n) {
			w.baseMailboxes[n], w.local.mailboxes[n], w.remote.mailboxes[n] = true, true, true
		}
	}
	n := rapid.IntRange(0, 6).Draw(t, "messages")
	for id := 1; id <= n; id++ {
		m := held{rapid.SampledFrom(slices.Sorted(maps.Keys(w.baseMailboxes))).Draw(t, "home"), drawFlags(t)}
		w.local.messages[id], w.remote.messages[id] = m, m
		w.base[id] = pair{m.mailbox, m.flags, m.flags}
	}
	return w
}

// change makes one random change on a side.
func (w *world) change(t *rapid.T, h half, side string) {
	ids := slices.Sorted(maps.Keys(h.messages))
	names := slices.Sorted(maps.Keys(h.mailboxes))
	what := rapid.SampledFrom([]string{"flags", "seen", "move", "remove", "new", "copy", "create", "delete", "flags", "move"}).Draw(t, side+" does")
	next := 1
	for _, id := range w.ids() {
		next = max(next, id+1)
	}
	for id := range w.copyOf {
		next = max(next, id+1)
	}
	if len(names) == 0 {
		h.mailboxes["INBOX"] = true
		return
	}
	place := func() string { return rapid.SampledFrom(names).Draw(t, "place") }
	switch what {
	case "new":
		h.messages[next] = held{place(), drawFlags(t)}
		w.copyOf[next] = 0
		return
	case "create":
		h.mailboxes[rapid.SampledFrom(someMailboxes).Draw(t, "mailbox")] = true
		return
	case "delete":
		n := place()
		if n == "Trash" {
			return // that the server has one is a given
		}
		delete(h.mailboxes, n)
		maps.DeleteFunc(h.messages, func(_ int, m held) bool { return m.mailbox == n })
		return
	}
	if len(ids) == 0 {
		return
	}
	id := rapid.SampledFrom(ids).Draw(t, "message")
	m := h.messages[id]
	switch what {
	case "flags":
		m.flags = drawFlags(t)
		h.messages[id] = m
	case "seen":
		seen := mail.Flags{System: mail.Seen}
		if m.flags.Has(seen) {
			m.flags = m.flags.Minus(seen)
		} else {
			m.flags = m.flags.Union(seen)
		}
		h.messages[id] = m
	case "move":
		m.mailbox = place()
		h.messages[id] = m
	case "remove":
		delete(h.messages, id)
	case "copy":
		if _, known := w.base[id]; !known {
			return
		}
		h.messages[next] = held{place(), m.flags}
		w.copyOf[next] = id
	}
}

// changes draws what happened on the sides since they agreed.
func (w *world) changes(t *rapid.T, local, remote bool) {
	for range rapid.IntRange(0, 6).Draw(t, "changes") {
		if local && (!remote || rapid.Bool().Draw(t, "local")) {
			w.change(t, w.local, "local")
		} else {
			w.change(t, w.remote, "remote")
		}
	}
	if !local || !remote || rapid.IntRange(0, 3).Draw(t, "same on both") > 0 {
		return
	}
	// The same message arrived on both sides.
	for _, n := range slices.Sorted(maps.Keys(w.local.mailboxes)) {
		if w.remote.mailboxes[n] {
			w.local.messages[900], w.remote.messages[900] = held{n, drawFlags(t)}, held{n, drawFlags(t)}
			return
		}
	}
}
