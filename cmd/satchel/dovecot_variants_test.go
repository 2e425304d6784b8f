package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"satchel/sync/imaptest/dovecot"
)

// How long the histories on variants of Dovecot are; the short form is part of
// `make test`.
var (
	variantSeeds = flag.Int("variants", 0, "random histories on each variant of Dovecot; 0: one on some")
	variantSeed  = flag.Uint64("variants.seed", 1, "the first `seed` of them")
)

// variant is a Dovecot that is set up in one of the ways that there are.
type variant struct {
	name               string
	storage, delim, ns string
	without            []string // capabilities that it does not announce
	extra              string
}

func variants() []variant {
	return []variant{
		{name: "plain", storage: dovecot.SDBox, delim: "/", without: []string{"QRESYNC", "CONDSTORE"}},
		{name: "condstore", storage: dovecot.Maildir, delim: ".", ns: "INBOX.", without: []string{"QRESYNC"}},
		{name: "bare", storage: dovecot.MDBox, delim: "/", without: []string{"QRESYNC", "CONDSTORE", "UIDPLUS", "MOVE",
			"LIST-STATUS", "LIST-EXTENDED", "NAMESPACE", "ESEARCH", "LITERAL+", "ENABLE", "IDLE", "ID", "UNSELECT", "SPECIAL-USE", "CHILDREN"}},
		{name: "no UIDPLUS", storage: dovecot.Maildir, delim: ".", without: []string{"UIDPLUS"}},
		{name: "all", storage: dovecot.Maildir, delim: "/", ns: "INBOX/"},
		{name: "no MOVE", storage: dovecot.SDBox, delim: ".", ns: "INBOX.", without: []string{"MOVE"}},
		{name: "no LIST-STATUS", storage: dovecot.MDBox, delim: "/", without: []string{"LIST-STATUS", "LIST-EXTENDED"}},
		{name: "no NAMESPACE", storage: dovecot.SDBox, delim: "/", without: []string{"NAMESPACE"}},
		{name: "no ESEARCH", storage: dovecot.Maildir, delim: ".", without: []string{"ESEARCH", "QRESYNC"}},
		{name: "no ID", storage: dovecot.SDBox, delim: "/", without: []string{"ID"}},
		{name: "only MOVE missing UIDPLUS", storage: dovecot.MDBox, delim: ".", ns: "INBOX.", without: []string{"UIDPLUS", "QRESYNC"}},
	}
}

// TestDovecotVariants runs random histories, in which the program is killed at
// any moment, on variants of a real server.
func TestDovecotVariants(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and starts servers")
	}
	full := dovecot.Start(t, dovecot.Options{})
	caps := capabilities(t, full)
	full.Stop()
	bin := build(t)
	seeds, list := *variantSeeds, variants()
	if seeds == 0 {
		seeds, list = 1, list[:5]
	}
	for _, v := range list {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			o := dovecot.Options{Storage: v.storage, Delimiter: v.delim, Prefix: v.ns, Extra: v.extra}
			if len(v.without) > 0 {
				o.Capability = strings.Join(slices.DeleteFunc(slices.Clone(caps), func(c string) bool { return slices.Contains(v.without, c) }), " ")
			}
			for i := range seeds {
				seed := *variantSeed + uint64(i)
				if !t.Run(fmt.Sprint(seed), func(t *testing.T) { newSaga(t, bin, dovecot.Start(t, o), v, seed).tell() }) {
					return
				}
			}
		})
	}
}

// capabilities returns what a server announces after login.
func capabilities(t *testing.T, srv *dovecot.Server) []string {
	t.Helper()
	for _, r := range dialIMAP(t, srv, "/", "", srv.User).cmd("CAPABILITY") {
		if rest, ok := strings.CutPrefix(r.Text, "* CAPABILITY "); ok {
			return strings.Fields(rest)
		}
	}
	t.Fatal("no capabilities")
	return nil
}

// saga is one random history.
type saga struct {
	*rig
	rng   *rand.Rand
	n     int
	kills int
	text  []string // what was done, for people
	fates map[string]*fate
	names map[string]string // mailbox -> what it was called at the start of the chapter
	// proves: the server tells what a mailbox was called before. Otherwise all
	// messages of one that was renamed count as moved, out of a mailbox that
	// is gone: of those that were there, one that was removed may come back.
	proves  bool
	renamed map[string]bool // by the first name
}

