package simulate

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"satchel/sync/imaptest"
)

// A name may be spelled in several ways: in upper or lower case, which are two mailboxes,
// with letters composed or decomposed, which are one name here, and in modified UTF-7 or
// plain UTF-8, which are one mailbox.

const (
	composed   = "\u00e9"  // NFC
	decomposed = "e\u0301" // NFD
)

// serverSpelling has a mailbox, or a second one, come up in another spelling.
func serverSpelling(w *World, e Event) bool {
	switch e.A % 4 {
	case 0:
		return w.otherCase(e)
	case 1:
		return w.accented(e)
	case 2:
		if len(w.accents()) == 0 && !w.accented(e) {
			return false
		}
		sp := []imaptest.Spelling{{Plain: true}, {Both: true}, {}}[e.B%3]
		w.srv.SetSpelling(sp)
		w.note("server: names are listed in UTF-8 %v, in both forms %v", sp.Plain, sp.Both)
	case 3:
		sp := imaptest.Spelling{Inbox: []string{"Inbox", "inbox", ""}[e.B%3]}
		w.srv.SetSpelling(sp)
		w.note("server: INBOX is listed as %q", sp.Inbox)
	}
	return true
}

// otherCase makes a mailbox that differs from another in upper and lower case only.
func (w *World) otherCase(e Event) bool {
	box, ok := pick(others(w.mailboxes()), e.B)
	if !ok || w.seconds[w.onWire(box)] != "" {
		return false
	}
	name := strings.ToUpper(box)
	if name == box {
		name = strings.ToLower(box)
	}
	w.note("server: mailbox %s beside %s", name, box)
	return w.mail.CreateMailbox(w.onWire(name)) == nil
}

// accents lists the mailboxes that can be spelled in two ways, and are not.
func (w *World) accents() (names []string) {
	for _, box := range w.mailboxes() {
		if wire := w.onWire(box); strings.Contains(box, composed) && w.seconds[wire] == "" && w.seconds[respelled(wire)] == "" {
			names = append(names, box)
		}
	}
	return names
}

func respelled(wire string) string {
	if strings.Contains(wire, composed) {
		return strings.ReplaceAll(wire, composed, decomposed)
	}
	return strings.ReplaceAll(wire, decomposed, composed)
}

// accented makes a mailbox with an accent, or beside one that the runs know a second
// one, with another message in it, whose name is the same here.
func (w *World) accented(e Event) bool {
	if first, ok := pick(w.accents(), e.C); ok && w.synced(first) {
		wire := respelled(w.onWire(first))
		if w.mail.CreateMailbox(wire) != nil {
			return false
		}
		w.model.last++
		second := fmt.Sprintf("%s (second %d)", first, w.model.last)
		w.seconds[wire] = second
		w.note("server: a second mailbox that is called %s here: %s", first, second)
		return w.append(second, w.newMessage(), startFlags(e.C))
	}
	w.model.last++
	name := fmt.Sprintf("Caf%s %d", composed, w.model.last)
	wire := w.onWire(name)
	if e.C%2 == 0 {
		wire = respelled(wire)
	}
	w.note("server: mailbox %s, spelled %+q", name, wire)
	return w.mail.CreateMailbox(wire) == nil
}

// synced reports whether the state has a mailbox as it is now.
func (w *World) synced(box string) bool {
	validity, _, _ := w.mail.UIDState(w.onWire(box))
	known := false
	v := w.readState(func(_ *sql.DB, cursors []cursor) *Violation {
		known = slices.ContainsFunc(cursors, func(c cursor) bool { return c.name == box && c.validity == validity })
		return nil
	})
	return v == nil && known
}

// respell gives each second mailbox a name of its own, and lists names as is usual.
func (w *World) respell() {
	w.srv.SetSpelling(imaptest.Spelling{})
	for _, wire := range sortedKeys(w.seconds) {
		second := w.seconds[wire]
		if first, _, _ := strings.Cut(second, " (second"); !w.isThere(respelled(wire)) {
			// The other one is gone, so a run may have taken this one for it.
			for _, side := range []Side{Server, Disk} {
				w.model.disturbed(side, first, second)
			}
		}
		if !w.renameMailbox(second, w.freshName(1)) {
			delete(w.seconds, wire) // a run that took it for the other one has renamed or removed it
		}
	}
}
