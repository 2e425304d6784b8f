package simulate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	mailsync "satchel/sync"
)

// Violation is a law that was broken.
type Violation struct {
	Law  string // its name, by which failures are told apart
	Text string
}

func (v *Violation) Error() string { return v.Law + ": " + v.Text }

func broken(law, format string, args ...any) *Violation {
	return &Violation{Law: law, Text: fmt.Sprintf(format, args...)}
}

// first returns the first law of several that is broken.
func (w *World) first(laws ...func() *Violation) *Violation {
	for _, law := range laws {
		if v := law(); v != nil && !slices.Contains(w.o.Ignore, v.Law) {
			return v
		}
	}
	return nil
}

// always is what holds after every run, however it ended.
func (w *World) always(res result, f fault) *Violation {
	return w.first(
		res.stateHolds,
		func() *Violation { return w.notLost("after a run") },
		w.nothingForeign,
		func() *Violation { return w.stateClaims() },
		func() *Violation { return w.statusSays(res, f) },
	)
}

// notLost is conservation: what nobody removed is there, on some side.
func (w *World) notLost(when string) *Violation {
	server, disk := w.serverSnapshot().where(), w.tree.snapshot().where()
	for _, t := range w.model.sorted() {
		if t.least-t.removals > 0 && len(server[t.n])+len(disk[t.n]) == 0 {
			return broken("lost", "%s message %d is nowhere; nobody removed it", when, t.n)
		}
	}
	return nil
}