// fate is what was done to the message of a subject in a chapter, by whom (0:
// on disk, 1: on the server).
type fate struct {
	before           int // how many there were
	home             string
	delivered        int
	copied           bool
	removed, touched [2]bool
	moved            [2]bool
	place            string
	flags            map[string][2]bool // flag -> who changed it
	on               map[string]bool
}

func newSaga(t *testing.T, bin string, srv *dovecot.Server, v variant, seed uint64) *saga {
	s := &saga{rig: newRig(t, bin, srv, v.delim, v.ns, srv.User), rng: rand.New(rand.NewPCG(seed, 77)),
		proves: !slices.Contains(v.without, "ID")}
	s.configure(srv.Addr(), "tls = \"none\"\nuser = %q\npassword = %q\nfsync = false\nmax_delete_percent = 100\n", srv.User, srv.Password)
	return s
}

func (s *saga) note(format string, args ...any) {
	s.text = append(s.text, fmt.Sprintf(format, args...))
}

// tell goes through a few chapters.
func (s *saga) tell() {
	for _, m := range []string{"Work", "Lists/go", "Lists/c", "Früh & spät"} {
		s.imap.create(m)
	}
	for range 12 {
		s.deliver(1, s.boxes(1))
	}
	s.silent("sync")
	s.equal()
	s.park()
	for range 5 {
		s.chapter()
		if s.Failed() {
			return
		}
	}
	s.Logf("%d kills", s.kills)
}

// chapter changes both sides, syncs with interruptions between which people go
// on, and checks what came of it.
func (s *saga) chapter() {
	s.text, s.fates, s.names, s.renamed = nil, map[string]*fate{}, map[string]string{}, map[string]bool{}
	for mailbox, ls := range s.disk() {
		for _, l := range ls {
			f := s.fate(l.subject())
			f.before++
			f.home = mailbox
		}
	}
	s.edit()
	for range s.rng.IntN(4) {
		s.kill()
		if s.rng.IntN(2) == 0 {
			s.edit()
		}
	}
	if o := s.run("sync"); o.code != 0 || o.stdout+o.stderr != "" && !strings.Contains(o.stderr, "UIDVALIDITY") {
		s.Errorf("sync: %v\nafter\n%s", o, strings.Join(s.text, "\n"))
		return
	}
	s.judge(s.equal())
	s.park()
	if o := s.json(0, "sync"); len(o.Counts) > 0 {
		s.Errorf("a second run did %v", o.Counts)
	}
	if o := s.run("check"); o.code != 0 {
		s.Errorf("check: %v", o)
	}
	if s.Failed() {
		s.Logf("after\n%s", strings.Join(s.text, "\n"))
	}
}

// kill ends a run somewhere in its middle, as kill -9 does.
func (s *saga) kill() {
	delay := time.Duration(s.rng.IntN(120_000)) * time.Microsecond
	finish := s.start("sync")
	time.Sleep(delay) // any moment will do; that it is another one each time is the point
	o := finish(syscall.SIGKILL)
	s.note("killed after %v: %d", delay, o.code)
	if o.code == -1 {
		s.kills++
	}
}

func (s *saga) fate(subject string) *fate {
	f := s.fates[subject]
	if f == nil {
		f = &fate{flags: map[string][2]bool{}, on: map[string]bool{}}
		s.fates[subject] = f
	}
	return f
}

// edit changes both sides at random.
func (s *saga) edit() {
	for side := range 2 {
		for range 1 + s.rng.IntN(6) {
			boxes := s.boxes(side)
			if k := s.rng.IntN(12); k == 0 {
				s.renameBox(side, boxes)
			} else if k < 4 {
				s.deliver(side, boxes)
			} else {
				s.change(side, boxes)
			}
		}
	}
	s.park()
}

func (s *saga) pick(list []string) string { return list[s.rng.IntN(len(list))] }

// renameBox renames a mailbox with those below it.
func (s *saga) renameBox(side int, boxes []string) {
	from := s.pick(boxes)
	s.n++
	to := fmt.Sprintf("%sNew %d", []string{"", "Top/"}[s.rng.IntN(2)], s.n)
	if from == "INBOX" {
		return
	}
	for _, name := range boxes {
		rest, ok := strings.CutPrefix(name, from)
		if !ok || rest != "" && rest[0] != '/' {
			continue
		}
		s.names[to+rest] = s.origin(name)
		if s.proves {
			continue
		}
		s.renamed[s.origin(name)] = true
		for _, l := range s.list(side, name) {
			f := s.fate(l.subject())
			f.touched, f.moved = [2]bool{true, true}, [2]bool{true, true}
		}
	}
	s.note("%s: rename %s to %s", who(side), from, to)
	s.move(side, from, to)
}

