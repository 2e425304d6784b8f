package simulate

import (
	"slices"
	"strings"

	mailsync "satchel/sync"
)

// agree ends all faults and demands that both sides agree within two runs.
func agree(w *World, _ Event) bool { return w.settle() == nil }

// oneRun brings both sides together as simply as can be, for the beginning of
// histories that are lived through in great numbers.
func oneRun(w *World, _ Event) bool {
	if _, err := w.run(mailsync.Request{}, fault{}, nil); err != nil {
		return false
	}
	server := w.serverSnapshot()
	w.model.agreed(server)
	return same(server, w.tree.snapshot()) == nil
}

// settle is agreement with all its laws.
func (w *World) settle() *Violation {
	if v := w.endFaults(); v != nil {
		return v
	}
	before, v := w.planSeen()
	if v != nil {
		return v
	}
	res, v := w.runTwice(before)
	if v != nil {
		return v
	}
	server := w.serverSnapshot()
	if v := w.agreedLaws(res, server); v != nil {
		return v
	}
	w.beginAnew(server)
	w.note("-- agreed")
	return nil
}

// endFaults mends all that keeps the sides from agreeing.
func (w *World) endFaults() *Violation {
	for len(w.readers) > 0 {
		serverWritable(w, Event{})
	}
	for _, box := range w.mailboxes() {
		w.srv.SetReadOnly(w.onWire(box), false) // one may have got another name since
	}
	serverMend(w, Event{})
	serverCatchesUp(w, Event{})
	w.respell()
	for len(w.half) > 0 {
		diskComplete(w, Event{})
	}
	w.unmark()
	timePasses(w, Event{A: 1})
	return w.includeAll()
}

// planSeen is a plan; first a person looks where satchel waits for that.
func (w *World) planSeen() (result, *Violation) {
	before, v := w.plan(nil)
	if v != nil || !unseen(before) {
		return before, v
	}
	if err := w.personLooks(); err != nil {
		return before, broken("harness", "%v", err)
	}
	return w.plan(nil)
}

// runTwice returns what the second of two runs says. The first does what the plan said before it.
func (w *World) runTwice(before result) (res result, v *Violation) {
	for i := range 2 {
		var err error
		if res, err = w.run(mailsync.Request{}, fault{}, nil); err != nil {
			return res, broken("harness", "%v", err)
		}
		w.note("run -> %v", res)
		if v := w.always(res, fault{}); v != nil {
			return res, v
		}
		if res.err != nil {
			return res, broken("error", "run %d of an agreement failed: %v", i+1, res.err)
		}
		if i == 0 {
			if v := w.first(func() *Violation { return w.planned(before, res) }); v != nil {
				return res, v
			}
		}
	}
	return res, nil
}

// agreedLaws are what holds once both sides agree; res is of the second run.
func (w *World) agreedLaws(res result, server snapshot) *Violation {
	disk := w.tree.snapshot()
	return w.first(
		func() *Violation {
			if unexpected(res) {
				return broken("problem", "the second run of an agreement has problems: %v", res)
			}
			return nil
		},
		func() *Violation { return same(server, disk) },
		func() *Violation { return w.numbers(server) },
		func() *Violation { return w.places(server) },
		func() *Violation { return w.kept(server) },
		w.moves,
		func() *Violation { return w.flags(server) },
		w.bytes,
		w.idle,
		w.checked,
	)
}

// beginAnew takes what both sides hold for the base of what happens next.
func (w *World) beginAnew(server snapshot) {
	w.lost, w.rights, w.stopped, w.changed, w.blurred = false, false, false, false, false
	w.files = w.inodes()
	w.carried.forget()
	clear(w.torn)
	clear(w.copies)
	w.unalter()
	w.model.agreed(server)
}

// unexpected reports whether a run has problems with anything but the odd
// entries of folders, which it names each time.
func unexpected(res result) bool {
	return slices.ContainsFunc(res.rep.Problems, func(p mailsync.Problem) bool { return !odd(p.Message) })
}

// unseen reports whether a run knows of an upload that the server said OK to, and
// that nobody can see. It waits for a day, and where somebody has moved or removed
// it there, until a person has looked, as the hint says. So does what goes to a mailbox
// that the server made twice and did not list, and a mailbox that is to be removed there
// meanwhile.
func unseen(res result) bool {
	ends := func(text string, with ...string) bool {
		return slices.ContainsFunc(with, func(end string) bool { return strings.HasSuffix(text, end) })
	}
	return slices.ContainsFunc(res.rep.Notices, func(text string) bool {
		return ends(text, "stays on the server for a day, since the server did not show all that it has")
	}) || slices.ContainsFunc(res.rep.Problems, func(p mailsync.Problem) bool {
		return ends(p.Error, "it is not sent again", "has no mailbox that is called so; nothing is sent there")
	})
}

// personLooks is a run, with which the day begins, and a day later what the hint says.
func (w *World) personLooks() error {
	if _, err := w.run(mailsync.Request{}, fault{}, nil); err != nil {
		return err
	}
	timePasses(w, Event{A: 3})
	_, err := w.run(mailsync.Request{Full: true}, fault{}, nil)
	return err
}

// unmark takes \Deleted off again: without UIDPLUS, removals wait for it. It is on what
// people marked, and on what they copied of a message that a run had marked.
func (w *World) unmark() {
	if !slices.Contains(w.h.Setting.Without, "UIDPLUS") {
		return
	}
	// All are found first: taking it off one copy is what the model then knows of the others.
	marked := slices.DeleteFunc(w.there(), func(x onServer) bool {
		t := w.model.tokens[x.token]
		by := t != nil && (t.set[Server][`\Deleted`] || t.set[Disk][`\Deleted`] || t.undone[`\Deleted`] || t.flags[`\Deleted`])
		return !by && !w.copies[copyOf{x.token, x.box, x.msg.UID}]
	})
	for _, x := range marked {
		w.setFlag(x, `\Deleted`, false)
		if t := w.model.tokens[x.token]; t == nil || !t.voided {
			continue
		}
		// Nothing proves that it was taken off: it would come back from the disk.
		for _, f := range w.mine() {
			if f.token == x.token {
				w.setFile(f, `\Deleted`, false)
			}
		}
	}
}
