package simulate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

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
		if t.least-t.removals <= 0 || len(server[t.n])+len(disk[t.n]) > 0 {
			continue
		}
		if law := w.gone(t); !slices.Contains(w.o.Ignore, law) {
			return broken(law, "%s message %d is nowhere; nobody removed it", when, t.n)
		}
	}
	return nil
}

// gone is the law that a message breaks which is nowhere. What came to a mailbox between the answer
// that it is empty and its DELETE is a known fault, and breaks a law of its own.
func (w *World) gone(t *token) string {
	if t.deleted = t.deleted || t.came != "" && !slices.Contains(w.mailboxes(), t.came); t.deleted {
		return "deleted"
	}
	return "lost"
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
		case n == 0 && t.least-t.removals > 0 && !slices.Contains(w.o.Ignore, w.gone(t)):
			return broken(w.gone(t), "message %d is gone from both sides; nobody removed it (base %v)", t.n, t.base)
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