func (s *saga) origin(name string) string {
	if o, ok := s.names[name]; ok {
		return o
	}
	return name
}

func who(side int) string { return [2]string{"disk", "server"}[side] }

func (s *saga) deliver(side int, boxes []string) {
	s.n++
	subject, box := fmt.Sprintf("m%d", s.n), s.pick(boxes)
	content := text(subject, strings.Repeat("some more text\n", s.rng.IntN(300)))
	if s.fates != nil {
		s.fate(subject).delivered++
	}
	s.note("%s: deliver %s to %s", who(side), subject, box)
	s.add(side, box, subject, content)
}

func (s *saga) change(side int, boxes []string) {
	box, to := s.pick(boxes), s.pick(boxes)
	list := s.list(side, box)
	op, flag := s.rng.IntN(6), s.pick([]string{`\Seen`, `\Flagged`, `\Answered`, "$Forwarded"})
	pick := s.rng.IntN(1 << 20)
	if len(list) == 0 {
		return
	}
	l := list[pick%len(list)]
	if slices.ContainsFunc(list, func(x letter) bool { return x.subject() == l.subject() && x.name != l.name }) {
		return // nobody could tell which of the two is meant
	}
	f := s.fate(l.subject())
	f.touched[side] = true
	switch op {
	case 0, 1, 2:
		on := !slices.Contains(l.flags, flag)
		s.note("%s: %s of %s in %s becomes %v", who(side), flag, l.subject(), box, on)
		by := f.flags[flag]
		by[side] = true
		f.flags[flag], f.on[flag] = by, on
		s.flag(side, box, l, flag, on)
	case 3:
		if to != box {
			s.note("%s: move %s from %s to %s", who(side), l.subject(), box, to)
			f.moved[side], f.place = true, to
			s.moveLetter(side, box, l, to)
		}
	case 4:
		if to != box {
			s.note("%s: copy %s from %s to %s", who(side), l.subject(), box, to)
			f.copied = true
			s.copyLetter(side, box, l, to)
		}
	case 5:
		s.note("%s: remove %s from %s", who(side), l.subject(), box)
		f.removed[side] = true
		s.remove(side, box, l)
	}
}

// judge holds the end against what was done: what only one side touched is as
// that side left it, nothing is lost that nobody removed, nothing is doubled.
func (s *saga) judge(end letters) {
	s.Helper()
	where, flags := map[string][]string{}, map[string][]string{}
	for box, ls := range end {
		for _, l := range ls {
			where[l.subject()] = append(where[l.subject()], box)
			flags[l.subject()] = l.flags
		}
	}
	for subject, f := range s.fates {
		got, want := len(where[subject]), f.before+f.delivered
		gone := f.removed[0] || f.removed[1]
		switch {
		case f.copied:
			if !gone && got < want {
				s.Errorf("lost: %s is in %v", subject, where[subject])
			}
			continue
		case f.before > 1 && len(s.renamed) > 0:
			continue // which of two equal ones is where, nothing tells
		case got > want:
			s.Errorf("doubled: %s is in %v", subject, where[subject])
			continue
		case gone:
			for side := range 2 {
				if want == 1 && f.delivered == 0 && f.removed[side] && !f.touched[1-side] && got > 0 && !s.renamed[s.origin(f.home)] {
					s.Errorf("came back: %s is in %v", subject, where[subject])
				}
			}
			continue
		case got < want:
			s.Errorf("lost: %s was in %s, is in %v", subject, f.home, where[subject])
			continue
		case want != 1:
			continue
		}
		at := where[subject][0]
		switch {
		case f.moved[0] && f.moved[1]:
		case f.moved[0] || f.moved[1]:
			if s.origin(at) != s.origin(f.place) {
				s.Errorf("misplaced: %s was moved to %s and is in %s", subject, f.place, at)
			}
		case f.before == 1 && s.origin(at) != s.origin(f.home):
			s.Errorf("misplaced: %s went from %s to %s", subject, f.home, at)
		}
		for name, by := range f.flags {
			if by[0] != by[1] && slices.Contains(flags[subject], name) != f.on[name] {
				s.Errorf("flags: %s of %s is not %v: %v", name, subject, f.on[name], flags[subject])
			}
		}
	}
}