// nothingForeign: no file outside the Maildir is touched, and none is uploaded.
func (w *World) nothingForeign() *Violation {
	for name, text := range w.canaries() {
		b, err := os.ReadFile(filepath.Join(w.outside(), name))
		if err != nil || string(b) != text {
			return broken("foreign", "%s outside the Maildir was changed: %v", name, err)
		}
	}
	n := 0
	_ = filepath.WalkDir(w.outside(), func(string, os.DirEntry, error) error { n++; return nil })
	if n != 3+len(w.canaries()) {
		return broken("foreign", "there are %d entries in the folder outside", n)
	}
	for box, list := range w.serverSnapshot() {
		for _, m := range list {
			if m.token >= 9000 {
				return broken("foreign", "a file from outside the Maildir is in %s on the server", box)
			}
		}
	}
	return nil
}

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
	if v := w.includeAll(); v != nil {
		return v
	}
	before, v := w.plan(nil)
	if v == nil && unseen(before) {
		if err := w.personLooks(); err != nil {
			return broken("harness", "%v", err)
		}
		before, v = w.plan(nil)
	}
	if v != nil {
		return v
	}
	var res result
	for i := range 2 {
		var err error
		if res, err = w.run(mailsync.Request{}, fault{}, nil); err != nil {
			return broken("harness", "%v", err)
		}
		w.note("run -> %v", res)
		if v := w.always(res, fault{}); v != nil {
			return v
		}
		if res.err != nil {
			return broken("error", "run %d of an agreement failed: %v", i+1, res.err)
		}
		if i == 0 {
			if v := w.first(func() *Violation { return w.planned(before, res) }); v != nil {
				return v
			}
		}
	}
	server, disk := w.serverSnapshot(), w.tree.snapshot()
	v = w.first(
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
	if v != nil {
		return v
	}
	w.lost, w.rights, w.stopped, w.changed, w.blurred = false, false, false, false, false
	w.files = w.inodes()
	w.carried.forget()
	clear(w.torn)
	clear(w.copies)
	w.unalter()
	w.model.agreed(server)
	w.note("-- agreed")
	return nil
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

// same demands that both sides hold the same.
func same(server, disk snapshot) *Violation {
	boxes := map[string]bool{}
	for b := range server {
		boxes[b] = true
	}
	for b := range disk {
		boxes[b] = true
	}
	for _, b := range sortedKeys(boxes) {
		s, onServer := server[b]
		d, onDisk := disk[b]
		if onServer != onDisk {
			return broken("disagree", "%s: on the server %v (%d messages), on disk %v (%d)", b, onServer, len(s), onDisk, len(d))
		}
		if l, r := server.lines(b), disk.lines(b); !slices.Equal(l, r) {
			return broken("disagree", "%s holds on the server %q, on disk %q", b, l, r)
		}
	}
	return nil
}

// numbers: nothing is there more often than it was made, and what nobody
// removed is there.
func (w *World) numbers(s snapshot) *Violation {
	where := s.where()
	for _, t := range w.model.sorted() {
		n := len(where[t.n])
		switch most := w.most(t); {
		case n > most && !slices.Contains(w.o.Ignore, t.tooMany(n-most)):
			return broken(t.tooMany(n-most), "message %d is there %d times, in %v; it was made %d times (base %v)", t.n, n, where[t.n], most, t.base)
		case n == 0 && t.least-t.removals > 0:
			return broken("lost", "message %d is gone from both sides; nobody removed it (base %v)", t.n, t.base)
		}
	}
	return nil
}

// places: a message that one side only touched is where that side put it.
func (w *World) places(s snapshot) *Violation {
	where := s.where()
	for _, t := range w.model.sorted() {
		if t.excused != "" || t.touch[Server] && t.touch[Disk] {
			continue
		}
		want, by := t.base, Disk
		switch {
		case t.touch[Server]:
			want, by = t.places[Server], Server
		case t.touch[Disk]:
			want = t.places[Disk]
		default:
			if !w.model.stable(Server, want) {
				continue
			}
		}
		want = slices.Sorted(slices.Values(want))
		if (t.voided || t.resent > 0) && len(want) < len(where[t.n]) {
			continue
		}
		if w.model.stable(by, want) && w.model.stable(by, where[t.n]) && !slices.Equal(want, where[t.n]) {
			return broken("place", "message %d is in %v; only the %v touched it, and wants it in %v (base %v)", t.n, where[t.n], by, want, t.base)
		}
	}
	return nil
}

// flags is the three-way merge: a flag that one side changed is as that side
// has it, a flag that nobody changed is as it was.
func (w *World) flags(s snapshot) *Violation {
	have := map[int][]string{}
	for _, list := range s {
		for _, m := range list {
			have[m.token] = m.flags
		}
	}
	where := s.where()
	for _, t := range w.model.sorted() {
		if len(where[t.n]) != 1 || t.most != 1 || t.excused != "" {
			continue
		}
		for i := range 7 {
			f := flagOf(i)
			sv, sset := t.set[Server][f]
			dv, dset := t.set[Disk][f]
			_, undone := t.undone[f]
			want := t.flags[f]
			switch {
			case t.meaningless(f) || undone:
				continue
			case sset && dset && sv != dv:
				continue // each changed it more than once
			case sset && sv != want:
				want = sv
			case dset && dv != want:
				want = dv
			case sset || dset:
				continue // changed there and back
			}
			if is := slices.Contains(have[t.n], f); is != want && (!t.voided || !is) {
				return broken("flags", "message %d in %v has %v; %s should be %v (base %v, server %v, disk %v)", t.n, where[t.n], have[t.n], f, want, t.flags, t.set[Server], t.set[Disk])
			}
		}
	}
	return nil
}

// bytes: content and date are what they were made with.
func (w *World) bytes() *Violation {
	for _, x := range w.there() {
		t := w.model.tokens[x.token]
		if t == nil || t.content == nil {
			return broken("bytes", "a message in %s is none that was made: %.60q", x.box, x.msg.Content)
		}
		if !w.same(x.msg.Content, t) {
			return broken("bytes", "message %d in %s on the server has %d bytes, made with %d", t.n, x.box, len(x.msg.Content), len(t.content))
		}
		if !t.copied && x.msg.Date.Unix() != t.date.Unix() {
			return broken("date", "message %d in %s on the server is of %v, made with %v", t.n, x.box, x.msg.Date.UTC(), t.date.UTC())
		}
	}
	for _, f := range w.tree.all() {
		t := w.model.tokens[f.token]
		if t == nil {
			continue
		}
		b, err := os.ReadFile(w.tree.path(f))
		if err != nil || !w.same(b, t) {
			return broken("bytes", "message %d in %s on disk has %d bytes, made with %d: %v", t.n, f.folder, len(b), len(t.content), err)
		}
		i, err := os.Stat(w.tree.path(f))
		if err == nil && !t.copied && i.ModTime().Unix() != t.date.Unix() {
			return broken("date", "message %d in %s on disk is of %v, made with %v", t.n, f.folder, i.ModTime().UTC(), t.date.UTC())
		}
	}
	return nil
}

// plain is a content without what the sides may differ in: line ends, and
// the lines that mutt adds.
func plain(b []byte) []byte {
	var out []byte
	head := true
	for line := range bytes.Lines(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))) {
		if len(bytes.TrimRight(line, "\n")) == 0 {
			head = false
		}
		if head && (bytes.HasPrefix(line, []byte("Content-Length:")) || bytes.HasPrefix(line, []byte("Lines:"))) {
			continue
		}
		out = append(out, line...)
	}
	return out
}

// idle: a further run does nothing, in operations and in bytes.
func (w *World) idle() *Violation {
	res, err := w.run(mailsync.Request{}, fault{}, nil)
	switch {
	case err != nil:
		return broken("harness", "%v", err)
	case res.err != nil || unexpected(res):
		return broken("problem", "a run with nothing to do: %v", res)
	case res.rep.Changed():
		return broken("restless", "a run with nothing to do did %v", res)
	}
	return nil
}
